"""OTLP over HTTP against a running server and worker, up to the rows."""

from __future__ import annotations

import asyncio
import base64
import gzip
import zlib
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from lumenspan.settings import Settings
from lumenspan.storage.clickhouse import ClickHouse, Sql
from tests.conftest import ProjectAccess, Stack
from tests.support import eventually
from tests.unit.ingest.build import export

pytestmark = pytest.mark.engines

PATH = "/api/public/otel/v1/traces"
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
async def client(stack: Stack) -> Any:
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as made:
        yield made


async def rows(settings: Settings, project_id: str, count: int) -> list[dict[str, Any]]:
    """The project's observations as soon as there are ``count`` of them."""
    clickhouse = ClickHouse(settings)
    text = "SELECT * FROM observations FINAL WHERE project_id = {project_id:String} ORDER BY id"

    async def found() -> list[dict[str, Any]] | None:
        got = await clickhouse.query_dicts(Sql(text, {"project_id": project_id}))
        return got if len(got) >= count else None

    try:
        return await eventually(found) or []
    finally:
        await clickhouse.close()


def proto(*span_ids: bytes, name: str = "proto") -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for span_id in span_ids:
        span = spans.add()
        span.trace_id, span.span_id, span.name = b"0123456789abcdef", span_id, name
        span.start_time_unix_nano, span.end_time_unix_nano = (
            1_752_384_000_123_456_789,
            1_752_384_001_000_000_000,
        )
    return request.SerializeToString()


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("gzip", lambda data: gzip.compress(data[:10]) + gzip.compress(data[10:])),
    ],
)
async def test_protobuf_in_any_encoding_becomes_rows(
    client: httpx.AsyncClient, project: ProjectAccess, settings: Settings, encoding: str, compress: Any
) -> None:
    headers = project.headers | PROTOBUF | ({"Content-Encoding": encoding} if encoding else {})
    body = compress(proto(b"12345678", b"23456789"))
    answer = await client.post(PATH, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-protobuf"
    parsed = ExportTraceServiceResponse.FromString(answer.content)
    assert parsed.partial_success.rejected_spans == 0
    found = await rows(settings, project.project_id, 2)
    assert [row["id"] for row in found] == [b"12345678".hex(), b"23456789".hex()]
    assert found[0]["start_time"] == 1_752_384_000_123_456_789


async def test_json_becomes_a_row_with_who_sent_it(
    client: httpx.AsyncClient, project: ProjectAccess, settings: Settings
) -> None:
    headers = project.headers | JSON | {"x-langfuse-sdk-name": "python", "x-langfuse-sdk-version": "5.0.4"}
    body = orjson.dumps(export({"langfuse.observation.metadata.k": '"v"'}))
    answer = await client.post(PATH, content=body, headers=headers | {"x-langfuse-ingestion-version": "4"})
    assert (answer.status_code, answer.json()) == (200, {})
    (row,) = await rows(settings, project.project_id, 1)
    assert (row["sdk_name"], row["sdk_version"], row["metadata"]["k"]) == ("python", "5.0.4", "v")


async def test_a_bad_span_is_reported_and_its_neighbour_kept(
    client: httpx.AsyncClient, project: ProjectAccess, settings: Settings
) -> None:
    answer = await client.post(PATH, content=proto(b"12345678", b""), headers=project.headers | PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans, partial.error_message) == (200, 1, "spanId:absent")
    assert len(await rows(settings, project.project_id, 1)) == 1
    made = export()
    spans = made["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], "spanId": 5})
    answer = await client.post(PATH, content=orjson.dumps(made), headers=project.headers | JSON)
    assert answer.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "spanId:not_an_id"}}


@pytest.mark.parametrize(
    ("content", "headers", "reason"),
    [
        (b"\xff\xff", PROTOBUF, "Failed to parse OTel Protobuf Trace"),
        (b"{", JSON, "Failed to parse OTel JSON Trace"),
        (b"[]", JSON, "Failed to parse OTel JSON Trace"),
        (b"{}", {"Content-Type": "text/plain"}, "Invalid content type"),
        (b"{}", {}, "Invalid content type"),
        (b"x", PROTOBUF | {"Content-Encoding": "gzip"}, "Failed to decompress request body"),
        (b"{}", JSON | {"Content-Encoding": "br"}, "Failed to decompress request body"),
        (gzip.compress(b"{"), JSON | {"Content-Encoding": "gzip"}, "Failed to parse OTel JSON Trace"),
        (proto(b"12345678")[:-9], PROTOBUF, "Failed to parse OTel Protobuf Trace"),
        (b"", JSON, "Failed to parse OTel JSON Trace"),
        (b"[" * 100_000, JSON, "Failed to parse OTel JSON Trace"),
        (
            gzip.compress(b"{}" * 99)[:-9],
            JSON | {"Content-Encoding": "gzip"},
            "Failed to decompress request body",
        ),
        (
            orjson.dumps(
                {
                    "resourceSpans": [
                        {
                            "scopeSpans": [
                                {
                                    "spans": [
                                        {"traceId": "a"},
                                        {"traceId": 5, "spanId": "b", "attributes": {}},
                                    ]
                                }
                            ]
                        },
                        {"scopeSpans": {}},
                    ]
                }
            ),
            JSON,
            "Invalid OTLP trace export: spanId:absent, traceId:not_an_id, attributes:not_an_array, "
            "scopeSpans:not_an_array",
        ),
        (
            orjson.dumps(export()),
            JSON | {"x-langfuse-ingestion-version": "5"},
            'Unsupported x-langfuse-ingestion-version: "5". Maximum supported: "4".',
        ),
    ],
)
async def test_what_cannot_be_used_is_400_with_the_reason(
    client: httpx.AsyncClient, project: ProjectAccess, content: bytes, headers: dict[str, str], reason: str
) -> None:
    answer = await client.post(PATH, content=content, headers=project.headers | headers)
    assert (answer.status_code, answer.json()) == (400, {"error": reason})


@pytest.mark.parametrize(("content", "headers"), [(b"", PROTOBUF), (b'{"resourceSpans":[]}', JSON)])
async def test_an_empty_export_is_fine(
    client: httpx.AsyncClient, project: ProjectAccess, content: bytes, headers: dict[str, str]
) -> None:
    answer = await client.post(PATH, content=content, headers=project.headers | headers)
    assert answer.status_code == 200


async def test_who_may_not_call_is_told_so_before_the_body_is_read(
    client: httpx.AsyncClient, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    mixed = base64.b64encode(f"{project.public_key}:{other_project.secret_key}".encode()).decode()
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Basic bm86bm8="}, 401),
        ({"Authorization": f"Basic {mixed}"}, 401),
        ({"Authorization": f"Bearer {project.public_key}"}, 403),
    ):
        answer = await client.post(PATH, content=b"\xff", headers=headers | PROTOBUF)
        assert answer.status_code == status, headers
        assert answer.json()["message"]
    answer = await client.post(PATH, content=b"\xff")
    assert answer.json() == {"message": "No authorization header"}


async def test_a_body_over_the_limit_is_413_also_when_it_inflates(
    client: httpx.AsyncClient, project: ProjectAccess
) -> None:
    headers = project.headers | PROTOBUF
    bomb = gzip.compress(bytes(70 << 20), 9)
    answer = await client.post(PATH, content=bomb, headers=headers | {"Content-Encoding": "gzip"})
    assert answer.status_code == 413

    async def chunks() -> Any:
        for _ in range(65):
            yield bytes(1 << 20)

    try:
        answer = await client.post(PATH, content=chunks(), headers=headers)
    except httpx.WriteError:
        return  # The server has answered and closed while the body was still being sent.
    assert answer.status_code == 413


async def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(
    stack: Stack, project: ProjectAccess
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(stack.env["PORT"]))
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {project.authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {65 << 20}\r\n\r\n"
    )
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_the_good_spans_of_a_bad_json_batch_are_stored(
    client: httpx.AsyncClient, project: ProjectAccess, settings: Settings
) -> None:
    made = export({"langfuse.observation.input": "HERE"})
    scope = made["resourceSpans"][0]["scopeSpans"][0]
    good = scope["spans"][0]
    scope["spans"] = [
        {**good, "spanId": None},
        good,
        "junk",
        {**good, "spanId": "b7ad6b7169203332", "events": 5},
    ]
    body = orjson.dumps(made).replace(b"HERE", b"cut \\ud83d")
    answer = await client.post(PATH, content=body, headers=project.headers | JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"] == {
        "rejectedSpans": "3",
        "errorMessage": "spanId:absent, span:not_an_object, events:not_an_array",
    }
    (row,) = await rows(settings, project.project_id, 1)
    assert row["input"] == "cut ?"


async def test_a_body_of_many_megabytes_is_taken(
    client: httpx.AsyncClient, project: ProjectAccess, settings: Settings
) -> None:
    body = orjson.dumps(export({"langfuse.observation.input": "x" * (12 << 20)}))
    answer = await client.post(PATH, content=body, headers=project.headers | JSON)
    assert answer.status_code == 200
    (row,) = await rows(settings, project.project_id, 1)
    assert len(row["input"]) == 12 << 20


async def test_metrics_are_answered_and_other_methods_are_not(
    client: httpx.AsyncClient, project: ProjectAccess
) -> None:
    answer = await client.post("/api/public/otel/v1/metrics", content=b"junk", headers=project.headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "OK"})
    assert (await client.post("/api/public/otel/v1/metrics")).status_code == 401
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await client.request(method, PATH, headers=project.headers)
        assert answer.status_code == 405, method
        assert answer.json() == {"message": "Method not allowed", "error": "MethodNotAllowedError"}


async def test_browsers_may_call_from_anywhere(client: httpx.AsyncClient) -> None:
    headers = {
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = await client.options(PATH, headers=headers)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] in ("*", "https://example.com")
