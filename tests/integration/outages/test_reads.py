"""What readers are told while an engine is down, over REST, GraphQL and gRPC; readiness says it too."""

from __future__ import annotations

import os
import time

import grpc.aio
import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.conftest import ProjectAccess
from tests.integration.outages.system import System
from tests.support import eventually

pytestmark = [pytest.mark.engines, pytest.mark.chaos]
TRACES = "query T($p: ID!) { project(id: $p) { traces(first: 5) { edges { node { id } } } } }"


async def test_reads_without_clickhouse_say_that_it_is_down(system: System, project: ProjectAccess) -> None:
    await system.until_readable(project, await system.send_until_taken(project))
    logged = len(system.log("server"))
    async with system.without("clickhouse"):
        for path in ("/api/public/traces", "/api/public/traces/any", "/api/public/v2/observations"):
            answer = await system.client.get(path, headers=project.headers)
            assert (answer.status_code, answer.json()["error"]) == (503, "ServiceUnavailableError")
            assert int(answer.headers["retry-after"]) > 0
        body = {"query": TRACES, "variables": {"p": project.project_id}}
        answer = await system.client.post("/graphql", json=body, headers=project.headers)
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["extensions"]["retryAfterSeconds"] > 0
        assert (await system.client.get("/api/public/ready")).status_code == 503
        assert (await system.client.get("/api/public/health")).status_code == 200
        assert "engine=clickhouse" in system.log("server")[logged:]

    async def is_ready() -> bool:
        return (await system.client.get("/api/public/ready")).status_code == 200

    await eventually(is_ready)
    answer = await system.client.get("/api/public/traces", headers=project.headers)
    assert answer.status_code == 200


async def test_an_export_over_grpc_without_s3_may_be_retried(
    system: System, project: ProjectAccess
) -> None:
    await system.send_until_taken(project)
    async with system.without("s3"):
        request = ExportTraceServiceRequest()
        now = time.time_ns()
        request.resource_spans.add().scope_spans.add().spans.add(
            trace_id=os.urandom(16), span_id=os.urandom(8), start_time_unix_nano=now, end_time_unix_nano=now
        )
        async with grpc.aio.insecure_channel(f"127.0.0.1:{system.settings.otlp_grpc_port}") as channel:
            call = TraceServiceStub(channel).Export(
                request, metadata=[("authorization", project.authorization)], timeout=20
            )
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    details = dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
    status = Status.FromString(details)
    assert status.code == code_pb2.UNAVAILABLE
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds > 0
