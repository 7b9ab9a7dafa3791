"""SCIM 2.0: an identity provider keeps the members of an organization (contract, section 9)."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.types import ExceptionHandlersMap
from msgspec import Meta

from lumenspan.errors import Conflict, LumenspanError
from lumenspan.identity.provisioning import Provisioning
from lumenspan.ids import UserId
from lumenspan_server.access import identity_of, require_organization_key
from lumenspan_server.errors import HANDLERS
from lumenspan_server.operations import Wire, operation, read_query
from lumenspan_server.scim.answers import (
    BASE,
    MAX_COUNT,
    ResourceTypesResponse,
    SchemasResponse,
    ScimUser,
    ScimUsersListResponse,
    ServiceProviderConfig,
    resource_types,
    schemas,
    service_provider_config,
)
from lumenspan_server.scim.payloads import ScimError, read_filter, read_patch, read_user

USERS = BASE + "/Users"
USER = USERS + "/{user_id:str}"
_SCIM = "application/scim+json"
_ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"
_BEYOND = 10**9
# Header of the clients that are generated from the documented API.
_GENERATED = "x-fern-language"


class UsersQuery(Wire):
    """``startIndex`` counts from 1; below it is 1, and a ``count`` below 0 is 0."""

    filter: str | None = None
    start_index: Annotated[int, Meta(le=_BEYOND)] | None = None
    count: int | None = None


class ScimName(Wire):
    formatted: str | None = None


class NewEmail(Wire):
    primary: bool
    value: str
    type: str


class NewUser(Wire):
    """As documented; ``password`` is accepted and passed over."""

    user_name: str
    name: ScimName
    emails: list[NewEmail] | None = None
    active: bool | None = None
    password: str | None = None


class Removed(Wire):
    """Nothing; only for clients that need a body."""


@get(
    BASE + "/ServiceProviderConfig",
    summary="What of SCIM there is",
    **operation(answer=ServiceProviderConfig, resource="none"),
)
async def get_config(request: Request[Any, Any, Any]) -> Response[bytes]:
    await require_organization_key(request)
    return _answer(request, service_provider_config())


@get(
    BASE + "/ResourceTypes",
    summary="Kinds of resources",
    **operation(answer=ResourceTypesResponse, resource="none"),
)
async def list_resource_types(request: Request[Any, Any, Any]) -> Response[bytes]:
    await require_organization_key(request)
    return _answer(request, resource_types())


@get(
    BASE + "/Schemas",
    summary="What is kept of a user",
    **operation(answer=SchemasResponse, resource="none"),
)
async def list_schemas(request: Request[Any, Any, Any]) -> Response[bytes]:
    await require_organization_key(request)
    return _answer(request, schemas())


@get(
    USERS,
    summary="Members of the key's organization",
    **operation(query=UsersQuery, answer=ScimUsersListResponse, resource="none"),
)
async def list_users(request: Request[Any, Any, Any]) -> Response[bytes]:
    """In the order in which they joined."""
    principal = await require_organization_key(request)
    query = read_query(request, UsersQuery)
    start = max(1, query.start_index or 1)
    limit = 100 if query.count is None else max(0, min(query.count, MAX_COUNT))
    found, total = await _provisioning(request).page(
        principal,
        principal.organization_id,
        email=read_filter(query.filter) if query.filter else None,
        offset=start - 1,
        limit=limit,
    )
    return _answer(request, ScimUsersListResponse.of(found, total, start))


@post(
    USERS,
    summary="Make a person a member",
    **operation(body=NewUser, answer=ScimUser, status=201, resource="none"),
)
async def create_user(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The user; there is an account for the address from now on, without a password."""
    principal = await require_organization_key(request)
    user_name, profile = read_user(await request.body())
    member = await _provisioning(request).create(principal, principal.organization_id, user_name, profile)
    return _answer(request, ScimUser.of(member), 201)


@get(USER, summary="One member", **operation(answer=ScimUser, resource="none"))
async def get_user(request: Request[Any, Any, Any], user_id: FromPath[str]) -> Response[bytes]:
    """404 while deactivated."""
    principal = await require_organization_key(request)
    member = await _provisioning(request).get(principal, principal.organization_id, UserId(user_id))
    return _answer(request, ScimUser.of(member))


@put(USER, summary="Replace a member", **operation(body=NewUser, answer=ScimUser, resource="none"))
async def replace_user(request: Request[Any, Any, Any], user_id: FromPath[str]) -> Response[bytes]:
    """The user; ``active`` takes the membership away and brings it back."""
    principal = await require_organization_key(request)
    user_name, profile = read_user(await request.body())
    provisioning, id_ = _provisioning(request), UserId(user_id)
    before = await provisioning.get(principal, principal.organization_id, id_, is_suspended_too=True)
    _require_same_name(user_name, before.user.email)
    member = await provisioning.update(principal, principal.organization_id, id_, profile)
    return _answer(request, ScimUser.of(member))


@patch(USER, summary="Change a member", **operation(answer=ScimUser, resource="none"))
async def change_user(request: Request[Any, Any, Any], user_id: FromPath[str]) -> Response[bytes]:
    """The user; ``active`` takes the membership away and brings it back."""
    principal = await require_organization_key(request)
    provisioning, id_ = _provisioning(request), UserId(user_id)
    before = await provisioning.get(principal, principal.organization_id, id_, is_suspended_too=True)
    user_name, profile = read_patch(await request.body(), before)
    _require_same_name(user_name, before.user.email)
    member = await provisioning.update(principal, principal.organization_id, id_, profile)
    return _answer(request, ScimUser.of(member))


@delete(
    USER,
    summary="Remove a member from the organization",
    **operation(answer=Removed, answers={204: None}, resource="none"),
)
async def delete_user(request: Request[Any, Any, Any], user_id: FromPath[str]) -> Response[bytes]:
    """The account stays."""
    principal = await require_organization_key(request)
    await _provisioning(request).remove(principal, principal.organization_id, UserId(user_id))
    if _GENERATED in request.headers:
        # Generated clients take an answer without a body for an error.
        return _answer(request, Removed())
    return Response(b"", status_code=204)


def _require_same_name(user_name: str, email: str) -> None:
    """An account is the person's own: another organization may know it by this address."""
    if user_name.strip().lower() != email:
        raise ScimError("userName cannot be changed", "mutability")


def _provisioning(request: Request[Any, Any, Any]) -> Provisioning:
    return identity_of(request).provisioning


def _answer(request: Request[Any, Any, Any], body: Any, status: int = 200) -> Response[bytes]:
    """JSON; called ``application/scim+json`` where the caller asks for that."""
    media_type = _SCIM if _SCIM in request.headers.get("accept", "") else "application/json"
    return Response(msgspec.json.encode(body), status_code=status, media_type=media_type)


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """As RFC 7644 has errors, made from the answer of the usual family."""
    kind = next(each for each in (LumenspanError, HTTPException, Exception) if isinstance(error, each))
    handler: Any = HANDLERS[kind]
    usual: Response[bytes] = handler(request, error)
    status = usual.status_code or 500
    detail = msgspec.json.decode(usual.content)["message"]
    body: dict[str, Any] = {"schemas": [_ERROR_URN], "detail": detail, "status": str(status)}
    if isinstance(error, ScimError):
        body["scimType"] = error.scim_type
    elif isinstance(error, Conflict):
        body["scimType"] = "uniqueness"
    answered = _answer(request, body, status)
    answered.headers.update(usual.headers)
    return answered


_HANDLERS: ExceptionHandlersMap = {LumenspanError: _failed, HTTPException: _failed, Exception: _failed}

routes = [
    Router(
        path="/",
        route_handlers=[
            get_config,
            list_resource_types,
            list_schemas,
            list_users,
            create_user,
            get_user,
            replace_user,
            change_user,
            delete_user,
        ],
        exception_handlers=_HANDLERS,
    )
]
