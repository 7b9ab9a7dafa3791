"""A project with much to process does not keep another one waiting, on a running server and worker."""

from __future__ import annotations

import asyncio
import time

import httpx
import orjson
import pytest

from tests.conftest import ProjectAccess, Stack
from tests.integration.ingest.test_process import spans
from tests.support import eventually

pytestmark = pytest.mark.engines

_ROUTE = "/api/public/otel/v1/traces"
_QUERY = """query Q($id: ID!) { project(id: $id) { backlog { payloads oldestAgeSeconds }
  traces(first: 1) { edges { node { id } } } } }"""
_SPANS, _CALLS = 400, 120


async def test_a_quiet_project_is_served_at_once(
    stack: Stack, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    noise = orjson.dumps(spans(*(f"{number:016x}" for number in range(_SPANS))))
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as http:

        async def send(access: ProjectAccess, body: bytes) -> None:
            headers = access.headers | {"Content-Type": "application/json"}
            answer = await http.post(_ROUTE, content=body, headers=headers)
            assert answer.status_code == 200, answer.text

        async def state(access: ProjectAccess) -> dict[str, object]:
            body = {"query": _QUERY, "variables": {"id": access.project_id}}
            answer = await http.post("/graphql", json=body, headers=access.headers)
            found: dict[str, object] = answer.json()["data"]["project"]
            return found

        async def backlog(access: ProjectAccess) -> int:
            found = (await state(access))["backlog"]
            assert isinstance(found, dict)
            return int(found["payloads"])

        # One after another within a window: each is an object and a job of its own.
        sending = [asyncio.create_task(send(project, noise)) for _ in range(_CALLS)]
        await eventually(lambda: backlog(project), timeout_s=20)
        await asyncio.gather(*sending)
        began = time.monotonic()
        await send(other_project, orjson.dumps(spans("1" * 16)))

        async def is_readable() -> bool:
            found = (await state(other_project))["traces"]
            assert isinstance(found, dict)
            return bool(found["edges"])

        await eventually(is_readable, timeout_s=20)
        waited = time.monotonic() - began
        still = await backlog(project)
        # Whatever the machine's speed: it did not wait until the other's work was done.
        assert still or waited < 2

        async def is_done() -> bool:
            return not await backlog(project)

        await eventually(is_done, timeout_s=60)
        assert (await state(project))["backlog"] == {"payloads": 0, "oldestAgeSeconds": 0}
