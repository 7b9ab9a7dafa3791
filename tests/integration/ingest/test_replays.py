"""Raw payloads of a span of time once more: newer than what they replace, older than what comes later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lumenspan.clock import datetime_to_nanos, utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest.envelope import pack
from lumenspan.ingest.keys import make_key
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.replays import Replay, ReplayService, ReplayState, ReplayWork
from lumenspan.observations.rows import COLUMNS
from lumenspan.storage.clickhouse import Sql
from tests.conftest import ProjectAccess
from tests.integration.ingest.conftest import Clients
from tests.integration.ingest.test_process import frame, spans

pytestmark = pytest.mark.engines

NOW = utc_now().replace(microsecond=0)
RANGE = (NOW - timedelta(hours=2), NOW)
ID = "1" * 16
_NEWEST = """SELECT id, argMax(name, event_ts) AS name
FROM (SELECT * FROM observations WHERE project_id = {project_id:String}
  ORDER BY event_ts DESC LIMIT 1 BY trace_id, id)
WHERE is_deleted = 0 GROUP BY id ORDER BY id"""
_MERGED = """SELECT count() FROM observations FINAL
WHERE project_id = {project_id:String} AND is_deleted = 0"""


def service(clients: Clients) -> ReplayService:
    return ReplayService(clients.postgres, clients.blobs, clients.queue, clients.settings)


def work(clients: Clients, **changes: Any) -> ReplayWork:
    return ReplayWork(
        clients.postgres, clients.blobs, clients.queue, clients.service, clients.settings, **changes
    )


async def received(clients: Clients, project: str, at: datetime, **span: Any) -> BlobKey:
    """A payload as it came then, already processed."""
    nanos = datetime_to_nanos(at)
    key = make_key(clients.settings.s3_prefix, ProjectId(project), nanos)
    await clients.blobs.put(key, pack([frame(project, spans(span.pop("id", ID), **span), nanos)]))
    await clients.service.process(key)
    return key


async def names(clients: Clients, project: str) -> dict[str, str]:
    """Of every observation, as readers see it, and as a merged table would have it."""
    rows = await clients.clickhouse.query(Sql(_NEWEST, {"project_id": project}))
    merged = await clients.clickhouse.query(Sql(_MERGED, {"project_id": project}))
    assert merged.rows[0][0] == len(rows.rows)
    return {row[0]: row[1] for row in rows.rows}


@pytest.fixture
def corrected(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The mapping of a later release: other names, and one span belongs into another minute."""
    whole = SpanMapper._row

    def row(self: SpanMapper, span: Span) -> tuple[Any, ...]:
        made = list(whole(self, span))
        made[COLUMNS.index("name")] = f"corrected {span.name}"
        if span.id == ID:
            made[COLUMNS.index("start_time")] -= 3_600_000_000_000
        return tuple(made)

    monkeypatch.setattr(SpanMapper, "_row", row)
    return monkeypatch


async def done(clients: Clients, project: ProjectId) -> Replay:
    replay = await service(clients).start(project, *RANGE)
    await work(clients).work(replay.id)
    return await service(clients).get(project, replay.id)


async def test_it_replaces_what_was_there_and_only_that(
    clients: Clients, project: ProjectAccess, other_project: ProjectAccess, request: pytest.FixtureRequest
) -> None:
    mine, other = ProjectId(project.project_id), ProjectId(other_project.project_id)
    hour = NOW - timedelta(hours=1)
    await received(clients, mine, hour, name="first")
    await received(clients, mine, hour, id="2" * 16, name="second")
    await received(clients, mine, NOW - timedelta(hours=3), id="3" * 16, name="before")
    await received(clients, other, hour, name="foreign")
    request.getfixturevalue("corrected")
    assert await service(clients).count(mine, *RANGE) == 2
    replay = await done(clients, mine)
    assert (replay.state, replay.payloads, replay.spans) == (ReplayState.DONE, 2, 2)
    wanted = {ID: "corrected first", "2" * 16: "corrected second", "3" * 16: "before"}
    assert await names(clients, mine) == wanted
    assert await names(clients, other) == {ID: "foreign"}
    # Once more, as a job that ran twice, and as another replay.
    await work(clients).work(replay.id)
    await done(clients, mine)
    assert await names(clients, mine) == wanted


async def test_what_a_client_sent_later_stays_newer(
    clients: Clients, project: ProjectAccess, request: pytest.FixtureRequest
) -> None:
    mine = ProjectId(project.project_id)
    await received(clients, mine, NOW - timedelta(hours=1), id="2" * 16, name="first")
    await received(clients, mine, NOW + timedelta(seconds=1), id="2" * 16, name="update")
    request.getfixturevalue("corrected")
    assert (await done(clients, mine)).payloads == 1
    assert await names(clients, mine) == {"2" * 16: "update"}


async def test_it_stops_and_goes_on_where_it_was(
    clients: Clients, project: ProjectAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ProjectId(project.project_id)
    monkeypatch.setattr("lumenspan.ingest.replays._NOTED_EVERY", 1)
    for minute in range(4):
        await received(clients, mine, NOW - timedelta(minutes=10 + minute), id=f"{minute:016x}")
    replays = service(clients)
    replay = await replays.start(mine, *RANGE)
    ticks = iter(range(0, 1000, 21))
    # Its time is over after each payload: the rest is a job of its own.
    await work(clients, clock=lambda: float(next(ticks))).work(replay.id)
    assert (await replays.get(mine, replay.id)).payloads == 1
    assert (await replays.stop(mine, replay.id, ReplayState.PAUSED)).state is ReplayState.PAUSED
    await work(clients).work(replay.id)
    assert (await replays.get(mine, replay.id)).payloads == 1
    again = await replays.start(mine, *RANGE)
    assert again.id == replay.id
    await work(clients).work(replay.id)
    whole = await replays.get(mine, replay.id)
    assert (whole.state, whole.payloads) == (ReplayState.DONE, 4)
    cancelled = await replays.start(mine, *RANGE)
    assert cancelled.id != replay.id
    assert (await replays.stop(mine, cancelled.id, ReplayState.CANCELLED)).state is ReplayState.CANCELLED
    assert (await replays.stop(mine, cancelled.id, ReplayState.PAUSED)).state is ReplayState.CANCELLED
    assert [each.id for each in await replays.newest(mine, 5)] == [cancelled.id, replay.id]


async def test_ranges_and_foreign_replays(
    clients: Clients, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    mine, other = ProjectId(project.project_id), ProjectId(other_project.project_id)
    with pytest.raises(InvalidInput):
        await service(clients).start(mine, NOW, NOW)
    replay = await service(clients).start(mine, *RANGE)
    with pytest.raises(NotFound):
        await service(clients).get(other, replay.id)
    with pytest.raises(NotFound):
        await service(clients).stop(other, replay.id, ReplayState.CANCELLED)
