"""What is far larger than anybody means to send is taken in, read back, and hurts nobody else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lumenspan.ingest.otlp import PROTOBUF
from tests.conftest import ProjectAccess, Stack
from tests.support import eventually
from tests.unit.ingest.build import END, START

pytestmark = pytest.mark.engines

SPANS, TAGS, KEYS = 100_000, 1_000, 50_000
INPUT_BYTES = 5 << 20
# What a neighbour may wait. On a machine too busy for that: never as long as what it stands beside takes.
NEIGHBOUR_S = 8
COUNT = "query Q($id: ID!, $trace: ID!) { project(id: $id) { trace(id: $trace) { observationCount } } }"
PAGE = """query Q($id: ID!, $trace: ID!, $after: String) { project(id: $id) { trace(id: $trace) {
  observations(first: 1000, after: $after) {
    edges { cursor node { id name parentObservationId } } pageInfo { endCursor hasNextPage } } } } }"""
WHOLE = """query Q($id: ID!, $trace: ID!, $span: ID!) { project(id: $id) { trace(id: $trace) {
  tags observation(id: $span) { input output metadata }
  explanation(observationId: $span) { field rule excerpt } } } }"""


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=60) as client:
        yield client


def export(spans: int, **attributes: Any) -> tuple[str, bytes]:
    """Trace id and protobuf of a trace whose first span is the parent of all others."""
    request = ExportTraceServiceRequest()
    trace_id = os.urandom(16)
    found = request.resource_spans.add().scope_spans.add().spans
    for number in range(1, spans + 1):
        span = found.add(
            trace_id=trace_id,
            span_id=number.to_bytes(8, "big"),
            name=f"step {number}",
            start_time_unix_nano=START + number * 1_000,
            end_time_unix_nano=END + number * 1_000,
        )
        if number > 1:
            span.parent_span_id = (1).to_bytes(8, "big")
    for key, value in attributes.items():
        made = found[0].attributes.add(key=key).value
        if isinstance(value, list):
            for each in value:
                made.array_value.values.add(string_value=each)
        else:
            made.string_value = value
    return trace_id.hex(), request.SerializeToString()


async def send(http: httpx.AsyncClient, access: ProjectAccess, body: bytes) -> None:
    answer = await http.post(
        "/api/public/otel/v1/traces",
        content=body,
        headers={**access.headers, "content-type": PROTOBUF},
    )
    assert answer.status_code == 200, answer.text
    assert answer.content == b""


async def ask(http: httpx.AsyncClient, access: ProjectAccess, query: str, **variables: Any) -> Any:
    answer = await http.post(
        "/graphql",
        json={"query": query, "variables": {"id": access.project_id, **variables}},
        headers=access.headers,
    )
    body = answer.json()
    assert "errors" not in body, body["errors"]
    return body["data"]["project"]["trace"]


async def readable(http: httpx.AsyncClient, access: ProjectAccess, trace: str, spans: int) -> None:
    """Returns once so many spans of the trace are readable."""

    async def is_whole() -> bool:
        found = await ask(http, access, COUNT, trace=trace)
        return found is not None and found["observationCount"] == spans

    await eventually(is_whole, timeout_s=60)


async def longest_wait(http: httpx.AsyncClient, access: ProjectAccess, until: asyncio.Event) -> float:
    """The longest that one span of another project took from its call until it was readable."""
    longest = 0.0
    while not until.is_set():
        started = time.monotonic()
        trace, body = export(1)
        await send(http, access, body)
        await readable(http, access, trace, 1)
        longest = max(longest, time.monotonic() - started)
    return longest


async def test_a_trace_of_a_hundred_thousand_spans(
    http: httpx.AsyncClient, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    trace, body = export(SPANS)
    is_done = asyncio.Event()
    neighbour = asyncio.create_task(longest_wait(http, other_project, is_done))
    started = time.monotonic()
    await send(http, project, body)
    await readable(http, project, trace, SPANS)
    took_s = time.monotonic() - started
    is_done.set()
    assert await neighbour < max(NEIGHBOUR_S, took_s)

    seen: list[str] = []
    after = None
    for _ in range(3):
        page = (await ask(http, project, PAGE, trace=trace, after=after))["observations"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasNextPage"]
    assert seen == [f"{number:016x}" for number in range(1, 3_001)]
    # One answer that held all of it would serve nobody: it is refused, and says so.
    refused = await http.get(f"/api/public/traces/{trace}", headers=project.headers)
    assert refused.status_code in (413, 422)
    listed = await http.get("/api/public/traces", headers=project.headers)
    assert [each["id"] for each in listed.json()["data"]] == [trace]


async def test_a_span_with_a_huge_input_and_very_many_tags_and_names(
    http: httpx.AsyncClient, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    huge = "äöü" + "x" * INPUT_BYTES
    tags = [f"tag {number}" for number in range(TAGS)]
    names = {f"key.{number}": f"value {number}" for number in range(KEYS)}
    trace, body = export(
        1,
        **{"langfuse.observation.input": huge, "langfuse.trace.tags": tags},
        **{f"langfuse.observation.metadata.{key}": value for key, value in names.items()},
    )
    is_done = asyncio.Event()
    neighbour = asyncio.create_task(longest_wait(http, other_project, is_done))
    started = time.monotonic()
    await send(http, project, body)
    await readable(http, project, trace, 1)
    took_s = time.monotonic() - started
    is_done.set()
    assert await neighbour < max(NEIGHBOUR_S, took_s)

    span = f"{1:016x}"
    found = await ask(http, project, WHOLE, trace=trace, span=span)
    assert found["observation"]["input"] == huge
    assert sorted(found["tags"]) == sorted(tags)
    assert names.items() <= found["observation"]["metadata"].items()
    told = {each["field"]: each for each in found["explanation"]}
    assert (told["input"]["rule"], told["input"]["excerpt"]) == ("langfuse", huge[:1_000])
    detail = (await http.get(f"/api/public/traces/{trace}", headers=project.headers)).json()
    assert sorted(detail["tags"]) == sorted(tags)
    (observation,) = detail["observations"]
    assert observation["input"] == huge
    assert {key: observation["metadata"][key] for key in names} == names
