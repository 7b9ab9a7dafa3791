"""REST routes of projects."""

from typing import Any

from litestar import Request, Response, get
from msgspec import UNSET, UnsetType

from lumenspan.identity.domain import Organization, Project, Role
from lumenspan_server.access import require_project_key
from lumenspan_server.operations import Wire, answer, operation


class OrganizationPart(Wire):
    """The organization of a project."""

    id: str
    name: str


class ProjectRow(Wire):
    """A project; ``retentionDays`` only where data is deleted after some time."""

    id: str
    name: str
    organization: OrganizationPart
    metadata: dict[str, Any]
    retention_days: int | UnsetType = UNSET


class Projects(Wire):
    """The project of the key: exactly one entry."""

    data: list[ProjectRow]


@get(
    "/api/public/projects",
    summary="The project of the calling key",
    **operation(answer=Projects, resource="none"),
)
async def list_projects(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [project]}`` with exactly one entry."""
    principal = await require_project_key(request)
    identity = request.app.state.services.identity
    project = await identity.require_project(principal, principal.project_id, Role.VIEWER)
    organization = await identity.organization_of(principal, project)
    return answer(Projects(data=[_to_row(project, organization)]))


def _to_row(project: Project, organization: Organization) -> ProjectRow:
    return ProjectRow(
        id=project.id,
        name=project.name,
        organization=OrganizationPart(id=organization.id, name=organization.name),
        metadata=project.metadata,
        retention_days=project.retention_days or UNSET,
    )


routes = [list_projects]
