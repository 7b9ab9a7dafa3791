"""The model that the programs call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.sdks.running import model_server


@pytest.fixture(scope="session")
def model() -> Iterator[str]:
    with model_server() as address:
        yield address
