"""REST routes of prompts in both versions (contract, section 4)."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, Field, StrictBool, StrictStr
from sqlalchemy import ColumnElement
from sqlmodel import col

from lumenspan.clock import nanos_to_datetime
from lumenspan.errors import AccessDenied, InvalidInput
from lumenspan.identity.domain import KeyPrincipal
from lumenspan.prompts.codec import to_row, to_summary_row
from lumenspan.prompts.domain import PRODUCTION, NewPrompt, PromptType
from lumenspan.prompts.tables import PromptRow
from lumenspan_server.access import require_key
from lumenspan_server.errors import invalid_query, json_response
from lumenspan_server.json_body import read_json
from lumenspan_server.params import QueryParams
from lumenspan_server.prompts import filters
from lumenspan_server.services import Services

_V1, _V2 = "/api/public/prompts", "/api/public/v2/prompts"
_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 10, 100, 10**6
_MAX_VERSION = 2**31 - 1
_DENIED = "Access denied - need to use basic auth with secret key to access prompts"

Texts = list[StrictStr]


class _Create(BaseModel):
    name: StrictStr
    type: PromptType = PromptType.TEXT
    prompt: Any
    labels: Annotated[Texts, Field(max_length=100)] = []
    tags: Annotated[Texts, Field(max_length=1_000)] | None = None
    config: Any = None
    commit_message: StrictStr | None = Field(None, alias="commitMessage")

    def to_domain(self, *labels: str) -> NewPrompt:
        return NewPrompt(
            name=self.name,
            type=self.type,
            prompt=self.prompt,
            labels=(*self.labels, *labels),
            tags=None if self.tags is None else tuple(self.tags),
            config=self.config,
            commit_message=self.commit_message,
        )


class _CreateV1(_Create):
    is_active: StrictBool = Field(alias="isActive")


class _Labels(BaseModel):
    new_labels: Annotated[Texts, Field(alias="newLabels", max_length=100)]


async def _key(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The key pair behind a call.

    Raises:
        AccessDenied: a public key alone.
    """
    principal = await require_key(request)
    if principal.is_public_key_only:
        raise AccessDenied(_DENIED)
    return principal


def _version(params: QueryParams) -> int | None:
    return params.number("version", 1, 1, _MAX_VERSION) if params.text("version") else None


@post(_V2, status_code=201, summary="Make a version of a prompt")
async def create_prompt(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version."""
    principal = await _key(request)
    body = await read_json(request, _Create)
    services: Services = request.app.state.services
    return json_response(to_row(await services.prompts.create(principal.project_id, body.to_domain())), 201)


@post(_V1, status_code=201, summary="Make a version of a prompt, as of the first version")
async def create_prompt_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version; ``isActive`` puts it into production."""
    principal = await _key(request)
    body = await read_json(request, _CreateV1)
    services: Services = request.app.state.services
    given = body.to_domain(*([PRODUCTION] if body.is_active else []))
    return json_response(to_row(await services.prompts.create(principal.project_id, given)), 201)


@get(_V2 + "/{prompt_name:path}", summary="One version of a prompt, resolved unless told otherwise")
async def get_prompt(request: Request[Any, Any, Any], prompt_name: FromPath[str]) -> Response[bytes]:
    """The version with ``resolutionGraph``; 404 where there is none."""
    principal = await _key(request)
    params = QueryParams(request)
    services: Services = request.app.state.services
    body = await services.prompts.as_json(
        principal.project_id,
        prompt_name.removeprefix("/"),
        _version(params),
        params.text("label") or None,
        is_resolved=params.flag("resolve") is not False,
    )
    return Response(body, media_type="application/json")


@get(_V1, summary="One version of a prompt, as of the first version")
async def get_prompt_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version of that number, else the one in production."""
    principal = await _key(request)
    params = QueryParams(request)
    name = params.text("name")
    if not name:
        raise invalid_query("name", "Required", "invalid_type")
    services: Services = request.app.state.services
    body = await services.prompts.as_json(
        principal.project_id, name, _version(params), None, is_resolved=True
    )
    return Response(body, media_type="application/json")


@get(_V2, summary="Prompts of the project by name")
async def list_prompts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [{name, type, versions, labels, tags, lastUpdatedAt, lastConfig}], meta, pagination}``."""
    principal = await _key(request)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    filter_text = params.text("filter")
    accepts = filters.parse(filter_text) if filter_text else None
    services: Services = request.app.state.services
    # The filter stands in for the parameters.
    conditions = [] if accepts else _conditions(params)
    found, total = await services.prompts.page(principal.project_id, conditions, accepts, page, limit)
    meta = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
    rows = [to_summary_row(each) for each in found]
    return json_response({"data": rows, "meta": meta, "pagination": meta})


def _conditions(params: QueryParams) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if params.text("name"):
        found.append(col(PromptRow.name) == params.text("name"))
    if (version := _version(params)) is not None:
        found.append(col(PromptRow.version) == version)
    for name, column in (("label", col(PromptRow.labels)), ("tag", col(PromptRow.tags))):
        if params.text(name):
            found.append(column.contains([params.text(name)]))
    since, until = params.time_ns("fromUpdatedAt"), params.time_ns("toUpdatedAt")
    if since is not None:
        found.append(col(PromptRow.updated_at) >= nanos_to_datetime(since))
    if until is not None:
        found.append(col(PromptRow.updated_at) < nanos_to_datetime(until))
    return found


@patch(_V2 + "/{place:path}", summary="Put labels on a version: PATCH …/{name}/versions/{version}")
async def update_labels(request: Request[Any, Any, Any], place: FromPath[str]) -> Response[bytes]:
    """The version. Its labels stay, others lose those that move here."""
    principal = await _key(request)
    name, separator, version = place.removeprefix("/").rpartition("/versions/")
    if not separator or not version.isdecimal() or not 0 < int(version) <= _MAX_VERSION:
        raise InvalidInput("The route is /prompts/{name}/versions/{version}, with a whole number")
    body = await read_json(request, _Labels)
    services: Services = request.app.state.services
    changed = await services.prompts.add_labels(principal.project_id, name, int(version), body.new_labels)
    return json_response(to_row(changed))


@delete(
    _V2 + "/{prompt_name:path}", status_code=204, summary="Delete a version of a prompt, or all of them"
)
async def delete_prompt(request: Request[Any, Any, Any], prompt_name: FromPath[str]) -> None:
    """Nothing; 404 where there is nothing to delete."""
    principal = await _key(request)
    params = QueryParams(request)
    services: Services = request.app.state.services
    await services.prompts.delete(
        principal.project_id, prompt_name.removeprefix("/"), _version(params), params.text("label") or None
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
