"""REST routes of projects."""

from typing import Any

from litestar import Request, Response, get

from lumenspan.identity.domain import Organization, Project, Role
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import json_response
from lumenspan_server.operations import Documented


@get(
    "/api/public/projects",
    summary="The project of the calling key",
    opt={"documented": Documented(resource="none")},
)
async def list_projects(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [project]}`` with exactly one entry."""
    principal = await require_project_key(request)
    identity = request.app.state.services.identity
    project = await identity.require_project(principal, principal.project_id, Role.VIEWER)
    organization = await identity.organization_of(principal, project)
    return json_response({"data": [_to_row(project, organization)]})


def _to_row(project: Project, organization: Organization) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": project.id,
        "name": project.name,
        "organization": {"id": organization.id, "name": organization.name},
        "metadata": project.metadata,
    }
    if project.retention_days:
        row["retentionDays"] = project.retention_days
    return row


routes = [list_projects]
