"""One system for the tests of this folder: each test leaves it running."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import ProjectAccess
from tests.integration.outages.system import System, new_project, running


@pytest.fixture(scope="package")
async def system() -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory(prefix="lumenspan-outages-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user where the tests run as root
        async with running(Path(name)) as made:
            yield made


@pytest.fixture
async def project(system: System) -> ProjectAccess:
    return await new_project(system)


@pytest.fixture
async def other_project(system: System) -> ProjectAccess:
    return await new_project(system)
