"""Systems for the scenarios, and the seed and number of repetitions that `make chaos` asks for."""

from __future__ import annotations

import os
import random

import pytest

SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(1 << 32))
TIMES = int(os.environ.get("CHAOS_TIMES") or 1)


def pytest_report_header() -> str:
    return f"chaos: CHAOS_SEED={SEED} CHAOS_TIMES={TIMES}"


@pytest.fixture(params=range(TIMES), ids=lambda number: f"run{number + 1}")
def seed(request: pytest.FixtureRequest) -> int:
    """Of one repetition; printed with a failure."""
    return SEED + int(request.param)
