"""Small applications that use unmodified client libraries, each run as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ProjectAccess, Stack

_FOLDER = Path(__file__).parent


def run_client(script: str, *arguments: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """The JSON that a client application printed; fails where it or its library reports an error."""
    done = subprocess.run(
        [sys.executable, str(_FOLDER / script), *arguments],
        env={**os.environ, **(env or {})},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"ERROR" not in done.stderr, done.stderr.decode()
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def langfuse_env(stack: Stack, project: ProjectAccess) -> dict[str, str]:
    """The variables that point a Langfuse SDK at the project."""
    return {
        "LANGFUSE_PUBLIC_KEY": project.public_key,
        "LANGFUSE_SECRET_KEY": project.secret_key,
        "LANGFUSE_BASE_URL": stack.base_url,
        "LANGFUSE_TRACING_ENVIRONMENT": "contract",
        "LANGFUSE_RELEASE": "r-9",
    }
