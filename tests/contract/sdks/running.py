"""Runs a program of an SDK against the server, and reads what the server has stored of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.conftest import ProjectAccess, Stack
from tests.contract.sdks.environments import Modules
from tests.recorded import fake_model
from tests.support import wait_until

PROGRAMS = Path(__file__).parent / "programs"
_RUN_S = 150


@dataclass(frozen=True)
class Run:
    """What a program saw, step by step, and the project that it wrote to."""

    stack: Stack
    access: ProjectAccess
    answers: Any
    stderr: str

    def step(self, name: str) -> Any:
        """What a step saw; fails where it raised."""
        answer = self.answers[name]
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(answer["error"])
        return answer

    @property
    def complaints(self) -> list[str]:
        """The errors that the SDK logged."""
        return [line for line in self.stderr.splitlines() if "ERROR" in line or "Error" in line]

    def url(self, path: str) -> str:
        """The address of a page of the project."""
        return f"{self.stack.base_url}/project/{self.access.project_id}/{path}"

    def read(self, path: str, **query: Any) -> Any:
        """The answer to a GET of the REST API with the project's keys."""
        answer = httpx.get(
            f"{self.stack.base_url}/api/public/{path}",
            params=query,
            headers=self.access.headers,
            timeout=20,
        )
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def observations(self, trace_id: str, count: int) -> dict[str, dict[str, Any]]:
        """The observations of a trace by their name, once there are so many."""

        def complete() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = self.read("observations", traceId=trace_id, limit=100)["data"]
            return found if len(found) >= count else None

        found = wait_until(complete, timeout_s=30) or []
        assert len(found) == count, sorted(each["name"] for each in found)
        return {each["name"]: each for each in found}

    def trace(self, trace_id: str) -> dict[str, Any]:
        """One trace with its observations and scores."""
        found: dict[str, Any] = self.read(f"traces/{trace_id}")
        return found

    def scores(self, count: int, **query: Any) -> list[dict[str, Any]]:
        """Scores of the project, once there are so many."""

        def complete() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = self.read("v2/scores", limit=100, **query)["data"]
            return found if len(found) >= count else None

        return wait_until(complete, timeout_s=30) or []


def run(command: list[str], stack: Stack, access: ProjectAccess, model: str, **env: str) -> Run:
    """Run a program until its end; ``command`` names the interpreter and the file."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LANGFUSE_", "OTEL_", "PYTHON"))
    }
    done = subprocess.run(
        command,
        env={
            **inherited,
            "LANGFUSE_PUBLIC_KEY": access.public_key,
            "LANGFUSE_SECRET_KEY": access.secret_key,
            # Which of these an SDK reads differs from one generation to the next.
            "LANGFUSE_HOST": stack.base_url,
            "LANGFUSE_BASE_URL": stack.base_url,
            "LANGFUSE_BASEURL": stack.base_url,
            "LANGFUSE_TRACING_ENVIRONMENT": "contract",
            "LANGFUSE_RELEASE": "r-9",
            "OPENAI_BASE_URL": f"{model}/v1",
            "OPENAI_API_KEY": "none",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=_RUN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Run(stack, access, json.loads(done.stdout), done.stderr)


def run_javascript(
    program: str, modules: Modules, stack: Stack, access: ProjectAccess, model: str, **env: str
) -> Run:
    """Run a program beside the modules that it imports: Node.js looks for them there."""
    with tempfile.TemporaryDirectory(dir=modules.folder) as folder:
        for name in (program, "common.mjs"):
            shutil.copy(PROGRAMS / name, folder)
        return run([str(modules.node), str(Path(folder, program))], stack, access, model, **env)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)))
        given = fake_model.answer(self.path, body)
        is_stream = not isinstance(given, dict)
        answer = b"".join(given) if is_stream else orjson.dumps(given)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing: the program's own output is what matters."""


@contextmanager
def model_server() -> Iterator[str]:
    """The address of a server that answers OpenAI's calls from memory."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
