"""Batches that the JavaScript SDK 3 sent, from the call to what is read."""

from __future__ import annotations

import httpx
import orjson
import pytest

from lumenspan.ids import ProjectId
from lumenspan.observations.service import ObservationService
from lumenspan.traces.service import TraceService
from tests.conftest import ProjectAccess, Stack
from tests.integration.ingest.conftest import Clients
from tests.recorded import recordings
from tests.support import eventually

pytestmark = pytest.mark.engines


async def test_javascript_sdk_3(stack: Stack, project: ProjectAccess, clients: Clients) -> None:
    batches = [orjson.loads(each.body) for each in recordings.read("langfuse-js-3.39.2").requests]
    async with httpx.AsyncClient(base_url=stack.base_url, headers=project.headers) as http:
        for batch in batches:
            answer = await http.post("/api/public/ingestion", json=batch)
            assert (answer.status_code, answer.json()["errors"]) == (207, [])
    (trace_id,) = {
        event["body"]["id"]
        for batch in batches
        for event in batch["batch"]
        if event["type"] == "trace-create"
    }
    traces = TraceService(clients.clickhouse)
    observations = ObservationService(clients.clickhouse, traces)

    async def complete() -> bool:
        trace = await traces.get(ProjectId(project.project_id), trace_id)
        return trace is not None and len(
            await observations.whole_trace(ProjectId(project.project_id), trace.key, has_texts=False)
        ) == 3  # fmt: skip

    await eventually(complete)
    trace = await traces.get(ProjectId(project.project_id), trace_id)
    assert trace is not None
    assert (trace.name, trace.user_id, trace.session_id, trace.tags) == (
        "weather",
        "user-1",
        "session-1",
        ("a", "b"),
    )
    found = await observations.whole_trace(ProjectId(project.project_id), trace.key, has_texts=True)
    seen = {each.name: each for each in found}
    assert {name: each.type for name, each in seen.items()} == {
        "handle": "SPAN",
        "manual": "GENERATION",
        "noticed": "EVENT",
    }
    manual = seen["manual"]
    assert (manual.model, manual.usage) == ("gpt-4o", {"input": 10, "output": 5, "total": 15})
    assert str(manual.total_cost) == "0.000030000000"
    assert orjson.loads(manual.output or "") == {"role": "assistant", "content": "Sunny."}
    assert manual.parent_id == seen["handle"].id
    assert (seen["noticed"].level, seen["noticed"].status_message) == ("WARNING", "careful")
