"""Rows of several callers in one insert: together when they arrive together, apart when one is bad."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.errors import Unavailable
from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.inserter import Inserter
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.observations.rows import COLUMNS, ObservationColumns
from lumenspan.storage.clickhouse import ClickHouse, Sql
from tests.integration.ingest.conftest import Clients
from tests.support import free_port
from tests.unit.ingest.build import export

pytestmark = pytest.mark.engines


def rows(project: str, count: int = 1) -> ObservationColumns:
    made = export()
    scope = made["resourceSpans"][0]["scopeSpans"][0]
    scope["spans"] = [{**scope["spans"][0], "spanId": uuid.uuid4().hex[:16]} for _ in range(count)]
    columns = ObservationColumns()
    mapper = SpanMapper(BlobKey("key"), FrameHeader(project, otlp.JSON, 1), columns)
    assert not mapper.add(otlp.decode(orjson.dumps(made), otlp.JSON).spans)
    return columns


async def count(clients: Clients, project: str) -> tuple[int, int]:
    """Rows of the project, and parts of the table that hold them."""
    text = (
        "SELECT count(), uniqExact(_part) FROM observations FINAL WHERE project_id = {project_id:String} "
        "SETTINGS optimize_use_implicit_projections = 0"
    )
    answer: Any = (await clients.clickhouse.query(Sql(text, {"project_id": project}))).rows[0]
    return answer[0], answer[1]


async def test_callers_that_arrive_together_share_an_insert(clients: Clients) -> None:
    project = uuid.uuid4().hex
    inserter = Inserter(clients.clickhouse, callers=50)
    # The first goes at once, the others with the next.
    await asyncio.gather(*(inserter.insert(rows(project)) for _ in range(40)))
    found, parts = await count(clients, project)
    assert found == 40
    assert parts <= 2


async def test_more_than_a_block_is_written_in_several(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lumenspan.ingest.inserter._BLOCK_ROWS", 10)
    monkeypatch.setattr("lumenspan.ingest.inserter._PIECE_ROWS", 10)
    project = uuid.uuid4().hex
    inserter = Inserter(clients.clickhouse, callers=2)
    await asyncio.gather(inserter.insert(rows(project, 25)), inserter.insert(rows(project, 7)))
    assert (await count(clients, project))[0] == 32


async def test_rows_on_their_way_are_waited_for(clients: Clients) -> None:
    project = uuid.uuid4().hex
    inserter = Inserter(clients.clickhouse, callers=50)
    # After the first insert the others are gathered, for longer than the usual pause where more will come.
    await inserter.insert(rows(project))
    with inserter.coming():
        early = asyncio.create_task(inserter.insert(rows(project, 3)))
        await asyncio.sleep(0.4)
        assert not early.done()
    await asyncio.gather(early, inserter.insert(rows(project, 4)))
    found, parts = await count(clients, project)
    assert found == 8
    assert parts <= 2


async def test_there_is_room_again_when_rows_are_written(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lumenspan.ingest.inserter._HELD_BYTES", 1)
    inserter = Inserter(clients.clickhouse, callers=50)
    async with asyncio.timeout(20):
        await inserter.room()
        written = asyncio.create_task(inserter.insert(rows(uuid.uuid4().hex)))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(inserter.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        await asyncio.gather(written, waiting)
        # What could not be written makes room as well.
        bad = rows(uuid.uuid4().hex)
        bad.values[COLUMNS.index("prompt_version")][0] = 70_000
        assert len(await inserter.insert(bad)) == 1
        await inserter.room()


async def test_a_bad_row_does_not_take_others_along(clients: Clients) -> None:
    project = uuid.uuid4().hex
    inserter = Inserter(clients.clickhouse, callers=3)
    bad = rows(project)
    bad.values[COLUMNS.index("prompt_version")][0] = 70_000
    outcomes = await asyncio.gather(
        *(inserter.insert(each) for each in (rows(project), bad, rows(project))), return_exceptions=True
    )
    assert [len(outcome) for outcome in outcomes if isinstance(outcome, list)] == [0, 1, 0]
    assert (await count(clients, project))[0] == 2
    await inserter.insert(rows(project))
    assert (await count(clients, project))[0] == 3


@given(bad=st.sets(st.integers(0, 39), max_size=12), caller=st.integers(0, 2))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_exactly_the_bad_rows_are_left_out(clients: Clients, bad: set[int], caller: int) -> None:
    project = uuid.uuid4().hex
    inserter = Inserter(clients.clickhouse, callers=3)
    made = [rows(project, 40) for _ in range(3)]
    for row in bad:
        made[caller].values[COLUMNS.index("prompt_version")][row] = 70_000 + row
    outcomes = await asyncio.gather(*(inserter.insert(each) for each in made))
    assert {row for row, _ in outcomes[caller]} == bad
    assert sum(len(outcome) for outcome in outcomes) == len(bad)
    assert (await count(clients, project))[0] == 120 - len(bad)


async def test_nothing_to_write_is_fine(clients: Clients) -> None:
    await Inserter(clients.clickhouse, callers=1).insert(ObservationColumns())


async def test_all_are_told_when_clickhouse_is_down(clients: Clients) -> None:
    down = clients.settings.model_copy(update={"clickhouse_url": f"http://127.0.0.1:{free_port()}"})
    clickhouse = ClickHouse(down)
    inserter = Inserter(clickhouse, callers=2)
    outcomes = await asyncio.gather(*(inserter.insert(rows("p")) for _ in "123"), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    await clickhouse.close()
