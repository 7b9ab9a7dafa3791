"""REST routes of an organization: its projects, keys and members (contract, section 9)."""

from typing import Any

from litestar import Request, Response, Router, delete, get, put
from litestar.params import FromPath

from lumenspan.identity.domain import Role
from lumenspan.ids import ProjectId, UserId
from lumenspan_server.access import identity_of, require_organization_key
from lumenspan_server.errors import PLAIN_HANDLERS
from lumenspan_server.identity.bodies import (
    KeyList,
    KeySummary,
    Membership,
    MembershipBody,
    MembershipList,
    MembershipRemoval,
    MembershipRemoved,
    OrganizationProject,
    OrganizationProjectList,
)
from lumenspan_server.operations import answer, operation, read_body

ROUTE = "/api/public/organizations"
MEMBERS = ROUTE + "/memberships"
PROJECT_MEMBERS = "/api/public/projects/{project_id:str}/memberships"
_REMOVED = "Membership deleted successfully"


@get(
    ROUTE + "/projects",
    summary="Projects of the key's organization",
    **operation(answer=OrganizationProjectList, resource="none"),
)
async def list_projects(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Oldest first."""
    principal = await require_organization_key(request)
    projects = await identity_of(request).projects.within_reach(principal)
    return answer(OrganizationProjectList(projects=[OrganizationProject.of(each) for each in projects]))


@get(
    ROUTE + "/apiKeys",
    summary="Keys of the key's organization",
    **operation(answer=KeyList, resource="none"),
)
async def list_keys(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Oldest first, without secrets; those of projects are not among them."""
    principal = await require_organization_key(request)
    keys = await identity_of(request).keys.of_organization(principal, principal.organization_id)
    return answer(KeyList(api_keys=[KeySummary.of(key) for key in keys]))


@get(
    MEMBERS,
    summary="Members of the key's organization",
    **operation(answer=MembershipList, resource="none"),
)
async def list_members(request: Request[Any, Any, Any]) -> Response[bytes]:
    """In the order in which they joined; members without a role of their own are left out."""
    principal = await require_organization_key(request)
    found = await identity_of(request).memberships.of_organization(principal, principal.organization_id)
    return answer(MembershipList.of(found))


@put(
    MEMBERS,
    summary="Make a person a member, or change the role",
    **operation(body=MembershipBody, answer=Membership, resource="none"),
)
async def set_member(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The membership."""
    principal = await require_organization_key(request)
    body = await read_body(request, MembershipBody)
    member = await identity_of(request).memberships.set_in_organization(
        principal, principal.organization_id, UserId(body.user_id), Role(body.role)
    )
    return answer(Membership.of(member))


@delete(
    MEMBERS,
    summary="Remove a member from the organization",
    **operation(body=MembershipRemoval, answer=MembershipRemoved, resource="none"),
)
async def remove_member(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Roles in projects of the organization go with the membership."""
    principal = await require_organization_key(request)
    body = await read_body(request, MembershipRemoval)
    await identity_of(request).memberships.remove_from_organization(
        principal, principal.organization_id, UserId(body.user_id)
    )
    return answer(MembershipRemoved(message=_REMOVED, user_id=body.user_id))


@get(
    PROJECT_MEMBERS,
    summary="People with a role of their own in a project",
    **operation(answer=MembershipList, resource="none"),
)
async def list_project_members(
    request: Request[Any, Any, Any], project_id: FromPath[str]
) -> Response[bytes]:
    """In the order in which they got it."""
    principal = await require_organization_key(request)
    found = await identity_of(request).memberships.of_project(principal, ProjectId(project_id))
    return answer(MembershipList.of(found))


@put(
    PROJECT_MEMBERS,
    summary="Give a member of the organization a role in a project",
    **operation(body=MembershipBody, answer=Membership, resource="none"),
)
async def set_project_member(request: Request[Any, Any, Any], project_id: FromPath[str]) -> Response[bytes]:
    """The membership; its role takes the place of that in the organization."""
    principal = await require_organization_key(request)
    body = await read_body(request, MembershipBody)
    member = await identity_of(request).memberships.set_in_project(
        principal, ProjectId(project_id), UserId(body.user_id), Role(body.role)
    )
    return answer(Membership.of(member))


@delete(
    PROJECT_MEMBERS,
    summary="Take away a role in a project",
    **operation(body=MembershipRemoval, answer=MembershipRemoved, resource="none"),
)
async def remove_project_member(
    request: Request[Any, Any, Any], project_id: FromPath[str]
) -> Response[bytes]:
    """The person has the role in the organization again."""
    principal = await require_organization_key(request)
    body = await read_body(request, MembershipRemoval)
    await identity_of(request).memberships.remove_from_project(
        principal, ProjectId(project_id), UserId(body.user_id)
    )
    return answer(MembershipRemoved(message=_REMOVED, user_id=body.user_id))


routes = [
    Router(
        path="/",
        route_handlers=[
            list_projects,
            list_keys,
            list_members,
            set_member,
            remove_member,
            list_project_members,
            set_project_member,
            remove_project_member,
        ],
        exception_handlers=PLAIN_HANDLERS,
    )
]
