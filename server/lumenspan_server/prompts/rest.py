"""REST routes of prompts in both versions (contract, section 4)."""

import re
from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.errors import AccessDenied, InvalidInput
from lumenspan.identity.domain import KeyPrincipal
from lumenspan.prompts.codec import to_row, to_summary_row
from lumenspan.prompts.domain import PRODUCTION, PromptFilter
from lumenspan_server.access import require_key
from lumenspan_server.operations import answer, operation, page_meta, read_body, read_query
from lumenspan_server.prompts import filters, wire
from lumenspan_server.services import Services

_V1, _V2 = "/api/public/prompts", "/api/public/v2/prompts"
_MAX_VERSION = 2**31 - 1
_DIGITS = re.compile(r"[0-9]{1,10}\Z")
_DENIED = "Access denied - need to use basic auth with secret key to access prompts"


async def _key(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The key pair behind a call.

    Raises:
        AccessDenied: a public key alone.
    """
    principal = await require_key(request)
    if principal.is_public_key_only:
        raise AccessDenied(_DENIED)
    return principal


@post(
    _V2,
    summary="Make a version of a prompt",
    **operation(body=wire.PromptBody, answer=wire.PromptVersion, status=201, resource="prompts"),
)
async def create_prompt(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version."""
    principal = await _key(request)
    body = await read_body(request, wire.PromptBody)
    services: Services = request.app.state.services
    return answer(to_row(await services.prompts.create(principal.project_id, body.to_domain())), 201)


@post(
    _V1,
    summary="Make a version of a prompt, as of the first version",
    **operation(body=wire.PromptBodyV1, answer=wire.PromptVersion, status=201, resource="prompts"),
)
async def create_prompt_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version; ``isActive`` puts it into production."""
    principal = await _key(request)
    body = await read_body(request, wire.PromptBodyV1)
    services: Services = request.app.state.services
    given = body.to_domain(*([PRODUCTION] if body.is_active else []))
    return answer(to_row(await services.prompts.create(principal.project_id, given)), 201)


@get(
    _V2 + "/{prompt_name:path}",
    summary="One version of a prompt, resolved unless told otherwise",
    **operation(query=wire.PromptQuery, answer=wire.PromptVersion, resource="prompts"),
)
async def get_prompt(request: Request[Any, Any, Any], prompt_name: FromPath[str]) -> Response[bytes]:
    """The version with ``resolutionGraph``; 404 where there is none."""
    principal = await _key(request)
    query = read_query(request, wire.PromptQuery)
    services: Services = request.app.state.services
    body = await services.prompts.as_json(
        principal.project_id,
        prompt_name.removeprefix("/"),
        query.version,
        query.label,
        is_resolved=query.resolve is not False,
    )
    return Response(body, media_type="application/json")


@get(
    _V1,
    summary="One version of a prompt, as of the first version",
    **operation(query=wire.PromptQueryV1, answer=wire.PromptVersion, resource="prompts"),
)
async def get_prompt_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version of that number, else the one in production."""
    principal = await _key(request)
    query = read_query(request, wire.PromptQueryV1)
    services: Services = request.app.state.services
    body = await services.prompts.as_json(
        principal.project_id, query.name, query.version, None, is_resolved=True
    )
    return Response(body, media_type="application/json")


@get(
    _V2,
    summary="Prompts of the project by name",
    **operation(query=wire.PromptListQuery, answer=wire.Prompts, resource="prompts"),
)
async def list_prompts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [{name, type, versions, labels, tags, lastUpdatedAt, lastConfig}], meta, pagination}``."""
    principal = await _key(request)
    query = read_query(request, wire.PromptListQuery)
    accepts = filters.parse(query.filter) if query.filter else None
    services: Services = request.app.state.services
    # The filter stands in for the parameters.
    wanted = PromptFilter() if accepts else query.to_domain()
    found, total = await services.prompts.page(
        principal.project_id, wanted, accepts, query.page, query.limit
    )
    meta = page_meta(query, total)
    return answer({"data": [to_summary_row(each) for each in found], "meta": meta, "pagination": meta})


@patch(
    _V2 + "/{place:path}",
    summary="Put labels on a version",
    **operation(
        path=_V2 + "/{name}/versions/{version}",
        body=wire.PromptLabels,
        answer=wire.PromptVersion,
        resource="prompts",
    ),
)
async def update_labels(request: Request[Any, Any, Any], place: FromPath[str]) -> Response[bytes]:
    """The version. Its labels stay, others lose those that move here."""
    principal = await _key(request)
    name, separator, version = place.removeprefix("/").rpartition("/versions/")
    if not separator or not _DIGITS.match(version) or not 0 < int(version) <= _MAX_VERSION:
        raise InvalidInput("The route is /prompts/{name}/versions/{version}, with a whole number")
    body = await read_body(request, wire.PromptLabels)
    services: Services = request.app.state.services
    changed = await services.prompts.add_labels(principal.project_id, name, int(version), body.new_labels)
    return answer(to_row(changed))


@delete(
    _V2 + "/{prompt_name:path}",
    summary="Delete a version of a prompt, or all of them",
    **operation(query=wire.PromptChoice, status=204, resource="prompts"),
)
async def delete_prompt(request: Request[Any, Any, Any], prompt_name: FromPath[str]) -> None:
    """Nothing; 404 where there is nothing to delete."""
    principal = await _key(request)
    query = read_query(request, wire.PromptChoice)
    services: Services = request.app.state.services
    await services.prompts.delete(
        principal.project_id, prompt_name.removeprefix("/"), query.version, query.label
    )


routes: list[ControllerRouterHandler] = [
    create_prompt,
    create_prompt_v1,
    get_prompt,
    get_prompt_v1,
    list_prompts,
    update_labels,
    delete_prompt,
]
