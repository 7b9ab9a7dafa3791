"""A server that is told to stop: it says so to load balancers and serves on for a while."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import ProjectAccess, Stack
from tests.support import free_port, wait_until

GRACE_S = 4


@pytest.mark.engines
def test_not_ready_after_sigterm_and_still_serving(stack: Stack, project: ProjectAccess) -> None:
    port, grpc_port = free_port(), free_port()
    env = stack.env | {
        "PORT": str(port),
        "LUMENSPAN_OTLP_GRPC_PORT": str(grpc_port),
        "LUMENSPAN_SHUTDOWN_GRACE_SECONDS": str(GRACE_S),
    }
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "lumenspan_server"], env=env)
    try:
        wait_until(lambda: _status(f"{url}/api/public/ready") == 200, timeout_s=40)
        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: _status(f"{url}/api/public/ready") == 500, timeout_s=GRACE_S, every_s=0.02)
        answer = httpx.get(f"{url}/api/public/projects", headers=project.headers, timeout=10)
        assert answer.status_code == 200
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert process.wait(GRACE_S + 15) == 0
    finally:
        process.kill()
        process.wait()


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return 0
