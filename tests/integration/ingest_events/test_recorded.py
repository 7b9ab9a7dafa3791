"""Batches that the Python SDK 2 and the JavaScript SDK 3 sent, from the call to what is read."""

from __future__ import annotations

import httpx
import orjson
import pytest

from lumenspan.ids import ProjectId
from lumenspan.observations.domain import Observation
from lumenspan.observations.service import ObservationService
from lumenspan.traces.domain import Trace
from lumenspan.traces.service import TraceService
from tests.conftest import ProjectAccess, Stack
from tests.integration.ingest.conftest import Clients
from tests.recorded import recordings
from tests.support import eventually

pytestmark = pytest.mark.engines


async def read_back(
    stack: Stack, project: ProjectAccess, clients: Clients, name: str, count: int
) -> tuple[Trace, dict[str, Observation]]:
    """The trace of a recording and its observations by name, once there are ``count`` of them."""
    batches = [orjson.loads(each.body) for each in recordings.read(name).requests]
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
    project_id = ProjectId(project.project_id)
    traces = TraceService(clients.clickhouse)
    observations = ObservationService(clients.clickhouse, traces)

    async def complete() -> bool:
        trace = await traces.get(project_id, trace_id)
        if trace is None or trace.name != "weather":
            return False
        return len(await observations.whole_trace(project_id, trace.key, has_texts=False)) == count

    await eventually(complete)
    trace = await traces.get(project_id, trace_id)
    assert trace is not None
    found = await observations.whole_trace(project_id, trace.key, has_texts=True)
    return trace, {each.name: each for each in found}


async def test_python_sdk_2(stack: Stack, project: ProjectAccess, clients: Clients) -> None:
    trace, seen = await read_back(stack, project, clients, "langfuse-python-2.60.10", 5)
    assert (trace.user_id, trace.session_id, trace.tags) == ("user-1", "session-1", ("a", "b"))
    assert {name: each.type for name, each in seen.items()} == {
        "handle": "SPAN",
        "broken": "SPAN",
        "manual": "GENERATION",
        "plain": "GENERATION",
        "streamed": "GENERATION",
    }
    assert {each.parent_id for name, each in seen.items() if name != "handle"} == {seen["handle"].id}
    assert (seen["broken"].level, seen["broken"].status_message) == ("ERROR", "the tool is down")
    assert seen["handle"].status_message == "the tool is down"
    manual = seen["manual"]
    assert (manual.model, manual.usage) == ("gpt-4o", {"input": 10, "output": 5, "total": 15})
    assert str(manual.total_cost) == "0.000030000000"
    for name in ("plain", "streamed"):
        assert (seen[name].model, seen[name].usage["total"]) == ("gpt-4o-mini-2024-07-18", 52)
    assert seen["streamed"].output == "It is sunny in Oslo."


async def test_javascript_sdk_3(stack: Stack, project: ProjectAccess, clients: Clients) -> None:
    trace, seen = await read_back(stack, project, clients, "langfuse-js-3.39.2", 3)
    assert (trace.name, trace.user_id, trace.session_id, trace.tags) == (
        "weather",
        "user-1",
        "session-1",
        ("a", "b"),
    )
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
