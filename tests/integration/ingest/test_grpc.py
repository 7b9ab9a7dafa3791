"""OTLP over gRPC: the same answers as over HTTP, in gRPC's codes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.conftest import ProjectAccess, Stack
from tests.support import wait_until

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def export_of(*span_ids: bytes, trace_id: bytes = b"", content: str = "") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    now = time.time_ns()
    for span_id in span_ids:
        span = scope.spans.add(
            trace_id=trace_id or os.urandom(16),
            span_id=span_id,
            name="over grpc",
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1_000,
        )
        span.attributes.add(key="langfuse.observation.input").value.string_value = content
    return request


@pytest.fixture
def channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.grpc_target) as opened:
        yield opened


def send(
    channel: grpc.Channel, body: ExportTraceServiceRequest, authorization: str | None, **options: Any
) -> ExportTraceServiceResponse:
    metadata = [("authorization", authorization)] if authorization else []
    answer: ExportTraceServiceResponse = TraceServiceStub(channel).Export(
        body, metadata=metadata, timeout=20, **options
    )
    return answer


def refusal(channel: grpc.Channel, body: Any, authorization: str | None) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        send(channel, body, authorization)
    return caught.value


def is_readable(stack: Stack, project: ProjectAccess, trace_id: bytes) -> bool:
    answer = httpx.post(
        f"{stack.base_url}/graphql",
        json={
            "query": "query T($p: ID!, $t: ID!) { project(id: $p) { trace(id: $t) { name } } }",
            "variables": {"p": project.project_id, "t": trace_id.hex()},
        },
        headers=project.headers,
    ).json()
    return bool(answer["data"]["project"]["trace"])


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_an_export_is_readable(
    stack: Stack, project: ProjectAccess, channel: grpc.Channel, compression: grpc.Compression
) -> None:
    trace_id = os.urandom(16)
    body = export_of(os.urandom(8), trace_id=trace_id, content="x" * 10_000)
    answer = send(channel, body, project.authorization, compression=compression)
    assert answer == ExportTraceServiceResponse()
    wait_until(lambda: is_readable(stack, project, trace_id), timeout_s=30)


def test_one_bad_span_is_reported_and_its_neighbour_kept(
    stack: Stack, project: ProjectAccess, channel: grpc.Channel
) -> None:
    trace_id = os.urandom(16)
    answer = send(channel, export_of(os.urandom(8), b"", trace_id=trace_id), project.authorization)
    assert answer.partial_success.rejected_spans == 1
    assert "spanId" in answer.partial_success.error_message
    wait_until(lambda: is_readable(stack, project, trace_id), timeout_s=30)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "No authorization header"),
        ("Basic eDp5", "Invalid credentials. Confirm that you've configured the correct host."),
    ],
)
def test_wrong_credentials_are_unauthenticated(
    channel: grpc.Channel, authorization: str | None, message: str
) -> None:
    error = refusal(channel, export_of(os.urandom(8)), authorization)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAUTHENTICATED, message)


def test_a_public_key_alone_is_not_permitted(project: ProjectAccess, channel: grpc.Channel) -> None:
    error = refusal(channel, export_of(os.urandom(8)), f"Bearer {project.public_key}")
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED


def test_a_malformed_message_is_an_invalid_argument(project: ProjectAccess, channel: grpc.Channel) -> None:
    call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", metadata=[("authorization", project.authorization)], timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Failed to parse OTel Protobuf Trace" in caught.value.details()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused_also_where_it_is_small_on_the_wire(
    project: ProjectAccess, channel: grpc.Channel, compression: grpc.Compression
) -> None:
    body = export_of(os.urandom(8), content="x" * (65 << 20))
    with pytest.raises(grpc.RpcError) as caught:
        send(channel, body, project.authorization, compression=compression)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_health_is_served_and_reflection_is_off(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream(REFLECTION)(iter([b""]), timeout=10))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
