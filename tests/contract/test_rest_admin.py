"""``/api/admin/organizations``, and routes of a project with the key of the instance's administrator."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.errors import Unauthenticated
from lumenspan.identity.administration import AdminKeyNotSet
from lumenspan.identity.service import IdentityService
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import ADMIN_KEY, ProjectAccess
from tests.factories.identity import basic
from tests.integration.server.conftest import RunningServer
from tests.support import eventually

ROUTE = "/api/admin/organizations"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
OPERATIONS = [
    ("GET", ROUTE),
    ("POST", ROUTE),
    *((method, ROUTE + "/some") for method in ("GET", "PUT", "DELETE")),
    *((method, ROUTE + "/some/apiKeys") for method in ("GET", "POST")),
    ("DELETE", ROUTE + "/some/apiKeys/key"),
]


async def call(server: RunningServer, method: str, path: str = "", **options: Any) -> tuple[int, Any]:
    answer = await server.client.request(method, ROUTE + path, headers=ADMIN, **options)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_the_key_of_the_administrator_is_needed(
    server: RunningServer, project: ProjectAccess, method: str, path: str
) -> None:
    for header in (
        None,
        "Bearer wrong",
        f"Basic {ADMIN_KEY}",
        "Bearer",
        project.authorization,
        f"Bearer {project.public_key}",
    ):
        headers = {} if header is None else {"Authorization": header}
        answer = await server.client.request(method, path, headers=headers, content=b"{")
        assert answer.status_code == 401
        assert set(answer.json()) == {"error"}
        assert answer.json()["error"].startswith("Unauthorized")


class TestOrganizations:
    async def test_made_read_changed_and_deleted(self, server: RunningServer) -> None:
        status, made = await call(server, "POST", json={"name": "Acme", "metadata": {"plan": "x"}})
        assert status == 201
        assert made == {
            "id": made["id"],
            "name": "Acme",
            "createdAt": made["createdAt"],
            "metadata": {"plan": "x"},
            "projects": [],
        }
        assert await call(server, "GET", f"/{made['id']}") == (200, made)
        status, listed = await call(server, "GET")
        assert status == 200
        assert made in listed["organizations"]
        status, changed = await call(server, "PUT", f"/{made['id']}", json={"name": "Acme Ltd"})
        assert (status, changed) == (200, made | {"name": "Acme Ltd"})
        status, body = await call(server, "DELETE", f"/{made['id']}")
        assert (status, body["success"]) == (200, True)
        for method, options in (("GET", {}), ("PUT", {"json": {"name": "A"}}), ("DELETE", {})):
            assert await call(server, method, f"/{made['id']}", **options) == (
                404,
                {"error": "Organization not found"},
            )

    async def test_one_with_projects_stays(self, server: RunningServer, project: ProjectAccess) -> None:
        status, body = await call(server, "DELETE", f"/{project.organization_id}")
        assert (status, set(body)) == (400, {"error"})
        status, found = await call(server, "GET", f"/{project.organization_id}")
        assert status == 200
        assert [each["id"] for each in found["projects"]] == [project.project_id]

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"{", b'{"name": 5}'])
    async def test_bodies_that_do_not_fit(self, server: RunningServer, content: bytes) -> None:
        status, body = await call(server, "POST", content=content)
        assert (status, body["error"]) == (400, "Invalid request body")

    @pytest.mark.parametrize(
        "body", [{"name": " "}, {"name": "x" * 201}, {"name": "ok", "metadata": None}, {"name": "a\x00"}]
    )
    async def test_names_and_metadata_are_checked(
        self, server: RunningServer, body: dict[str, Any]
    ) -> None:
        status, answer = await call(server, "POST", json=body)
        assert (status, set(answer)) == (400, {"error"})

    @pytest.mark.parametrize("id_", ["nothing", "x" * 10_000, "%00"])
    async def test_unknown_ids(self, server: RunningServer, id_: str) -> None:
        answer = await server.client.get(f"{ROUTE}/{id_}", headers=ADMIN)
        assert answer.status_code in (400, 404)


class TestKeys:
    async def test_made_used_and_revoked(self, server: RunningServer) -> None:
        _, organization = await call(server, "POST", json={"name": "Keys"})
        path = f"/{organization['id']}/apiKeys"
        status, made = await call(server, "POST", path, json={"note": "terraform"})
        assert (status, made["note"]) == (201, "terraform")
        header = {"Authorization": basic(made["publicKey"], made["secretKey"])}
        created = await server.client.post("/api/public/projects", headers=header, json={"name": "First"})
        assert created.status_code == 201
        assert created.json()["organization"] == {"id": organization["id"], "name": "Keys"}
        status, listed = await call(server, "GET", path)
        assert (status, [each["id"] for each in listed["apiKeys"]]) == (200, [made["id"]])
        assert await call(server, "DELETE", f"{path}/{made['id']}") == (200, {"success": True})
        status, body = await call(server, "DELETE", f"{path}/{made['id']}")
        assert (status, body) == (404, {"error": "API key not found"})

        async def is_refused() -> bool:
            answer = await server.client.get("/api/public/organizations/projects", headers=header)
            return answer.status_code == 401

        assert await eventually(is_refused)

    async def test_they_go_with_their_organization(self, server: RunningServer) -> None:
        _, organization = await call(server, "POST", json={"name": "Gone"})
        _, made = await call(server, "POST", f"/{organization['id']}/apiKeys")
        header = {"Authorization": basic(made["publicKey"], made["secretKey"])}
        answer = await server.client.get("/api/public/organizations/projects", headers=header)
        assert answer.json() == {"projects": []}
        await call(server, "DELETE", f"/{organization['id']}")

        async def is_refused() -> bool:
            answer = await server.client.get("/api/public/organizations/projects", headers=header)
            return answer.status_code == 401

        assert await eventually(is_refused)

    async def test_an_unknown_organization_has_none(self, server: RunningServer) -> None:
        for method, path in (
            ("GET", "/nothing/apiKeys"),
            ("POST", "/nothing/apiKeys"),
            ("DELETE", "/nothing/apiKeys/some"),
        ):
            assert await call(server, method, path) == (404, {"error": "Organization not found"})

    async def test_a_key_of_a_project_is_none_of_the_organizations(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        status, listed = await call(server, "GET", f"/{project.organization_id}/apiKeys")
        assert (status, listed) == (200, {"apiKeys": []})


class TestRoutesOfAProject:
    async def test_models_with_the_key_of_the_administrator(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        headers = ADMIN | {
            "x-langfuse-admin-api-key": ADMIN_KEY,
            "x-langfuse-project-id": project.project_id,
        }
        body = {"modelName": "own", "matchPattern": "^own$", "inputPrice": 1}
        made = await server.client.post("/api/public/models", headers=headers, json=body)
        assert made.status_code == 200, made.text
        path = f"/api/public/models/{made.json()['id']}"
        assert (await server.client.get(path, headers=project.headers)).status_code == 200
        assert (await server.client.get(path, headers=other_project.headers)).status_code == 404
        assert (await server.client.delete(path, headers=headers)).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"Authorization": "Bearer wrong"}, 401),
            ({"x-langfuse-admin-api-key": "wrong"}, 401),
            ({"x-langfuse-project-id": ""}, 400),
            ({"x-langfuse-project-id": "nothing"}, 404),
        ],
    )
    async def test_what_is_refused(
        self, server: RunningServer, project: ProjectAccess, changes: dict[str, str], status: int
    ) -> None:
        headers = ADMIN | {
            "x-langfuse-admin-api-key": ADMIN_KEY,
            "x-langfuse-project-id": project.project_id,
        }
        answer = await server.client.get("/api/public/models", headers=headers | changes)
        assert answer.status_code == status

    async def test_other_routes_take_no_such_key(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        headers = ADMIN | {
            "x-langfuse-admin-api-key": ADMIN_KEY,
            "x-langfuse-project-id": project.project_id,
        }
        assert (await server.client.get("/api/public/traces", headers=headers)).status_code == 401

    async def test_where_the_operator_has_set_no_key(
        self, settings: Settings, project: ProjectAccess
    ) -> None:
        closed = settings.model_copy(update={"admin_api_key": None})
        postgres, redis = Postgres(closed.postgres_url), connect_redis(closed)
        administration = IdentityService(postgres, redis, closed).administration
        for header in ("Bearer ", "Bearer None", f"Bearer {ADMIN_KEY}", None):
            with pytest.raises(Unauthenticated):
                administration.require(header)
            with pytest.raises(AdminKeyNotSet):
                await administration.project_key(header, "", project.project_id)
        await redis.aclose()
        await postgres.close()
