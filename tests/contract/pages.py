"""What the tests of pages share: a browser that is signed in, a trace to look at, a page as it is read."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

COOKIE = "lumenspan_session"
NOW = 1_790_000_000 * SECOND_NS
EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7777*7777}}"
MAX_PAGE_BYTES = 2_000_000


@pytest.fixture
async def browser(server: RunningServer, project: ProjectAccess) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of the project's owner, signed in."""
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30) as client:
        await sign_in(client, project)
        yield client


async def page(browser: httpx.AsyncClient, path: str, status: int = 200, **params: Any) -> str:
    answer = await browser.get(path, params=params) if params else await browser.get(path)
    assert answer.status_code == status, answer.text[:2_000]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def words(markup: str) -> str:
    """The text of a page as a person reads it."""
    body = markup.partition("<main>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


async def seed(server: RunningServer, project: ProjectAccess, **given: Any) -> str:
    """An agent that calls a model; the address of the trace."""
    common = {
        "trace_id": "the-trace",
        "session_id": "the session",
        "user_id": "ada",
        "tags": ["beta"],
        "environment": "production",
    } | given
    rows = [
        observation(
            project.project_id,
            id="root",
            type="AGENT",
            name="agent run",
            start_time=NOW,
            end_time=NOW + 4 * SECOND_NS,
            release="r7",
            version="v3",
            input=json.dumps({"question": "How many days?"}),
            output="thirty days",
            metadata={"tier": "gold"},
            **common,
        ),
        observation(
            project.project_id,
            id="model",
            parent_id="root",
            type="GENERATION",
            name="write answer",
            start_time=NOW + SECOND_NS,
            end_time=NOW + 3 * SECOND_NS,
            completion_start_time=NOW + SECOND_NS + SECOND_NS // 2,
            level="ERROR",
            status_message="it was cut",
            model="gpt-4o",
            model_parameters='{"temperature":0.2}',
            prompt_name="support/answer",
            prompt_version=2,
            input=json.dumps([{"role": "user", "content": "How many days?"}]),
            output=json.dumps({"role": "assistant", "content": "Thirty."}),
            usage={"input": 1_000, "output": 20, "total": 1_020},
            cost={"input": "0.01", "output": "0.02", "total": "0.03"},
            **common,
        ),
    ]
    await insert(server.services.clickhouse, rows)
    await insert_scores(
        server.services.clickhouse,
        [
            score(project.project_id, trace_id="the-trace", name="helpful", value=0.5, comment="quite so"),
            score(
                project.project_id,
                trace_id="the-trace",
                observation_id="model",
                name="correct",
                data_type="BOOLEAN",
                string_value="True",
                value=1,
            ),
            score(project.project_id, session_id="the session", name="solved", value=3),
        ],
    )
    return f"/project/{project.project_id}/traces/the-trace"


async def sign_in(
    browser: httpx.AsyncClient, access: ProjectAccess, wanted: str = "", **changed: str
) -> httpx.Response:
    """Fill in the form as a person does."""
    form = await browser.get("/sign-in", params={"next": wanted})
    assert form.status_code == 200
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form.text))
    fields = {name: unescape(value) for name, value in hidden.items()}
    fields |= {"email": access.email, "password": access.password} | changed
    return await browser.post("/sign-in", data=fields)
