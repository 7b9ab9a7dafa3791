"""``/api/public/scim/Users``: members who are changed, deactivated, brought back and removed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.identity.domain import Role
from lumenspan.identity.service import IdentityService
from lumenspan.ids import OrganizationId
from tests.conftest import PASSWORD, ProjectAccess
from tests.contract.scim import ERROR, USER, address, call, create, operations
from tests.factories.identity import OrganizationAccess, new_person, organization_key, owner_of
from tests.integration.server.conftest import RunningServer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda of: (
        st.lists(of, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Operations", "op", "path", "value", "active", "name", "userName", "roles"]),
            of,
        )
    ),
    max_leaves=10,
)


@pytest.fixture
async def key(identity_clients: IdentityService, project: ProjectAccess) -> OrganizationAccess:
    return await organization_key(identity_clients, project)


class TestChange:
    @pytest.mark.parametrize(
        "operation",
        [
            {"op": "replace", "value": {"active": False}},
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "replace", "path": f"{USER}:active", "value": False},
        ],
    )
    async def test_deactivated_and_brought_back(
        self, server: RunningServer, key: OrganizationAccess, operation: dict[str, Any]
    ) -> None:
        made = await create(server, key, roles=["MEMBER"])
        path = f"/Users/{made['id']}"
        answer = await call(server, key, "PATCH", path, json=operations(operation))
        assert (answer.status_code, answer.json()["active"]) == (200, False)
        assert (await call(server, key, "GET", path)).status_code == 404
        members = await server.client.get("/api/public/organizations/memberships", headers=key.headers)
        assert made["id"] not in members.text
        name = operations({"op": "replace", "path": "name.formatted", "value": "B"})
        assert (await call(server, key, "PATCH", path, json=name)).status_code == 404
        back = operations({"op": "replace", "value": {"active": True}})
        answer = await call(server, key, "PATCH", path, json=back)
        assert (answer.status_code, answer.json()) == (200, made)
        assert (await call(server, key, "GET", path)).json() == made

    async def test_put_does_the_same(self, server: RunningServer, key: OrganizationAccess) -> None:
        made = await create(server, key, roles=["MEMBER"])
        path, body = f"/Users/{made['id']}", {"schemas": [USER], "userName": made["userName"]}
        answer = await call(server, key, "PUT", path, json=body | {"active": False})
        assert (answer.status_code, answer.json()["active"]) == (200, False)
        assert (await call(server, key, "PUT", path, json=body)).status_code == 404
        answer = await call(server, key, "PUT", path, json=body | {"active": True, "roles": ["ADMIN"]})
        assert (answer.status_code, answer.json()["roles"]) == (200, ["ADMIN"])
        answer = await call(server, key, "PUT", path, json=body | {"name": {"formatted": "Grace"}})
        assert answer.json()["name"] == {"formatted": "Grace"}
        assert answer.json()["meta"]["lastModified"] > made["meta"]["lastModified"]

    async def test_a_deactivated_person_may_be_made_again(
        self, server: RunningServer, key: OrganizationAccess
    ) -> None:
        made = await create(server, key, active=False, roles=["MEMBER"])
        assert made["active"] is False
        assert (await call(server, key, "GET", f"/Users/{made['id']}")).status_code == 404
        again = await create(server, key, userName=made["userName"], roles=["VIEWER"])
        assert (again["id"], again["active"], again["roles"]) == (made["id"], True, ["VIEWER"])

    @pytest.mark.parametrize(
        ("operation", "role"),
        [
            ({"op": "replace", "path": "roles", "value": ["ADMIN"]}, "ADMIN"),
            ({"op": "replace", "path": "roles", "value": [{"value": "ADMIN"}]}, "ADMIN"),
            ({"op": "replace", "value": {"roles": ["ADMIN"]}}, "ADMIN"),
            ({"op": "replace", "path": "title", "value": "Dr"}, "MEMBER"),
            ({"op": "replace", "path": 'emails[type eq "work"].value', "value": "x"}, "MEMBER"),
            ({"op": "add", "value": {"title": "Dr", "nickName": "A"}}, "MEMBER"),
        ],
    )
    async def test_roles_and_what_is_not_kept(
        self, server: RunningServer, key: OrganizationAccess, operation: dict[str, Any], role: str
    ) -> None:
        made = await create(server, key, roles=["MEMBER"])
        answer = await call(server, key, "PATCH", f"/Users/{made['id']}", json=operations(operation))
        assert (answer.status_code, answer.json()) == (200, made | {"roles": [role]})

    async def test_a_name_shared_with_another_organization_stays(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        key: OrganizationAccess,
        other_project: ProjectAccess,
    ) -> None:
        owner = await owner_of(identity_clients, other_project)
        made = await create(server, key, userName=owner.user.email)
        body = operations({"op": "replace", "path": "name.formatted", "value": "Somebody else"})
        answer = await call(server, key, "PATCH", f"/Users/{made['id']}", json=body)
        assert (answer.status_code, answer.json()["name"]) == (200, {"formatted": "Test Person"})

    async def test_the_address_stays(self, server: RunningServer, key: OrganizationAccess) -> None:
        made = await create(server, key)
        path = f"/Users/{made['id']}"
        for method, body in (
            ("PUT", {"userName": address()}),
            ("PATCH", operations({"op": "replace", "path": "userName", "value": address()})),
        ):
            answer = await call(server, key, method, path, json=body)
            assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")

    async def test_there_is_always_an_owner(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        project: ProjectAccess,
        key: OrganizationAccess,
    ) -> None:
        owner = await owner_of(identity_clients, project)
        path = f"/Users/{owner.user.id}"
        for method, options in (
            ("DELETE", {}),
            ("PATCH", {"json": operations({"op": "replace", "value": {"active": False}})}),
            ("PUT", {"json": {"userName": project.email, "active": False}}),
            ("PUT", {"json": {"userName": project.email, "roles": ["MEMBER"]}}),
        ):
            answer = await call(server, key, method, path, **options)
            assert (answer.status_code, answer.json()["status"]) == (403, "403")
        roles = await identity_clients.roles_by_organization(
            owner, [OrganizationId(project.organization_id)]
        )
        assert list(roles.values()) == [Role.OWNER]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"Operations": []},
            {"Operations": "x"},
            {"Operations": [5]},
            operations({"op": "explode", "path": "active"}),
            operations({"op": "replace", "path": "active"}),
            operations({"op": "replace", "path": "active", "value": "perhaps"}),
            operations({"op": "replace", "path": "id", "value": "other"}),
            operations({"op": "replace", "path": "roles", "value": ["BOSS"]}),
            operations({"op": "replace", "path": "name.formatted", "value": "x" * 300}),
            {"Operations": [{"op": "replace", "value": {"active": True}}] * 101},
        ],
    )
    async def test_what_is_refused(self, server: RunningServer, key: OrganizationAccess, body: Any) -> None:
        made = await create(server, key, roles=["MEMBER"])
        answer = await call(server, key, "PATCH", f"/Users/{made['id']}", json=body)
        assert (answer.status_code, answer.json()["schemas"]) == (400, [ERROR])
        assert "scimType" in answer.json() or "name" in answer.json()["detail"]
        assert (await call(server, key, "GET", f"/Users/{made['id']}")).json() == made

    @given(body=JSON)
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_no_body_makes_the_server_fail(
        self, server: RunningServer, key: OrganizationAccess, project: ProjectAccess, body: Any
    ) -> None:
        listed = (await call(server, key, "GET", "/Users")).json()
        path = f"/Users/{listed['Resources'][0]['id']}"
        for method, route in (("PATCH", path), ("PUT", path), ("POST", "/Users")):
            answer = await call(server, key, method, route, content=json.dumps(body))
            assert answer.status_code < 500, answer.text


class TestRemove:
    async def test_the_account_stays(
        self, server: RunningServer, identity_clients: IdentityService, key: OrganizationAccess
    ) -> None:
        person = await new_person(identity_clients)
        made = await create(server, key, userName=person.user.email, roles=["MEMBER"])
        answer = await call(server, key, "DELETE", f"/Users/{made['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await call(server, key, "DELETE", f"/Users/{made['id']}")).status_code == 404
        assert await identity_clients.projects.within_reach(person) == []
        assert (
            await identity_clients.accounts.sign_in(person.user.email, PASSWORD)
        ).user.id == person.user.id

    async def test_a_deactivated_person_is_forgotten(
        self, server: RunningServer, key: OrganizationAccess
    ) -> None:
        made = await create(server, key, active=False)
        assert (await call(server, key, "DELETE", f"/Users/{made['id']}")).status_code == 204
        back = operations({"op": "replace", "value": {"active": True}})
        answer = await call(server, key, "PATCH", f"/Users/{made['id']}", json=back)
        assert answer.status_code == 404

    async def test_strangers_are_not_there(
        self,
        server: RunningServer,
        identity_clients: IdentityService,
        key: OrganizationAccess,
        other_project: ProjectAccess,
    ) -> None:
        stranger = (await owner_of(identity_clients, other_project)).user
        for method, body in (
            ("GET", None),
            ("DELETE", None),
            ("PUT", {"userName": stranger.email, "active": True}),
            ("PATCH", operations({"op": "replace", "value": {"active": True}})),
        ):
            for id_ in (stranger.id, "nobody", "x" * 10_000):
                answer = await call(server, key, method, f"/Users/{id_}", json=body)
                assert (answer.status_code, answer.json()["status"]) == (404, "404")
        answer = await call(server, key, "GET", "/Users/%00")
        assert answer.status_code in (400, 404)
