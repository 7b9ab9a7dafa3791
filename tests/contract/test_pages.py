"""What the pages of traces, projects and sessions show, over HTTP."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from tests.conftest import ProjectAccess
from tests.contract.pages import NOW, browser, page, seed, words
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

__all__ = ["browser"]


class TestTrace:
    async def test_the_trace_as_a_whole(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        markup = await page(browser, await seed(server, project))
        text = words(markup)
        for expected in (
            "agent run error",
            "Time (UTC) 2026-09-21 14:13:20.000",
            "Latency 4.00 s",
            "Cost $0.0300",
            "Tokens 1,000 → 20",
            "Observations 2",
            "User ada",
            "Session the session",
            "Environment production",
            "Release r7",
            "Version v3",
            "Tags beta",
            "Id the-trace",
            "AGENT agent run",
            "GEN write answer",
            '"question" : "How many days?"',
            "thirty days",
            "helpful 0.5 quite so API",
            "tier gold",
        ):
            assert expected in text, expected
        assert "correct" not in text
        session = f"/project/{project.project_id}/sessions/the%20session"
        assert f'href="{session}"' in markup

    async def test_an_observation(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        markup = await page(browser, await seed(server, project), observation="model")
        text = words(markup)
        for expected in (
            "GEN write answer error it was cut",
            "Latency 2.00 s",
            "First token after 500 ms",
            "Model gpt-4o",
            "Prompt support/answer · version 2",
            "user How many days?",
            "assistant Thirty.",
            "correct yes",
            "input 1,000 $0.0100",
            "total 1,020 $0.0300",
            '"temperature" : 0.2',
        ):
            assert expected in text, expected
        assert "helpful" not in text
        assert f'href="/project/{project.project_id}/prompts/support%2Fanswer?version=2"' in markup
        assert re.search(r'aria-current="true"><a href="\?observation=model#details"', markup)

    async def test_the_desktop_application_is_told_where(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        markup = await page(browser, await seed(server, project), observation="model")
        link = re.search(r'href="(lumenspan://[^"]+)"', markup)
        assert link is not None
        parts = urlsplit(unescape(link[1]))
        assert parts.netloc == "open"
        assert parse_qs(parts.query) == {
            "server": [str(server.services.settings.public_url).rstrip("/")],
            "project": [project.project_id],
            "trace": ["the-trace"],
            "observation": ["model"],
        }

    async def test_texts_as_they_are(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        path = await seed(server, project)
        for params, expected in (
            ({"raw": "input"}, '{"question": "How many days?"}'),
            ({"raw": "output"}, "thirty days"),
            ({"raw": "output", "observation": "model"}, '{"role": "assistant", "content": "Thirty."}'),
            ({"raw": "metadata"}, '{\n  "tier": "gold"\n}'),
            ({"raw": "metadata", "observation": "model"}, "{}"),
        ):
            answer = await browser.get(path, params=params)
            assert answer.status_code == 200
            assert answer.text == expected
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
        await page(browser, path, 404, raw="id")

    async def test_what_is_not_there(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        path = await seed(server, project)
        assert "reload the page" in await page(browser, path + "x", 404)
        await page(browser, path, 404, observation="absent")
        await page(browser, f"/project/{project.project_id}/nothing/here", 404)
        # Elsewhere programs are answered as before.
        assert (await browser.get("/nothing")).json()["error"] == "LangfuseNotFoundError"

    async def test_ids_with_strange_characters(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        id_ = 'a/b?c=#d %&ü"<'
        row = observation(project.project_id, trace_id=id_, id=id_, session_id=id_, output="found it")
        await insert(server.services.clickhouse, [row])
        p = f"/project/{project.project_id}"
        found = await page(browser, f"{p}/traces/{quote(id_, safe='')}")
        assert "found it" in found
        for link in set(re.findall(r'href="(\?observation=[^"]+|/project/[^"]+)"', found)):
            target = unescape(link).partition("#")[0]
            to = target if target.startswith("/") else f"{p}/traces/{quote(id_, safe='')}{target}"
            assert (await browser.get(to)).status_code == 200, to

    async def test_a_span_that_runs_and_one_without_a_parent(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        rows = [
            observation(project.project_id, trace_id="t", id="a", name="runs", end_time=None),
            observation(project.project_id, trace_id="t", id="b", parent_id="absent", name="lost"),
        ]
        await insert(server.services.clickhouse, rows)
        text = words(await page(browser, f"/project/{project.project_id}/traces/t", observation="a"))
        assert "has not ended" in text
        assert "↳ lost" in text


class TestProject:
    async def test_traces_newest_first_and_page_by_page(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        rows = [
            observation(
                project.project_id, trace_id=f"t{number:03}", name=f"call {number}", start_time=NOW + number
            )
            for number in range(70)
        ]
        await insert(server.services.clickhouse, rows)
        path = f"/project/{project.project_id}"
        first = await page(browser, path)
        following = re.search(r'<a href="([^"]+)" rel="next"', first)
        assert following is not None
        second = await page(browser, unescape(following[1]))
        found = re.findall(r"/traces/(t\d+)", first + second)
        assert found == [f"t{number:03}" for number in reversed(range(70))]
        assert re.findall(r"/traces/(t\d+)", await page(browser, path, search="call 69")) == ["t069"]
        assert "No trace has" in await page(browser, path, search="absent")
        assert await page(browser, f"{path}/traces") == first


class TestSession:
    async def test_its_traces_in_order(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await seed(server, project)
        rows = [
            observation(
                project.project_id,
                trace_id=f"turn-{number:02}",
                session_id="the session",
                start_time=NOW + (number + 1) * 60 * SECOND_NS,
                input=f"question {number}",
                output=f"answer {number}",
            )
            for number in range(25)
        ]
        await insert(server.services.clickhouse, rows)
        path = f"/project/{project.project_id}/sessions/the%20session"
        markup = await page(browser, path)
        text = words(markup)
        assert "Traces 26" in text
        assert "solved 3" in text
        assert "helpful 0.5" in text
        assert "$0.0300" in text
        assert re.findall(r"answer \d+", text) == [f"answer {number}" for number in range(19)]
        assert "Page 1 of 2" in text
        following = words(await page(browser, path, page=2))
        assert re.findall(r"answer \d+", following) == [f"answer {number}" for number in range(19, 25)]
        await page(browser, path + "x", 404)
