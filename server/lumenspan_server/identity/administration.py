"""REST routes of the whole instance, for whoever holds ``ADMIN_API_KEY`` (contract, section 9)."""

from typing import Any

from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import FromPath

from lumenspan.identity.administration import Administration
from lumenspan.ids import ApiKeyId, OrganizationId
from lumenspan_server.errors import PLAIN_HANDLERS, ValidationFailed
from lumenspan_server.identity.bodies import (
    KeyBody,
    KeyCreated,
    KeyList,
    KeySummary,
    OrganizationAnswer,
    OrganizationBody,
    OrganizationList,
    ProjectDeleted,
    Success,
)
from lumenspan_server.identity.rest import read_key_body
from lumenspan_server.operations import answer, operation, read_body

ROUTE = "/api/admin/organizations"
_ONE = ROUTE + "/{organization_id:str}"


@get(ROUTE, summary="All organizations", **operation(answer=OrganizationList, resource="none"))
async def list_organizations(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Oldest first, each with its projects."""
    found = await _administration(request).organizations()
    return answer(OrganizationList(organizations=[OrganizationAnswer.of(*each) for each in found]))


@post(
    ROUTE,
    summary="A new organization",
    **operation(body=OrganizationBody, answer=OrganizationAnswer, status=201, resource="none"),
)
async def create_organization(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The organization, which has no members yet."""
    administration = _administration(request)
    body = await _body(request)
    made = await administration.create_organization(body.name, body.metadata)
    return answer(OrganizationAnswer.of(made, []), 201)


@get(_ONE, summary="One organization", **operation(answer=OrganizationAnswer, resource="none"))
async def get_organization(
    request: Request[Any, Any, Any], organization_id: FromPath[str]
) -> Response[bytes]:
    """The organization with its projects."""
    found = await _administration(request).organization(OrganizationId(organization_id))
    return answer(OrganizationAnswer.of(*found))


@put(
    _ONE,
    summary="Change an organization",
    **operation(body=OrganizationBody, answer=OrganizationAnswer, resource="none"),
)
async def update_organization(
    request: Request[Any, Any, Any], organization_id: FromPath[str]
) -> Response[bytes]:
    """The organization; metadata stays where it is not given."""
    administration = _administration(request)
    body = await _body(request)
    id_ = OrganizationId(organization_id)
    await administration.update_organization(id_, body.name, body.metadata)
    return answer(OrganizationAnswer.of(*await administration.organization(id_)))


@delete(
    _ONE, summary="Delete an organization", **operation(answer=ProjectDeleted, status=200, resource="none")
)
async def delete_organization(
    request: Request[Any, Any, Any], organization_id: FromPath[str]
) -> Response[bytes]:
    """Refused while the organization has projects."""
    await _administration(request).delete_organization(OrganizationId(organization_id))
    return answer(ProjectDeleted(success=True, message="Organization deleted successfully"))


@get(_ONE + "/apiKeys", summary="Keys of an organization", **operation(answer=KeyList, resource="none"))
async def list_keys(request: Request[Any, Any, Any], organization_id: FromPath[str]) -> Response[bytes]:
    """Oldest first, without secrets."""
    keys = await _administration(request).keys(OrganizationId(organization_id))
    return answer(KeyList(api_keys=[KeySummary.of(key) for key in keys]))


@post(
    _ONE + "/apiKeys",
    summary="A new key of an organization",
    **operation(body=KeyBody, answer=KeyCreated, status=201, resource="none"),
)
async def create_key(request: Request[Any, Any, Any], organization_id: FromPath[str]) -> Response[bytes]:
    """The key with its secret, which is not told again."""
    administration = _administration(request)
    wish = (await read_key_body(request)).wish()
    key, secret = await administration.create_key(OrganizationId(organization_id), wish)
    return answer(KeyCreated.of(key, secret), 201)


@delete(
    _ONE + "/apiKeys/{key_id:str}",
    summary="Revoke a key of an organization",
    **operation(answer=Success, resource="none"),
)
async def delete_key(
    request: Request[Any, Any, Any], organization_id: FromPath[str], key_id: FromPath[str]
) -> Response[bytes]:
    """The key is refused everywhere within a second."""
    administration = _administration(request)
    await administration.delete_key(OrganizationId(organization_id), ApiKeyId(key_id))
    return answer(Success(success=True))


async def _body(request: Request[Any, Any, Any]) -> OrganizationBody:
    try:
        return await read_body(request, OrganizationBody)
    except ValidationFailed as error:
        error.message = "Invalid request body"
        raise


def _administration(request: Request[Any, Any, Any]) -> Administration:
    """What the administrator may do; Unauthenticated for everybody else."""
    administration: Administration = request.app.state.services.identity.administration
    administration.require(request.headers.get("authorization"))
    return administration


routes = [
    Router(
        path="/",
        route_handlers=[
            list_organizations,
            create_organization,
            get_organization,
            update_organization,
            delete_organization,
            list_keys,
            create_key,
            delete_key,
        ],
        exception_handlers=PLAIN_HANDLERS,
    )
]
