"""Rules of all REST routes, and ``GET /api/public/projects``."""

from __future__ import annotations

import base64

import pytest

from lumenspan.identity.domain import KeyWish
from lumenspan.identity.service import IdentityService
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

PROJECT_ROUTES = [
    "/api/public/projects",
    "/api/public/traces",
    "/api/public/traces/some-id",
    "/api/public/v2/observations",
]


def basic(public_key: str, secret_key: str) -> str:
    return "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()


class TestProjects:
    async def test_the_project_of_the_key(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        answer = await server.client.get("/api/public/projects", headers=project.headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {
            "data": [
                {
                    "id": project.project_id,
                    "name": "Test project",
                    "organization": {"id": project.organization_id, "name": "Test organization"},
                    "metadata": {},
                }
            ]
        }

    async def test_retention_is_told_where_there_is_one(
        self, server: RunningServer, project: ProjectAccess, identity_clients: IdentityService
    ) -> None:
        session = await identity_clients.accounts.sign_in(project.email, project.password)
        owner = await identity_clients.authenticate(f"Bearer {session.token}")
        made = await identity_clients.projects.create(owner, project.organization_id, "Kept", 30)  # type: ignore[arg-type]
        key, secret = await identity_clients.keys.create_for_project(owner, made.id, KeyWish("tests"))
        answer = await server.client.get(
            "/api/public/projects", headers={"Authorization": basic(key.public_key, secret)}
        )
        assert answer.json()["data"][0]["retentionDays"] == 30


class TestEveryRoute:
    @pytest.mark.parametrize("path", PROJECT_ROUTES)
    async def test_credentials(self, server: RunningServer, project: ProjectAccess, path: str) -> None:
        invalid = "Invalid credentials. Confirm that you've configured the correct host."
        for header, status, message in (
            (None, 401, "No authorization header"),
            ("Digest abc", 401, "Invalid authorization header"),
            (basic(project.public_key, "sk-lf-wrong"), 401, invalid),
            (basic("pk-lf-other", project.secret_key), 401, invalid),
            (
                f"Bearer {project.public_key}",
                403,
                "Access denied - insufficient permissions for this endpoint",
            ),
        ):
            headers = {} if header is None else {"Authorization": header}
            answer = await server.client.get(path, headers=headers)
            assert (answer.status_code, answer.json()) == (status, {"message": message}), header

    @pytest.mark.parametrize("path", PROJECT_ROUTES)
    async def test_an_unknown_verb_is_405(
        self, server: RunningServer, project: ProjectAccess, path: str
    ) -> None:
        answer = await server.client.put(path, headers=project.headers)
        assert answer.status_code == 405
        assert answer.json() == {"message": "Method not allowed", "error": "MethodNotAllowedError"}

    @pytest.mark.parametrize("path", [*PROJECT_ROUTES, "/api/public/otel/v1/traces", "/no/such/path"])
    async def test_every_origin_may_call(self, server: RunningServer, path: str) -> None:
        preflight = await server.client.options(
            path,
            headers={
                "Origin": "https://app.example.com",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,x-langfuse-sdk-name",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "x-langfuse-sdk-name" in preflight.headers["access-control-allow-headers"]
        answer = await server.client.get(path, headers={"Origin": "https://app.example.com"})
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
        assert answer.headers["vary"] == "Origin"

    async def test_an_unknown_path_is_404(self, server: RunningServer, project: ProjectAccess) -> None:
        answer = await server.client.get("/api/public/nothing", headers=project.headers)
        assert answer.status_code == 404
        assert answer.json()["error"] == "LangfuseNotFoundError"
