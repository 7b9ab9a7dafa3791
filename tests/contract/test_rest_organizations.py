"""``/api/public/organizations`` and memberships of projects, with a key of an organization."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.identity.service import IdentityService
from tests.conftest import PASSWORD, ProjectAccess
from tests.factories.identity import OrganizationAccess, basic, new_person, organization_key, owner_of
from tests.integration.server.conftest import RunningServer

ORGANIZATION = "/api/public/organizations"
MEMBERS = ORGANIZATION + "/memberships"
OPERATIONS = [
    ("GET", ORGANIZATION + "/projects"),
    ("GET", ORGANIZATION + "/apiKeys"),
    *((method, MEMBERS) for method in ("GET", "PUT", "DELETE")),
    *((method, "/api/public/projects/some/memberships") for method in ("GET", "PUT", "DELETE")),
]


@pytest.fixture
async def key(identity_clients: IdentityService, project: ProjectAccess) -> OrganizationAccess:
    return await organization_key(identity_clients, project)


async def call(
    server: RunningServer, key: OrganizationAccess, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    answer = await server.client.request(method, path, headers=key.headers, json=body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_who_may_not(
    server: RunningServer, project: ProjectAccess, key: OrganizationAccess, method: str, path: str
) -> None:
    needed = {"error": "Invalid API key. Organization-scoped API key required for this operation."}
    invalid = {"error": "Invalid credentials. Confirm that you've configured the correct host."}
    for header, status, body in (
        (project.authorization, 403, needed),
        (f"Bearer {project.public_key}", 403, needed),
        (f"Bearer {key.public_key}", 401, invalid),
        ("Bearer lss_nothing", 401, invalid),
        ("Digest x", 401, {"error": "Invalid authorization header"}),
    ):
        answer = await server.client.request(method, path, headers={"Authorization": header})
        assert (answer.status_code, answer.json()) == (status, body)
    answer = await server.client.request(method, path)
    assert (answer.status_code, answer.json()) == (401, {"error": "No authorization header"})


@pytest.mark.parametrize("path", [ORGANIZATION + "/projects", ORGANIZATION + "/apiKeys", MEMBERS])
async def test_an_unknown_verb_is_405(server: RunningServer, key: OrganizationAccess, path: str) -> None:
    answer = await server.client.patch(path, headers=key.headers)
    assert answer.status_code == 405


async def test_keys_of_the_organization(
    server: RunningServer,
    identity_clients: IdentityService,
    project: ProjectAccess,
    key: OrganizationAccess,
) -> None:
    second = await organization_key(identity_clients, project)
    status, body = await call(server, second, "GET", ORGANIZATION + "/apiKeys")
    assert status == 200
    assert [each["id"] for each in body["apiKeys"]] == [key.key_id, second.key_id]
    assert set(body["apiKeys"][0]) == {
        "id", "createdAt", "expiresAt", "lastUsedAt", "name", "note", "publicKey", "displaySecretKey",
    }  # fmt: skip
    assert second.secret_key not in str(body)
    assert body["apiKeys"][1]["lastUsedAt"] is not None


class TestMembers:
    async def test_added_changed_and_removed(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        project: ProjectAccess,
        key: OrganizationAccess,
    ) -> None:
        person = await new_person(identity_clients, None)
        owner = await owner_of(identity_clients, project)
        status, body = await call(server, key, "PUT", MEMBERS, {"userId": person.user.id, "role": "VIEWER"})
        added = {"userId": person.user.id, "role": "VIEWER", "email": person.user.email, "name": ""}
        assert (status, body) == (200, added)
        first = {"userId": owner.user.id, "role": "OWNER", "email": project.email, "name": "Test Person"}
        assert await call(server, key, "GET", MEMBERS) == (200, {"memberships": [first, added]})
        assert len(await identity_clients.projects.within_reach(person)) == 1
        wanted = {"userId": person.user.id, "role": "ADMIN"}
        status, body = await call(server, key, "PUT", MEMBERS, wanted)
        assert (status, body) == (200, added | {"role": "ADMIN"})
        status, body = await call(server, key, "DELETE", MEMBERS, {"userId": person.user.id})
        removed = {"message": "Membership deleted successfully", "userId": person.user.id}
        assert (status, body) == (200, removed)
        assert await identity_clients.projects.within_reach(person) == []
        status, body = await call(server, key, "DELETE", MEMBERS, {"userId": person.user.id})
        assert status == 404
        assert set(body) == {"error"}

    async def test_there_is_always_an_owner(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        project: ProjectAccess,
        key: OrganizationAccess,
    ) -> None:
        owner = (await owner_of(identity_clients, project)).user.id
        for method, body in (("PUT", {"userId": owner, "role": "MEMBER"}), ("DELETE", {"userId": owner})):
            status, answer = await call(server, key, method, MEMBERS, body)
            assert (status, set(answer)) == (403, {"error"})
        person = await new_person(identity_clients)
        await call(server, key, "PUT", MEMBERS, {"userId": person.user.id, "role": "OWNER"})
        status, _ = await call(server, key, "DELETE", MEMBERS, {"userId": owner})
        assert status == 200

    async def test_an_unknown_person_cannot_be_added(
        self, server: RunningServer, key: OrganizationAccess
    ) -> None:
        for user_id in ("nobody", "x" * 10_000):
            status, body = await call(server, key, "PUT", MEMBERS, {"userId": user_id, "role": "VIEWER"})
            assert (status, body) == (404, {"error": "User not found"})

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    @pytest.mark.parametrize(
        "body", [{}, [], {"userId": 5}, {"userId": "nul\x00", "role": "VIEWER"}, {"role": "NONE"}, None]
    )
    async def test_bodies_that_do_not_fit(
        self, server: RunningServer, key: OrganizationAccess, method: str, body: Any
    ) -> None:
        status, answer = await call(server, key, method, MEMBERS, body)
        assert status == 400
        assert isinstance(answer["error"], str)

    @pytest.mark.parametrize("role", ["NONE", "owner", "", None, 5])
    async def test_unknown_roles_are_refused(
        self, server: RunningServer, identity_clients: IdentityService, key: OrganizationAccess, role: Any
    ) -> None:
        person = await new_person(identity_clients)
        status, _ = await call(server, key, "PUT", MEMBERS, {"userId": person.user.id, "role": role})
        assert status == 400


class TestProjectMembers:
    async def test_given_changed_and_taken_away(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        project: ProjectAccess,
        key: OrganizationAccess,
    ) -> None:
        path = f"/api/public/projects/{project.project_id}/memberships"
        person = await new_person(identity_clients, "Ada")
        wanted = {"userId": person.user.id, "role": "MEMBER"}
        status, body = await call(server, key, "PUT", path, wanted)
        assert (status, body) == (404, {"error": "User is not a member of the organization"})
        await call(server, key, "PUT", MEMBERS, {"userId": person.user.id, "role": "VIEWER"})
        status, body = await call(server, key, "PUT", path, wanted)
        given = wanted | {"email": person.user.email, "name": "Ada"}
        assert (status, body) == (200, given)
        status, body = await call(server, key, "PUT", path, wanted | {"role": "ADMIN"})
        assert status == 200
        assert await call(server, key, "GET", path) == (200, {"memberships": [given | {"role": "ADMIN"}]})
        status, body = await call(server, key, "DELETE", path, {"userId": person.user.id})
        assert (status, body["userId"]) == (200, person.user.id)
        status, _ = await call(server, key, "DELETE", path, {"userId": person.user.id})
        assert status == 404

    async def test_a_role_goes_with_the_membership_of_the_organization(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        project: ProjectAccess,
        key: OrganizationAccess,
    ) -> None:
        path = f"/api/public/projects/{project.project_id}/memberships"
        person = await new_person(identity_clients)
        for where in (MEMBERS, path):
            await call(server, key, "PUT", where, {"userId": person.user.id, "role": "MEMBER"})
        await call(server, key, "DELETE", MEMBERS, {"userId": person.user.id})
        assert await call(server, key, "GET", path) == (200, {"memberships": []})

    async def test_foreign_projects_are_not_there(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        key: OrganizationAccess,
        other_project: ProjectAccess,
    ) -> None:
        path = f"/api/public/projects/{other_project.project_id}/memberships"
        owner = await owner_of(identity_clients, other_project)
        for method, body in (
            ("GET", None),
            ("PUT", {"userId": owner.user.id, "role": "VIEWER"}),
            ("DELETE", {"userId": owner.user.id}),
        ):
            status, answer = await call(server, key, method, path, body)
            assert (status, answer) == (
                404,
                {"error": "Project not found or you don't have access to it"},
            )


async def test_people_make_and_revoke_them_over_graphql(
    server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> None:
    create = (
        "mutation M($input: CreateOrganizationApiKeyInput!) "
        "{ createOrganizationApiKey(input: $input) { apiKey { id publicKey note } secretKey } }"
    )
    revoke = (
        "mutation M($input: RevokeOrganizationApiKeyInput!) { revokeOrganizationApiKey(input: $input) }"
    )
    listed = "{ viewer { organizations { apiKeys { id } } } }"
    session = await identity_clients.accounts.sign_in(project.email, project.password)
    header, organization_id = f"Bearer {session.token}", project.organization_id
    given = {"organizationId": organization_id, "note": "ci"}
    made = (await server.data(header, create, input=given))["createOrganizationApiKey"]
    headers = {"Authorization": basic(made["apiKey"]["publicKey"], made["secretKey"])}
    answer = await server.client.get(ORGANIZATION + "/projects", headers=headers)
    assert [each["id"] for each in answer.json()["projects"]] == [project.project_id]
    data = await server.data(header, listed)
    assert data["viewer"]["organizations"] == [{"apiKeys": [{"id": made["apiKey"]["id"]}]}]
    stranger = await identity_clients.accounts.sign_in(
        (await new_person(identity_clients)).user.email, PASSWORD
    )
    for caller, code in ((f"Bearer {stranger.token}", "NOT_FOUND"), (project, "ACCESS_DENIED")):
        body = await server.graphql(caller, create, input=given)
        assert body["errors"][0]["extensions"]["code"] == code
    wanted = {"organizationId": organization_id, "id": made["apiKey"]["id"]}
    for expected in (True, False):
        data = await server.data(header, revoke, input=wanted)
        assert data["revokeOrganizationApiKey"] is expected


async def test_people_delete_projects_over_graphql(
    server: RunningServer, identity_clients: IdentityService, project: ProjectAccess
) -> None:
    delete = "mutation M($input: DeleteProjectInput!) { deleteProject(input: $input) }"
    given = {"id": project.project_id}
    body = await server.graphql(project, delete, input=given)
    assert body["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    session = await identity_clients.accounts.sign_in(project.email, project.password)
    data = await server.data(f"Bearer {session.token}", delete, input=given)
    assert data == {"deleteProject": True}
    body = await server.graphql(f"Bearer {session.token}", delete, input=given)
    assert body["errors"][0]["extensions"]["code"] == "NOT_FOUND"
