"""`lumenspan demo` as a command against a running server: what it sends arrives, and twice is once."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx

from lumenspan.clock import utc_now
from lumenspan.demo.schedule import traces
from tests.conftest import ProjectAccess, Stack
from tests.support import wait_until


def demo(stack: Stack, project: ProjectAccess, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command, sent to the project."""
    where = ["--url", stack.base_url, "--public-key", project.public_key]
    done = subprocess.run(
        [sys.executable, "-m", "lumenspan.cli", "demo", *where, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    return done.returncode, done.stdout


def listed(stack: Stack, project: ProjectAccess) -> list[str]:
    """Names of the newest traces of the project."""
    selected = "traces(first: 100) { edges { node { name } } }"
    query = f'{{ project(id: "{project.project_id}") {{ {selected} }} }}'
    answer = httpx.post(
        f"{stack.base_url}/graphql", json={"query": query}, headers=project.headers, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return [edge["node"]["name"] for edge in answer.json()["data"]["project"]["traces"]["edges"]]


def test_traces_arrive_and_a_second_run_doubles_nothing(stack: Stack, project: ProjectAccess) -> None:
    for _ in range(2):
        code, output = demo(stack, project, "--secret-key", project.secret_key, "--traces", "30")
        assert code == 0, output
        assert output.startswith("Wrote 30 traces with ")
        assert stack.base_url in output
    names = wait_until(lambda: len(found := listed(stack, project)) >= 30 and found)
    assert names
    # Slots of time are hours wide here: the two runs made the same traces unless one ended between them.
    assert len(names) in range(30, 34)
    known = {trace.profile.trace_name for trace in traces(seed=1, count=600, now=utc_now())}
    assert set(names) <= known


def test_wrong_keys_are_told(stack: Stack, project: ProjectAccess) -> None:
    code, output = demo(stack, project, "--secret-key", "sk-lf-wrong", "--traces", "1")
    assert (code, output) == (1, "Error: The server does not know these keys.\n")
