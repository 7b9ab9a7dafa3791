"""A client that is closed stays closed, whatever still calls it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from lumenspan.errors import Unavailable
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.clickhouse import ClickHouse

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("make", [Blobs, ClickHouse])
async def test_a_call_that_comes_after_the_end_opens_nothing(
    make: type[Blobs | ClickHouse], settings: Settings
) -> None:
    client = make(settings)
    late = asyncio.create_task(client.ping())
    await client.close()
    with pytest.raises(Unavailable):
        await late
    # What is left open warns when it is collected, and a warning fails the test.
    del client, late
    gc.collect()
