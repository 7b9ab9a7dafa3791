"""``/api/public/scim``: an identity provider keeps the members of an organization."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.errors import Unauthenticated
from lumenspan.identity.service import IdentityService
from tests.conftest import PASSWORD, ProjectAccess
from tests.contract.scim import ERROR, ROUTE, USER, address, call, create
from tests.factories.identity import OrganizationAccess, new_person, organization_key
from tests.integration.server.conftest import RunningServer

OPERATIONS = [
    ("GET", "/ServiceProviderConfig"),
    ("GET", "/ResourceTypes"),
    ("GET", "/Schemas"),
    ("GET", "/Users"),
    ("POST", "/Users"),
    *((method, "/Users/some") for method in ("GET", "PUT", "PATCH", "DELETE")),
]


@pytest.fixture
async def key(identity_clients: IdentityService, project: ProjectAccess) -> OrganizationAccess:
    return await organization_key(identity_clients, project)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_who_may_not(
    server: RunningServer, project: ProjectAccess, key: OrganizationAccess, method: str, path: str
) -> None:
    for header, status in (
        (None, 401),
        (project.authorization, 403),
        (f"Bearer {project.public_key}", 403),
        (f"Bearer {key.public_key}", 401),
    ):
        headers = {} if header is None else {"Authorization": header}
        answer = await server.client.request(method, ROUTE + path, headers=headers)
        assert answer.status_code == status
        body = answer.json()
        assert (body["schemas"], body["status"]) == ([ERROR], str(status))
        assert set(body) == {"schemas", "detail", "status"}


class TestDescription:
    async def test_what_there_is(self, server: RunningServer, key: OrganizationAccess) -> None:
        config = (await call(server, key, "GET", "/ServiceProviderConfig")).json()
        assert config["patch"] == {"supported": True}
        assert config["filter"]["supported"] is True
        for name in ("bulk", "changePassword", "sort", "etag"):
            assert config[name]["supported"] is False
        assert config["authenticationSchemes"][0]["type"] == "httpbasic"
        assert config["meta"]["location"] == ROUTE + "/ServiceProviderConfig"
        types = (await call(server, key, "GET", "/ResourceTypes")).json()
        assert types["totalResults"] == 1
        assert types["Resources"][0]["schema"] == USER
        assert types["Resources"][0]["endpoint"] == "/Users"
        schemas = (await call(server, key, "GET", "/Schemas")).json()
        assert schemas["Resources"][0]["id"] == USER
        names = [each["name"] for each in schemas["Resources"][0]["attributes"]]
        assert names == ["userName", "name", "active", "emails", "roles"]

    async def test_the_type_of_the_answer_is_what_was_asked_for(
        self, server: RunningServer, key: OrganizationAccess
    ) -> None:
        for accept, expected in (
            ("application/scim+json", "application/scim+json"),
            ("application/json", "application/json"),
            ("*/*", "application/json"),
        ):
            for path in ("/Users", "/Users/nobody"):
                answer = await server.client.get(ROUTE + path, headers=key.headers | {"Accept": accept})
                assert answer.headers["content-type"] == expected

    async def test_an_unknown_verb_is_405(self, server: RunningServer, key: OrganizationAccess) -> None:
        assert (await call(server, key, "PUT", "/Users")).status_code == 405


class TestCreate:
    async def test_a_new_person_joins_without_rights(
        self, server: RunningServer, identity_clients: IdentityService, key: OrganizationAccess
    ) -> None:
        name = address()
        made = await create(
            server,
            key,
            userName=name.upper(),
            emails=[{"primary": True, "value": name, "type": "work"}],
            password="Sure-thing-8",
            active=True,
            externalId="ext",
            locale="en-US",
        )
        assert made == {
            "schemas": [USER],
            "id": made["id"],
            "userName": name,
            "name": {"formatted": "Ada"},
            "emails": [{"primary": True, "value": name, "type": "work"}],
            "meta": {
                "resourceType": "User",
                "created": made["meta"]["created"],
                "lastModified": made["meta"]["lastModified"],
            },
            "active": True,
            "roles": ["NONE"],
        }
        assert (await call(server, key, "GET", f"/Users/{made['id']}")).json() == made
        # The password was passed over.
        with pytest.raises(Unauthenticated):
            await identity_clients.accounts.sign_in(name, "Sure-thing-8")
        # Members without a role are not listed where the documented clients could not read it.
        members = await server.client.get("/api/public/organizations/memberships", headers=key.headers)
        assert made["id"] not in members.text

    @pytest.mark.parametrize(
        "roles", [["MEMBER"], [{"value": "member", "primary": True}], ["MEMBER", "ADMIN"], "MEMBER"]
    )
    async def test_the_first_role_counts(
        self, server: RunningServer, key: OrganizationAccess, roles: Any
    ) -> None:
        assert (await create(server, key, roles=roles))["roles"] == ["MEMBER"]

    async def test_the_name_in_parts(self, server: RunningServer, key: OrganizationAccess) -> None:
        made = await create(server, key, name={"givenName": "Ada", "familyName": "Lovelace"})
        assert made["name"] == {"formatted": "Ada Lovelace"}

    async def test_somebody_with_an_account_keeps_it(
        self, server: RunningServer, identity_clients: IdentityService, key: OrganizationAccess
    ) -> None:
        person = await new_person(identity_clients, "Original")
        made = await create(server, key, userName=person.user.email, roles=["VIEWER"])
        assert (made["id"], made["name"]) == (person.user.id, {"formatted": "Original"})
        assert len(await identity_clients.projects.within_reach(person)) == 1
        assert (
            await identity_clients.accounts.sign_in(person.user.email, PASSWORD)
        ).user.id == person.user.id

    async def test_a_member_is_not_made_again(self, server: RunningServer, key: OrganizationAccess) -> None:
        made = await create(server, key)
        answer = await call(server, key, "POST", "/Users", json={"userName": made["userName"]})
        assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
        assert answer.json()["status"] == "409"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"[]",
            b"{",
            b"{}",
            b'{"userName": ""}',
            b'{"userName": 5}',
            b'{"userName": "nobody"}',
            b'{"userName": "nul\\u0000@example.com"}',
            b'{"userName": "a@example.com", "name": {"formatted": "nul\\u0000"}}',
            b'{"userName": "a@example.com", "name": "Ada"}',
            b'{"userName": "a@example.com", "roles": ["BOSS"]}',
            b'{"userName": "a@example.com", "active": "perhaps"}',
            b'{"userName": "a@example.com", "roles": [5]}',
        ],
    )
    async def test_what_is_refused(
        self, server: RunningServer, key: OrganizationAccess, content: bytes
    ) -> None:
        answer = await call(server, key, "POST", "/Users", content=content)
        assert answer.status_code == 400
        assert answer.json()["schemas"] == [ERROR]


class TestList:
    async def test_pages_and_filter(
        self, server: RunningServer, project: ProjectAccess, key: OrganizationAccess
    ) -> None:
        made = [await create(server, key) for _ in range(3)]
        body = (await call(server, key, "GET", "/Users")).json()
        assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
        assert (body["totalResults"], body["startIndex"], body["itemsPerPage"]) == (4, 1, 4)
        assert body["Resources"][0]["userName"] == project.email
        assert body["Resources"][1:] == made
        page = (await call(server, key, "GET", "/Users?startIndex=3&count=1")).json()
        assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (4, 3, 1)
        assert page["Resources"] == [made[1]]
        for query in ("?count=0", "?startIndex=5", "?startIndex=1000000000", "?count=-5"):
            page = (await call(server, key, "GET", "/Users" + query)).json()
            assert (page["totalResults"], page["Resources"]) == (4, []), query
        page = (await call(server, key, "GET", "/Users?startIndex=-3&count=1000000000000")).json()
        assert (page["startIndex"], page["itemsPerPage"]) == (1, 4)
        for text in (
            f'userName eq "{made[0]["userName"]}"',
            f'USERNAME Eq "{made[0]["userName"].upper()}"',
        ):
            found = (await call(server, key, "GET", "/Users", params={"filter": text})).json()
            assert (found["totalResults"], found["Resources"]) == (1, [made[0]])
        found = (await call(server, key, "GET", "/Users", params={"filter": 'userName eq "x@y.z"'})).json()
        assert (found["totalResults"], found["Resources"]) == (0, [])

    async def test_another_organizations_members_are_not_found(
        self, server: RunningServer, key: OrganizationAccess, other_project: ProjectAccess
    ) -> None:
        text = f'userName eq "{other_project.email}"'
        found = (await call(server, key, "GET", "/Users", params={"filter": text})).json()
        assert found["totalResults"] == 0

    @pytest.mark.parametrize(
        "text",
        [
            'userName co "a"',
            'name.formatted eq "a"',
            'userName eq "a" and active eq true',
            "userName pr",
            "((",
            "userName eq 5",
            "x" * 5_000,
            "(" * 900 + 'userName eq "a"',
        ],
    )
    async def test_other_filters_are_refused(
        self, server: RunningServer, key: OrganizationAccess, text: str
    ) -> None:
        answer = await call(server, key, "GET", "/Users", params={"filter": text})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")

    @pytest.mark.parametrize("query", ["startIndex=x", "count=1.5", "startIndex=99999999999999999999"])
    async def test_numbers_are_checked(
        self, server: RunningServer, key: OrganizationAccess, query: str
    ) -> None:
        answer = await call(server, key, "GET", f"/Users?{query}")
        assert (answer.status_code, answer.json()["schemas"]) == (400, [ERROR])
