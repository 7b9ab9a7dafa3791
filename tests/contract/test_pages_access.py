"""Who sees which page: strangers, members of other projects, viewers and members; and public traces."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from lumenspan.identity import repository
from lumenspan.identity.domain import Role
from lumenspan.identity.service import IdentityService
from tests.conftest import PASSWORD, ProjectAccess, make_project
from tests.contract.pages import COOKIE, sign_in
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer


@pytest.fixture
async def browser(server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a session; it follows no redirect by itself."""
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30) as client:
        yield client


async def seed(server: RunningServer, project: ProjectAccess, *, is_public: bool = False) -> str:
    """A trace in a session; its address."""
    row = observation(
        project.project_id,
        name="the call",
        session_id="the session",
        input="the input",
        output="the output",
        is_public=is_public or None,
    )
    await insert(server.services.clickhouse, [row])
    return f"/project/{project.project_id}/traces/{row['trace_id']}"


async def add_member(
    identity: object, project: ProjectAccess, organization_role: Role, project_role: Role | None = None
) -> ProjectAccess:
    """Another person, with these roles in the project's organization and in the project itself."""
    assert isinstance(identity, IdentityService)
    person = await make_project(identity)
    principal = (await identity.accounts.sign_in(person.email, PASSWORD)).user
    async with identity._postgres.session() as session:
        await repository.add_memberships(
            session,
            principal.id,
            organization=(project.organization_id, organization_role),
            project=(project.project_id, project_role) if project_role else None,
        )
    return person


class TestSignIn:
    async def test_a_link_leads_through_the_form_and_back(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        path = await seed(server, project) + "?observation=a%2Fb"
        answer = await browser.get(path)
        assert answer.status_code == 303
        to = urlsplit(answer.headers["location"])
        assert (to.path, parse_qs(to.query)) == ("/sign-in", {"next": [path]})
        answer = await sign_in(browser, project, path)
        assert (answer.status_code, answer.headers["location"]) == (303, path)

    async def test_the_cookie_is_kept_from_scripts_and_other_sites(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        answer = await sign_in(browser, project)
        cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith(COOKIE))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        minutes = server.services.settings.session_max_age_min
        assert f"Max-Age={minutes * 60}" in cookie
        # Plain http here; the unit tests show the cookie of https.
        assert "Secure" not in cookie

    async def test_a_wrong_password_is_said_in_the_form(
        self, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        answer = await sign_in(browser, project, "/project/p", password="wrong")
        assert answer.status_code == 401
        assert "Wrong e-mail address or password" in answer.text
        assert f'value="{project.email}"' in answer.text
        assert 'name="next" value="/project/p"' in answer.text
        assert "wrong" not in re.findall(r'value="([^"]*)"', answer.text)
        assert COOKIE not in browser.cookies

    @pytest.mark.parametrize(
        "wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"]
    )
    async def test_nothing_leads_elsewhere(
        self, project: ProjectAccess, browser: httpx.AsyncClient, wanted: str
    ) -> None:
        answer = await sign_in(browser, project, wanted)
        assert answer.headers["location"] == "/project"
        answer = await sign_in(browser, project, "", next=wanted)
        assert answer.headers["location"] == "/project"

    async def test_a_form_of_another_site_signs_nobody_in(
        self, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        answer = await sign_in(browser, project, token="0" * 64)
        assert answer.status_code == 401
        fields = {"email": project.email, "password": project.password}
        browser.cookies.clear()
        answer = await browser.post("/sign-in", data=fields)
        assert answer.status_code == 401
        assert COOKIE not in browser.cookies

    async def test_browsers_say_where_a_form_comes_from(
        self, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        for site, status in (("cross-site", 401), ("same-site", 401), ("same-origin", 303)):
            browser.headers["Sec-Fetch-Site"] = site
            assert (await sign_in(browser, project)).status_code == status

    async def test_too_many_failures_are_refused(
        self, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        statuses = [(await sign_in(browser, project, password="wrong")).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff\xfe",
            b"email=%00&password=%ff&token=%ed%a0%80",
            b"a=1&" * 100,
            b"{}",
            b"token=" + b"\xc3\xbc" * 9,
        ],
    )
    async def test_any_body_is_answered(self, browser: httpx.AsyncClient, body: bytes) -> None:
        await browser.get("/sign-in")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await browser.post("/sign-in", content=body, headers=headers)).status_code == 401

    async def test_a_huge_body_is_refused(self, browser: httpx.AsyncClient) -> None:
        answer = await browser.post("/sign-in", content=b"x" * 100_000)
        assert answer.status_code == 413


class TestSignOut:
    async def test_the_session_ends_everywhere(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await sign_in(browser, project)
        token = browser.cookies[COOKIE]
        page = (await browser.get("/project")).text
        hidden = re.search(r'name="token" value="([0-9a-f]+)"', page)
        assert hidden is not None
        answer = await browser.post("/sign-out", data={"token": hidden[1]})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert COOKIE not in browser.cookies
        browser.cookies.set(COOKIE, token)
        assert (await browser.get("/project")).status_code == 303

    async def test_a_form_of_another_site_signs_nobody_out(
        self, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await sign_in(browser, project)
        assert (await browser.post("/sign-out", data={"token": "0" * 64})).status_code == 401
        assert (await browser.get("/project")).status_code == 200


class TestCookies:
    async def test_only_pages_take_the_cookie(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await sign_in(browser, project)
        assert (await browser.get("/api/public/traces")).status_code == 401
        answer = await browser.post("/graphql", json={"query": "{ viewer { user { email } } }"})
        assert answer.json()["data"]["viewer"] is None

    async def test_a_key_is_no_session(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        path = await seed(server, project)
        for value in (project.public_key, project.secret_key, "lss_x", "lss_" + "x" * 5_000, '"', "é"):
            headers = {b"Cookie": f"{COOKIE}={value}".encode()}
            assert (await browser.get(path, headers=headers)).status_code == 303
        # Nor does a page take the keys of applications.
        assert (await browser.get(path, headers=project.headers)).status_code == 303

    async def test_another_origin_can_read_nothing_with_it(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await sign_in(browser, project)
        answer = await browser.get("/project", headers={"Origin": "http://localhost:8080"})
        assert "access-control-allow-credentials" not in answer.headers


class TestAccess:
    async def test_a_stranger_learns_nothing(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        there = await seed(server, project)
        p = project.project_id
        for path in (
            there,
            there + "x",
            "/project/nobody/traces/t",
            f"/project/{p}",
            "/project/nobody",
            f"/project/{p}/sessions/the session",
            f"/project/{p}/prompts/x",
            f"/project/{p}/datasets/x",
            f"/project/{p}/datasets/x/runs/y",
            f"/project/{p}/experiments/results?baseline=x",
            there + "?raw=input",
        ):
            answer = await browser.get(path)
            assert (answer.status_code, answer.content) == (303, b""), path

    async def test_a_member_of_another_project_finds_nothing(
        self,
        server: RunningServer,
        project: ProjectAccess,
        other_project: ProjectAccess,
        browser: httpx.AsyncClient,
    ) -> None:
        there = await seed(server, project)
        await sign_in(browser, other_project)
        p, id_ = project.project_id, there.rpartition("/")[2]
        absent = await browser.get("/project/nobody/traces/t")
        for path in (
            there,
            there + "?raw=input",
            f"/project/{p}",
            f"/project/{p}/sessions/the session",
            f"/project/{p}/prompts/x",
            f"/project/{p}/datasets/x",
            f"/project/{p}/experiments/results?baseline=x",
            # The trace is not in this project, though the reader is.
            f"/project/{other_project.project_id}/traces/{id_}",
            f"/project/{other_project.project_id}/sessions/the session",
        ):
            answer = await browser.get(path)
            assert answer.status_code == 404, path
            assert answer.text == absent.text

    @pytest.mark.parametrize(
        ("organization_role", "project_role", "status"),
        [
            (Role.VIEWER, None, 200),
            (Role.MEMBER, None, 200),
            (Role.NONE, Role.VIEWER, 200),
            (Role.NONE, None, 404),
            (Role.MEMBER, Role.NONE, 404),
        ],
    )
    async def test_roles(
        self,
        server: RunningServer,
        identity_clients: object,
        project: ProjectAccess,
        browser: httpx.AsyncClient,
        organization_role: Role,
        project_role: Role | None,
        status: int,
    ) -> None:
        person = await add_member(identity_clients, project, organization_role, project_role)
        await sign_in(browser, person)
        there = await seed(server, project)
        for path in (
            there,
            f"/project/{project.project_id}",
            f"/project/{project.project_id}/sessions/the session",
        ):
            assert (await browser.get(path)).status_code == status, path

    async def test_a_public_trace_is_for_everybody_and_nothing_else(
        self,
        server: RunningServer,
        project: ProjectAccess,
        other_project: ProjectAccess,
        browser: httpx.AsyncClient,
    ) -> None:
        path = await seed(server, project, is_public=True)
        for _ in range(2):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "the output" in page.text
            assert (await browser.get(path + "?raw=input")).text == "the input"
            # What only members may open is not offered.
            assert f"/project/{project.project_id}/sessions/" not in page.text
            assert "lumenspan://" not in page.text
            assert (await browser.get(f"/project/{project.project_id}")).status_code in (303, 404)
            assert (
                await browser.get(f"/project/{project.project_id}/sessions/the session")
            ).status_code in (
                303,
                404,
            )
            await sign_in(browser, other_project)

    async def test_projects_are_listed_for_their_members(
        self, project: ProjectAccess, other_project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await sign_in(browser, project)
        page = (await browser.get("/project")).text
        assert f"/project/{project.project_id}" in page
        assert other_project.project_id not in page
