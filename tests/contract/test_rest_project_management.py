"""``/api/public/projects`` with a key of an organization: projects and their keys."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.identity.service import IdentityService
from tests.conftest import ProjectAccess
from tests.factories.identity import OrganizationAccess, basic, organization_key
from tests.integration.server.conftest import RunningServer
from tests.support import eventually

ROUTE = "/api/public/projects"
NEEDS_ORGANIZATION = {
    "message": "Invalid API key. Organization-scoped API key required for this operation."
}
INVALID = {"message": "Invalid credentials. Confirm that you've configured the correct host."}
OPERATIONS = [
    ("POST", ROUTE),
    ("PUT", ROUTE + "/some"),
    ("DELETE", ROUTE + "/some"),
    ("GET", ROUTE + "/some/apiKeys"),
    ("POST", ROUTE + "/some/apiKeys"),
    ("DELETE", ROUTE + "/some/apiKeys/key"),
]
NAMES = st.sampled_from(["name", "metadata", "retention", "x"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda of: st.lists(of, max_size=3) | st.dictionaries(NAMES, of, max_size=4),
    max_leaves=8,
)


@pytest.fixture
async def key(identity_clients: IdentityService, project: ProjectAccess) -> OrganizationAccess:
    return await organization_key(identity_clients, project)


@pytest.fixture
async def other_key(identity_clients: IdentityService, other_project: ProjectAccess) -> OrganizationAccess:
    return await organization_key(identity_clients, other_project)


async def call(
    server: RunningServer, key: OrganizationAccess, method: str, path: str = "", **options: Any
) -> tuple[int, Any]:
    answer = await server.client.request(method, ROUTE + path, headers=key.headers, **options)
    return answer.status_code, answer.json()


class TestAccess:
    @pytest.mark.parametrize(("method", "path"), OPERATIONS)
    async def test_a_project_key_is_not_enough(
        self, server: RunningServer, project: ProjectAccess, method: str, path: str
    ) -> None:
        for header in (project.authorization, f"Bearer {project.public_key}"):
            answer = await server.client.request(method, path, headers={"Authorization": header})
            assert (answer.status_code, answer.json()) == (403, NEEDS_ORGANIZATION)

    @pytest.mark.parametrize(("method", "path"), OPERATIONS)
    async def test_without_valid_credentials(
        self, server: RunningServer, key: OrganizationAccess, method: str, path: str
    ) -> None:
        answer = await server.client.request(method, path)
        assert (answer.status_code, answer.json()) == (401, {"message": "No authorization header"})
        for header in (f"Bearer {key.public_key}", basic(key.public_key, "sk-lf-wrong")):
            answer = await server.client.request(method, path, headers={"Authorization": header})
            assert (answer.status_code, answer.json()) == (401, INVALID)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/public/traces"),
            ("GET", "/api/public/models"),
            ("POST", "/api/public/scores"),
            ("POST", "/api/public/ingestion"),
            ("POST", "/api/public/otel/v1/traces"),
        ],
    )
    async def test_it_reads_and_writes_no_data(
        self, server: RunningServer, key: OrganizationAccess, method: str, path: str
    ) -> None:
        answer = await server.client.request(method, path, headers=key.headers)
        assert answer.status_code == 403
        assert "insufficient permissions" in answer.text

    async def test_the_project_of_such_a_key(self, server: RunningServer, key: OrganizationAccess) -> None:
        assert await call(server, key, "GET") == (
            403,
            {"message": "Invalid API key. Are you using an organization key?"},
        )

    async def test_graphql_is_closed_to_it(self, server: RunningServer, key: OrganizationAccess) -> None:
        body = await server.graphql(key.headers["Authorization"], "{ viewer { projects { id } } }")
        assert body["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


class TestProjects:
    async def test_made_changed_and_listed(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess
    ) -> None:
        wanted = {"name": " New one ", "metadata": {"team": "search"}, "retention": 7}
        status, made = await call(server, key, "POST", json=wanted)
        assert status == 201
        assert made == {
            "id": made["id"],
            "name": "New one",
            "organization": {"id": project.organization_id, "name": "Test organization"},
            "metadata": {"team": "search"},
            "retentionDays": 7,
        }
        status, changed = await call(server, key, "PUT", f"/{made['id']}", json={"name": "Renamed"})
        assert (status, changed) == (200, made | {"name": "Renamed"})
        body = {"name": "Renamed", "metadata": {}, "retention": 0}
        status, changed = await call(server, key, "PUT", f"/{made['id']}", json=body)
        assert status == 200
        assert changed["metadata"] == {}
        assert "retentionDays" not in changed
        answer = await server.client.get("/api/public/organizations/projects", headers=key.headers)
        listed = answer.json()["projects"]
        assert [each["id"] for each in listed] == [project.project_id, made["id"]]
        assert set(listed[0]) == {"id", "name", "metadata", "createdAt", "updatedAt"}
        assert listed[1]["createdAt"] < listed[1]["updatedAt"]

    async def test_metadata_may_be_the_text_of_an_object(
        self, server: RunningServer, key: OrganizationAccess
    ) -> None:
        status, made = await call(server, key, "POST", json={"name": "P", "metadata": '{"a": [1]}'})
        assert (status, made["metadata"]) == (201, {"a": [1]})

    @pytest.mark.parametrize("metadata", [None, "null", "[]", "{", '{"a": NaN}', [], 5, '{"a": 1e400}'])
    async def test_other_metadata_is_refused(
        self, server: RunningServer, key: OrganizationAccess, metadata: Any
    ) -> None:
        status, _ = await call(server, key, "POST", json={"name": "P", "metadata": metadata})
        assert status == 400

    @pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 201, "nul\x00", "\ud800"])
    async def test_names_are_checked(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess, name: str
    ) -> None:
        for method, path in (("POST", ""), ("PUT", f"/{project.project_id}")):
            status, body = await call(server, key, method, path, content=json.dumps({"name": name}))
            assert status == 400
            assert body["message"].startswith(("Invalid project name", "Invalid request data"))

    @pytest.mark.parametrize("retention", [1, 2, -1, 2**31, 10**30, 3.5, "7", True])
    async def test_retention_is_checked(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess, retention: Any
    ) -> None:
        for method, path in (("POST", ""), ("PUT", f"/{project.project_id}")):
            body = {"name": "Kept", "retention": retention}
            status, answer = await call(server, key, method, path, json=body)
            assert status == 400
            assert answer["message"].startswith(("Invalid retention value", "Invalid request data"))

    async def test_a_name_is_used_once_in_an_organization(
        self,
        server: RunningServer,
        key: OrganizationAccess,
        other_key: OrganizationAccess,
        project: ProjectAccess,
    ) -> None:
        status, body = await call(server, key, "POST", json={"name": "Test project"})
        assert (status, body["error"]) == (409, "LangfuseConflictError")
        _, second = await call(server, key, "POST", json={"name": "Second"})
        status, _ = await call(server, key, "PUT", f"/{second['id']}", json={"name": "Test project"})
        assert status == 409
        status, _ = await call(server, key, "PUT", f"/{project.project_id}", json={"name": "Test project"})
        assert status == 200
        status, _ = await call(server, other_key, "POST", json={"name": "Second"})
        assert status == 201

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'"x"', b"\xff", b'{"name": 5}'])
    async def test_bodies_that_do_not_fit(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess, body: bytes
    ) -> None:
        for method, path in (("POST", ""), ("PUT", f"/{project.project_id}")):
            status, answer = await call(server, key, method, path, content=body)
            assert (status, answer["message"]) == (400, "Invalid request data")

    async def test_another_organizations_project_is_not_there(
        self, server: RunningServer, key: OrganizationAccess, other_project: ProjectAccess
    ) -> None:
        missing = "Project not found or you don't have access to it"
        for id_ in (other_project.project_id, "nothing", "x" * 10_000, "%00", "%ED%A0%80"):
            for method, body in (("PUT", {"name": "Mine"}), ("DELETE", None)):
                answer = await server.client.request(
                    method, f"{ROUTE}/{id_}", headers=key.headers, json=body
                )
                assert answer.status_code in ((404,) if id_[0] != "%" else (400, 404)), answer.text
                if id_[0] != "%":
                    assert answer.json()["message"] == missing
        listed = await server.client.get(ROUTE, headers=other_project.headers)
        assert listed.json()["data"][0]["name"] == "Test project"

    @given(body=BODIES)
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_no_body_makes_the_server_fail(
        self, server: RunningServer, key: OrganizationAccess, body: Any
    ) -> None:
        status, _ = await call(server, key, "POST", content=json.dumps(body))
        assert status in (201, 400, 409)


class TestDeletion:
    async def test_it_is_gone_at_once_for_everybody(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        key: OrganizationAccess,
        project: ProjectAccess,
    ) -> None:
        assert (await server.client.get(ROUTE, headers=project.headers)).status_code == 200
        status, body = await call(server, key, "DELETE", f"/{project.project_id}")
        assert status == 202
        assert body == {
            "success": True,
            "message": "Project deletion has been initiated and is being processed asynchronously.",
        }

        async def is_refused() -> bool:
            answer = await server.client.get(ROUTE, headers=project.headers)
            return answer.status_code == 401

        # The key may be remembered for half a second, its project is not.
        assert await eventually(is_refused)
        answer = await server.client.get("/api/public/organizations/projects", headers=key.headers)
        assert answer.json() == {"projects": []}
        for method, path in (("DELETE", ""), ("GET", "/apiKeys"), ("GET", "/memberships")):
            status, _ = await call(server, key, method, f"/{project.project_id}{path}")
            assert status == 404
        session = await identity_clients.accounts.sign_in(project.email, project.password)
        data = await server.data(
            f"Bearer {session.token}", "{ viewer { projects { id } organizations { projects { id } } } }"
        )
        assert data["viewer"] == {"projects": [], "organizations": [{"projects": []}]}
        # The name is free again.
        status, _ = await call(server, key, "POST", json={"name": "Test project"})
        assert status == 201


class TestKeys:
    async def test_made_listed_used_and_revoked(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess
    ) -> None:
        path = f"/{project.project_id}/apiKeys"
        body = {"note": "ci", "expiresAt": "2999-01-01T00:00:00+01:00"}
        status, made = await call(server, key, "POST", path, json=body)
        assert status == 201
        assert set(made) == {
            "id", "createdAt", "publicKey", "secretKey", "displaySecretKey", "expiresAt", "name", "note",
        }  # fmt: skip
        assert (made["name"], made["note"]) == ("ci", "ci")
        assert made["expiresAt"] == "2998-12-31T23:00:00.000Z"
        header = {"Authorization": basic(made["publicKey"], made["secretKey"])}
        assert (await server.client.get(ROUTE, headers=header)).status_code == 200
        status, listed = await call(server, key, "GET", path)
        assert status == 200
        assert [each["publicKey"] for each in listed["apiKeys"]] == [made["publicKey"], project.public_key]
        first = listed["apiKeys"][0]
        assert set(first) == set(made) - {"secretKey"} | {"lastUsedAt"}
        assert made["secretKey"] not in str(listed)
        assert await call(server, key, "DELETE", f"{path}/{made['id']}") == (200, {"success": True})
        status, body = await call(server, key, "DELETE", f"{path}/{made['id']}")
        assert (status, body["message"]) == (404, "API key not found")

        async def is_refused() -> bool:
            return (await server.client.get(ROUTE, headers=header)).status_code == 401

        assert await eventually(is_refused)

    async def test_an_empty_body_will_do(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess
    ) -> None:
        path = f"/{project.project_id}/apiKeys"
        nothing = {"note": None, "publicKey": None, "secretKey": None}
        bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"json": nothing}]
        for options in bodies:
            status, made = await call(server, key, "POST", path, **options)
            assert (status, made["note"], made["expiresAt"]) == (201, None, None)

    async def test_a_pair_of_the_callers_choice(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess
    ) -> None:
        path = f"/{project.project_id}/apiKeys"
        pair = {"publicKey": f"pk-lf-{uuid.uuid4()}", "secretKey": f"sk-lf-{uuid.uuid4()}"}
        header = {"Authorization": basic(pair["publicKey"], pair["secretKey"])}
        # Tried before it exists, which is remembered, and yet known as soon as it does.
        assert (await server.client.get(ROUTE, headers=header)).status_code == 401
        status, made = await call(server, key, "POST", path, json=pair | {"name": "mine"})
        assert (status, made["publicKey"], made["secretKey"]) == (201, *pair.values())
        assert (await server.client.get(ROUTE, headers=header)).status_code == 200
        for again in (
            pair,
            pair | {"publicKey": f"pk-lf-{uuid.uuid4()}"},
            pair | {"secretKey": f"sk-lf-{uuid.uuid4()}"},
        ):
            status, body = await call(server, key, "POST", path, json=again)
            assert (status, body["error"]) == (409, "LangfuseConflictError")

    @pytest.mark.parametrize(
        "body",
        [
            {"publicKey": "pk-lf-alone"},
            {"secretKey": "sk-lf-alone-alone"},
            {"publicKey": "pk-other", "secretKey": "sk-lf-long-enough"},
            {"publicKey": "pk-lf-fine", "secretKey": "sk-other-long-enough"},
            {"publicKey": "pk-lf-a:b", "secretKey": "sk-lf-long-enough"},
            {"publicKey": "pk-lf-a\x00", "secretKey": "sk-lf-long-enough"},
            {"publicKey": "pk-lf-" + "x" * 10_000, "secretKey": "sk-lf-long-enough"},
            {"name": "a", "note": "b"},
            {"name": "", "note": ""},
            {"note": "x" * 501},
            {"note": "nul\x00"},
            {"note": 5},
            {"expiresAt": "2020-01-01T00:00:00Z"},
            {"expiresAt": "2999-01-01T00:00:00"},
            {"expiresAt": "soon"},
            {"expiresAt": "9999-12-31T23:59:59-14:00"},
            {"expiresAt": 5},
        ],
    )
    async def test_what_is_refused(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess, body: dict[str, Any]
    ) -> None:
        status, _ = await call(server, key, "POST", f"/{project.project_id}/apiKeys", json=body)
        assert status == 400
        _, listed = await call(server, key, "GET", f"/{project.project_id}/apiKeys")
        assert len(listed["apiKeys"]) == 1

    async def test_another_organizations_keys_are_out_of_reach(
        self,
        server: RunningServer,
        key: OrganizationAccess,
        other_key: OrganizationAccess,
        project: ProjectAccess,
        other_project: ProjectAccess,
    ) -> None:
        foreign = f"/{other_project.project_id}/apiKeys"
        _, listed = await call(server, other_key, "GET", foreign)
        id_ = listed["apiKeys"][0]["id"]
        for method, path in (
            ("GET", foreign),
            ("POST", foreign),
            ("DELETE", f"{foreign}/{id_}"),
            ("DELETE", f"/{project.project_id}/apiKeys/{id_}"),
        ):
            status, _ = await call(server, key, method, path)
            assert status == 404
        assert (await server.client.get(ROUTE, headers=other_project.headers)).status_code == 200
