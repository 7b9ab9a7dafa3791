"""REST routes of projects and their keys (contract, section 9)."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath

from lumenspan.errors import NotFound
from lumenspan.identity.domain import OrganizationKeyPrincipal, Project, Role
from lumenspan.ids import ApiKeyId, ProjectId
from lumenspan_server.access import (
    OrganizationKeyGiven,
    RouteDenied,
    identity_of,
    require_organization_key,
    require_project_key,
)
from lumenspan_server.identity.bodies import (
    KeyBody,
    KeyCreated,
    KeyList,
    KeySummary,
    ProjectAnswer,
    ProjectBody,
    ProjectDeleted,
    ProjectList,
    Success,
)
from lumenspan_server.operations import answer, decode, operation, read_body

ROUTE = "/api/public/projects"


@get(ROUTE, summary="The project of the calling key", **operation(answer=ProjectList, resource="none"))
async def list_projects(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [project]}`` with exactly one entry."""
    try:
        principal = await require_project_key(request)
    except OrganizationKeyGiven:
        raise RouteDenied("Invalid API key. Are you using an organization key?") from None
    identity = identity_of(request)
    project = await identity.require_project(principal, principal.project_id, Role.VIEWER)
    organization = await identity.organization_of(principal, project)
    return answer(ProjectList(data=[ProjectAnswer.of(project, organization)]))


@post(
    ROUTE,
    summary="A new project in the key's organization",
    **operation(body=ProjectBody, answer=ProjectAnswer, status=201, resource="none"),
)
async def create_project(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The project."""
    principal = await require_organization_key(request)
    body = await read_body(request, ProjectBody)
    project = await identity_of(request).projects.create(
        principal, principal.organization_id, body.name, body.retention, body.metadata
    )
    return await _project(request, principal, project, 201)


@put(
    ROUTE + "/{project_id:str}",
    summary="Change a project of the key's organization",
    **operation(body=ProjectBody, answer=ProjectAnswer, resource="none"),
)
async def update_project(request: Request[Any, Any, Any], project_id: FromPath[str]) -> Response[bytes]:
    """The project; metadata and retention stay where they are not given."""
    principal = await require_organization_key(request)
    body = await read_body(request, ProjectBody)
    project = await identity_of(request).projects.update(
        principal, ProjectId(project_id), body.name, body.retention, body.metadata
    )
    return await _project(request, principal, project, 200)


@delete(
    ROUTE + "/{project_id:str}",
    summary="Delete a project of the key's organization",
    **operation(answer=ProjectDeleted, status=202, resource="none"),
)
async def delete_project(request: Request[Any, Any, Any], project_id: FromPath[str]) -> Response[bytes]:
    """Nobody reaches the project any more; its data is removed soon after."""
    principal = await require_organization_key(request)
    await identity_of(request).projects.delete(principal, ProjectId(project_id))
    message = "Project deletion has been initiated and is being processed asynchronously."
    return answer(ProjectDeleted(success=True, message=message), 202)


@get(
    ROUTE + "/{project_id:str}/apiKeys",
    summary="Keys of a project",
    **operation(answer=KeyList, resource="none"),
)
async def list_keys(request: Request[Any, Any, Any], project_id: FromPath[str]) -> Response[bytes]:
    """Newest first, without secrets."""
    principal = await require_organization_key(request)
    keys = await identity_of(request).keys.of_project(principal, ProjectId(project_id))
    return answer(KeyList(api_keys=[KeySummary.of(key) for key in keys]))


@post(
    ROUTE + "/{project_id:str}/apiKeys",
    summary="A new key of a project",
    **operation(body=KeyBody, answer=KeyCreated, status=201, resource="none"),
)
async def create_key(request: Request[Any, Any, Any], project_id: FromPath[str]) -> Response[bytes]:
    """The key with its secret, which is not told again."""
    principal = await require_organization_key(request)
    wish = (await read_key_body(request)).wish()
    key, secret = await identity_of(request).keys.create_for_project(principal, ProjectId(project_id), wish)
    return answer(KeyCreated.of(key, secret), 201)


@delete(
    ROUTE + "/{project_id:str}/apiKeys/{key_id:str}",
    summary="Revoke a key of a project",
    **operation(answer=Success, resource="none"),
)
async def delete_key(
    request: Request[Any, Any, Any], project_id: FromPath[str], key_id: FromPath[str]
) -> Response[bytes]:
    """The key is refused everywhere within a second."""
    principal = await require_organization_key(request)
    keys = identity_of(request).keys
    if not await keys.revoke_of_project(principal, ProjectId(project_id), ApiKeyId(key_id)):
        raise NotFound("API key not found")
    return answer(Success(success=True))


async def read_key_body(request: Request[Any, Any, Any]) -> KeyBody:
    """The body, which may be empty; ValidationFailed."""
    return decode(await request.body() or b"{}", KeyBody)


async def _project(
    request: Request[Any, Any, Any], principal: OrganizationKeyPrincipal, project: Project, status: int
) -> Response[bytes]:
    organization = await identity_of(request).organization_of(principal, project)
    return answer(ProjectAnswer.of(project, organization), status)


routes = [list_projects, create_project, update_project, delete_project, list_keys, create_key, delete_key]
