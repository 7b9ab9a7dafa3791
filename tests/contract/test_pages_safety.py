"""Pages of whatever clients send: nothing becomes markup, nothing grows without bounds."""

from __future__ import annotations

import json
import re
import time
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.contract.pages import EVIL, MAX_PAGE_BYTES, NOW, browser, page, seed, words
from tests.factories.observations import insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

__all__ = ["browser"]


class TestSafety:
    async def test_nothing_of_a_client_becomes_markup(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        texts = dict.fromkeys(("name", "user_id", "session_id", "environment", "release", "version"), EVIL)
        more = dict.fromkeys(("model", "prompt_name", "status_message", "model_parameters", "type"), EVIL)
        chat = json.dumps([{"role": EVIL, "name": EVIL, "content": EVIL, "tool_calls": [{"name": EVIL}]}])
        row = observation(
            project.project_id,
            trace_id=EVIL,
            id=EVIL,
            tags=[EVIL],
            input=chat,
            output=json.dumps({EVIL: EVIL}),
            metadata={EVIL: EVIL},
            usage={EVIL: 1},
            level="ERROR",
            **texts,
            **more,
        )
        await insert(server.services.clickhouse, [row])
        judged = {"trace_id": EVIL, "observation_id": EVIL}
        kept = score(
            project.project_id,
            name=EVIL,
            comment=EVIL,
            data_type="CATEGORICAL",
            string_value=EVIL,
            **judged,
        )
        await insert_scores(server.services.clickhouse, [kept])
        p, id_ = f"/project/{project.project_id}", quote(EVIL, safe="")
        for path in (
            f"{p}/traces/{id_}",
            f"{p}/traces/{id_}?observation={id_}",
            f"{p}/sessions/{id_}",
            f"{p}?search={id_[:60]}",
            p,
            f"/sign-in?next={id_}",
        ):
            markup = await page(browser, path)
            assert markup.count("<script") == 1, path
            assert "<img" not in markup, path
            assert "onerror=alert(1)>" not in markup, path
            assert str(7777 * 7777) not in words(markup), path

    async def test_pages_let_nothing_foreign_in(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        answer = await browser.get(await seed(server, project))
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert " style=" not in answer.text
        sources = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', answer.text)
        assert all(each.startswith(("/assets/", "data:image/svg+xml")) for each in sources)

    async def test_style_and_script_are_kept_for_ever(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        markup = await page(browser, "/project")
        for path, kind in zip(re.findall(r'"(/assets/[^"]+)"', markup), ("css", "javascript"), strict=True):
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await browser.get("/assets/pages.css")).status_code == 404

    @pytest.mark.parametrize(
        "path",
        [
            "{p}/traces/%00",
            "{p}/traces/a%00b",
            "{p}/traces/%ff%fe",
            "{p}/traces/" + "x" * 10_000,
            "{p}/traces/t?observation=%00",
            "{p}/sessions/%00",
            "{p}/prompts/%00",
            "{p}/prompts/x?version=0",
            "{p}/prompts/x?version=99999999999999999999",
            "{p}/prompts/x?version=1e3",
            "{p}/prompts/x?label=%00",
            "{p}/datasets/%00",
            "{p}/datasets/a/runs/%00",
            "{p}/experiments/results",
            "{p}/experiments/results?baseline=%00",
            "{p}/experiments/results?baseline=x&after=x",
            "/project/%00",
            "/project/%00/traces/x",
        ],
    )
    async def test_addresses_that_nothing_can_have(
        self, project: ProjectAccess, browser: httpx.AsyncClient, path: str
    ) -> None:
        answer = await browser.get(path.format(p=f"/project/{project.project_id}"))
        assert answer.status_code in (400, 404)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"

    @pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", "٣", "999999", "9" * 30])
    async def test_numbers_of_pages(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient, number: str
    ) -> None:
        await seed(server, project)
        await page(browser, f"/project/{project.project_id}/sessions/the session", page=number)

    async def test_cursors_of_elsewhere_are_refused(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        path = await seed(server, project)
        for cursor in ("x", "W10", "WzEsMl0", "A" * 5_000):
            assert "Invalid cursor" in await page(browser, path, 400, after=cursor)
            await page(browser, f"/project/{project.project_id}", 400, after=cursor)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.text(max_size=200), search=st.text(max_size=50))
    async def test_any_text_is_shown(
        self,
        server: RunningServer,
        project: ProjectAccess,
        browser: httpx.AsyncClient,
        text: str,
        search: str,
    ) -> None:
        row = observation(
            project.project_id, trace_id="any", id="any", name=text, input=text, event_ts=time.time_ns()
        )
        await insert(server.services.clickhouse, [row])
        p = f"/project/{project.project_id}"
        assert (await browser.get(f"{p}/traces/any", params={"observation": "any"})).status_code == 200
        raw = await browser.get(f"{p}/traces/any", params={"observation": "any", "raw": "input"})
        assert raw.content.decode() == text
        assert (await browser.get(p, params={"search": search})).status_code == 200


class TestLimits:
    async def test_a_long_trace_is_shown_in_parts(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        count = 2_500
        rows = [
            observation(
                project.project_id,
                trace_id="long",
                id=f"{number:05}",
                parent_id="" if number == 0 else f"{(number - 1) // 3:05}",
                name=f"step {number}",
                start_time=NOW + number * 1_000,
                metadata={"filler": "x" * 200},
            )
            for number in range(count)
        ]
        await insert(server.services.clickhouse, rows)
        path = f"/project/{project.project_id}/traces/long"
        seen: list[str] = []
        markup = await page(browser, path)
        while True:
            assert len(markup) < MAX_PAGE_BYTES
            found = re.findall(r'href="\?observation=(\d+)', markup)
            assert len(found) <= 1_000
            seen += found
            following = re.search(r'<a href="([^"]+)" rel="next"', markup)
            if following is None:
                break
            assert "1,000 observations of 2,500" in words(markup)
            markup = await page(browser, unescape(following[1]))
        assert sorted(seen) == [f"{number:05}" for number in range(count)]
        # A link to an observation leads to the part of the tree that it is in.
        markup = await page(browser, path, observation="02100")
        assert re.search(r'aria-current="true"><a href="\?observation=02100&amp;after=', markup)
        assert "From the start" in markup

    async def test_a_deep_trace_is_shown(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        rows = [
            observation(
                project.project_id,
                trace_id="deep",
                id=f"{number:04}",
                parent_id=f"{number - 1:04}" if number else "",
                start_time=NOW + number,
            )
            for number in range(1_000)
        ]
        await insert(server.services.clickhouse, rows)
        markup = await page(browser, f"/project/{project.project_id}/traces/deep")
        assert markup.count("<details") == markup.count("</details>") == 999

    async def test_large_texts_are_cut_and_linked(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        large = "<&" * 1_000_000
        row = observation(
            project.project_id,
            trace_id="large",
            id="large",
            session_id="large",
            input=large,
            output=json.dumps([{"role": "user", "content": "x" * 300_000}]),
            metadata={f"key {number:04}": large[:50_000] for number in range(300)},
        )
        await insert(server.services.clickhouse, [row])
        p = f"/project/{project.project_id}"
        for path in (f"{p}/traces/large", f"{p}/traces/large?observation=large", f"{p}/sessions/large"):
            markup = await page(browser, path)
            assert len(markup) < MAX_PAGE_BYTES
            assert "Only the beginning is shown" in markup
        links = re.findall(r'Only the beginning is shown: <a href="([^"]+)"', markup)
        assert len(links) == 2
        assert (await browser.get(unescape(links[0]))).text == large

    async def test_the_queries_do_not_grow_with_the_trace(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient, queries: Any
    ) -> None:
        path = await seed(server, project)
        counts = []
        for added in (0, 50):
            rows = [
                observation(project.project_id, trace_id="the-trace", start_time=NOW) for _ in range(added)
            ]
            await insert(server.services.clickhouse, rows)
            queries.reset()
            await page(browser, path)
            counts.append(len(queries.texts))
        assert counts[0] == counts[1] <= 6
