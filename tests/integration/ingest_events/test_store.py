"""Events on a real ClickHouse: whatever the order and the grouping, the same rows are read."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from typing import Any

import pytest

from lumenspan.clock import iso_to_nanos
from lumenspan.ids import ProjectId
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.rows import (
    EVENT_TYPES,
    EVENTS_TABLE,
    TRACE_TYPES,
    TRACES_TABLE,
    Origin,
)
from lumenspan.ingest.events.store import EntityStore
from lumenspan.observations.domain import Observation
from lumenspan.observations.service import ObservationService
from lumenspan.scores.rows import COLUMN_TYPES as SCORE_TYPES
from lumenspan.scores.service import ScoreService
from lumenspan.storage.clickhouse import Sql
from lumenspan.traces.domain import Trace
from lumenspan.traces.service import TraceService
from tests.integration.ingest.conftest import Clients
from tests.unit.ingest_events.build import at, event
from tests.unit.scores.test_merge import event as score_event

pytestmark = pytest.mark.engines

EVENTS = [
    event("trace-create", 0, {"id": "t", "name": "first", "userId": "u", "tags": ["b"], "public": True}),
    event("trace-create", 2, {"id": "t", "name": None, "tags": ["a"], "metadata": {"k": {"x": 1}}}),
    event("trace-create", 3, {"id": "t", "output": "answer", "metadata": {"k": {"y": 2}}, "public": False}),
    event("span-create", 1, {"id": "s", "traceId": "t", "name": "work", "startTime": at(1)}),
    event("span-update", 90, {"id": "s", "endTime": at(90), "output": {"ok": True}}),
    event(
        "generation-create",
        5,
        {"id": "g", "traceId": "t", "parentObservationId": "s", "model": "m", "usage": {"input": 3}},
    ),
    event("generation-update", 200, {"id": "g", "usage": {"output": 4}, "costDetails": {"total": 0.1}}),
]


async def read(clients: Clients, project: str) -> tuple[Trace, list[Observation], Any, Any]:
    """The trace ``t`` as the services read it."""
    traces = TraceService(clients.clickhouse)
    trace = await traces.get(ProjectId(project), "t")
    assert trace is not None
    service = ObservationService(clients.clickhouse, TraceService(clients.clickhouse))
    pages = await service.pages(ProjectId(project), [trace.key], 100)
    texts = (await traces.texts(ProjectId(project), [trace.key]))[trace.id]
    metadata = (await traces.metadata(ProjectId(project), [trace.key]))[trace.id]
    return trace, pages[trace.id].observations, texts, metadata


async def rows(clients: Clients, project: str, table: str) -> list[dict[str, Any]]:
    text = f"SELECT * FROM {table} FINAL WHERE project_id = {{project_id:String}}"
    return await clients.clickhouse.query_dicts(Sql(text, {"project_id": project}))


async def apply(clients: Clients, project: str, events: list[Event]) -> set[str]:
    store = EntityStore(clients.clickhouse)
    return await store.apply(
        ProjectId(project), [(each, Origin("blob", "python", "2.60")) for each in events]
    )


def _check(trace: Trace, observations: list[Observation], texts: Any, metadata: Any) -> None:
    # The name was cleared, so that of the earliest root stands in.
    assert (trace.name, trace.user_id, trace.tags) == ("work", "u", ("a", "b"))
    assert (trace.is_public, trace.start_ns) == (False, iso_to_nanos(at(0)))
    assert texts.output == "answer"
    assert metadata == {"k": '{"x":1,"y":2}'}
    span, generation = observations
    assert (span.id, span.name, span.type) == ("s", "work", "SPAN")
    assert (span.start_ns, span.end_ns) == (iso_to_nanos(at(1)), iso_to_nanos(at(90)))
    assert (generation.id, generation.parent_id, generation.model) == ("g", "s", "m")
    assert generation.start_ns == iso_to_nanos(at(5))
    assert generation.usage == {"output": 4, "total": 4}
    assert generation.total_cost is not None
    assert str(generation.total_cost.normalize()) == "0.1"


ORDERS = [
    [[0, 1, 2, 3, 4, 5, 6]],
    [[each] for each in range(7)],
    [[each] for each in reversed(range(7))],
    [[4, 6], [2, 0], [5, 3, 1]],
    [[0, 3, 4], [4, 3, 0, 1, 2], [6], [5], [6, 5]],
]


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_any_order_and_grouping_reads_the_same(clients: Clients, order: list[list[int]]) -> None:
    project = uuid.uuid4().hex
    for group in order:
        await apply(clients, project, [EVENTS[each] for each in group])
    _check(*await read(clients, project))


async def test_writers_at_the_same_time_lose_nothing(clients: Clients) -> None:
    for _ in range(5):
        project = uuid.uuid4().hex
        await asyncio.gather(*(apply(clients, project, [each, each]) for each in EVENTS))
        _check(*await read(clients, project))


async def test_the_same_events_again_change_nothing(clients: Clients) -> None:
    project = uuid.uuid4().hex
    await apply(clients, project, EVENTS)
    tables = (EVENTS_TABLE, TRACES_TABLE, "observations", "trace_rollup")
    before = [await rows(clients, project, table) for table in tables]
    await apply(clients, project, EVENTS)
    assert [await rows(clients, project, table) for table in tables] == before


async def test_a_trace_that_stood_in_for_the_right_one_is_gone(clients: Clients) -> None:
    project, traces = uuid.uuid4().hex, TraceService(clients.clickhouse)
    await apply(clients, project, [event("span-update", 5, {"id": "s", "endTime": at(5)})])
    stand_in = await traces.get(ProjectId(project), "s")
    assert stand_in is not None
    told = await apply(clients, project, [event("span-create", 1, {"id": "s", "traceId": "t"})])
    assert told == {"t"}
    assert await traces.get(ProjectId(project), "s") is None
    trace = await traces.get(ProjectId(project), "t")
    assert trace is not None
    pages = await ObservationService(clients.clickhouse, TraceService(clients.clickhouse)).pages(
        ProjectId(project), [trace.key, stand_in.key], 10
    )
    assert [[each.id for each in page.observations] for page in pages.values()] == [["s"]]


async def test_a_trace_that_has_more_than_the_moved_observation_stays(clients: Clients) -> None:
    project, traces = uuid.uuid4().hex, TraceService(clients.clickhouse)
    await apply(
        clients,
        project,
        [event("span-update", 5, {"id": "s"}), event("span-create", 5, {"id": "other", "traceId": "s"})],
    )
    await apply(clients, project, [event("span-create", 1, {"id": "s", "traceId": "t"})])
    assert await traces.get(ProjectId(project), "s") is not None


async def test_a_start_that_moves_leaves_one_row(clients: Clients) -> None:
    """An event of an earlier time says that the span began in another minute, even in another month."""
    project = uuid.uuid4().hex
    body = {"id": "s", "traceId": "t", "startTime": "2026-05-31T23:59:59Z"}
    await apply(clients, project, [event("span-create", 60, body)])
    await apply(clients, project, [event("span-create", 30, {**body, "startTime": "2026-04-01T00:00:00Z"})])
    _, (span,), _, _ = await read(clients, project)
    assert span.start_ns == iso_to_nanos("2026-04-01T00:00:00Z")
    live = [row for row in await rows(clients, project, "observations") if not row["is_deleted"]]
    assert len(live) == 1


async def test_public_can_be_set_and_taken_back(clients: Clients) -> None:
    project, traces = uuid.uuid4().hex, TraceService(clients.clickhouse)
    for second, is_public in enumerate((True, False, True)):
        await apply(clients, project, [event("trace-create", second, {"id": "t", "public": is_public})])
        trace = await traces.get(ProjectId(project), "t")
        assert trace is not None
        assert trace.is_public is is_public


@pytest.mark.parametrize(
    ("member", "attribute"),
    [
        ("userId", "user_id"),
        ("sessionId", "session_id"),
        ("version", "version"),
        ("release", "release"),
        ("name", "name"),
    ],
)
async def test_null_clears_fields_of_a_trace(clients: Clients, member: str, attribute: str) -> None:
    project, traces = uuid.uuid4().hex, TraceService(clients.clickhouse)
    for second, value in enumerate(("a", None, "b", None)):
        await apply(clients, project, [event("trace-create", second, {"id": "t", member: value})])
        trace = await traces.get(ProjectId(project), "t")
        assert trace is not None
        assert getattr(trace, attribute) == (value or "")


async def test_a_trace_of_its_own_event_alone_is_listed_with_the_default_level(clients: Clients) -> None:
    project, traces = uuid.uuid4().hex, TraceService(clients.clickhouse)
    await apply(clients, project, [event("trace-create", 0, {"id": "t", "input": [1]})])
    trace = await traces.get(ProjectId(project), "t")
    assert trace is not None
    assert trace.level == "DEFAULT"
    assert (await traces.texts(ProjectId(project), [trace.key]))[trace.id].input == "[1]"
    assert (await traces.previews(ProjectId(project), [trace.key]))[trace.id].input == "[1]"
    debug = event("event-create", 0, {"id": "d", "traceId": "t", "level": "DEBUG"})
    await apply(clients, project, [debug])
    trace = await traces.get(ProjectId(project), "t")
    assert trace is not None
    assert trace.level == "DEBUG"


async def test_projects_never_meet(clients: Clients) -> None:
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    await apply(clients, one, [event("trace-create", 0, {"id": "t", "name": "one", "metadata": {"a": 1}})])
    await apply(clients, other, [event("trace-create", 1, {"id": "t", "userId": "other"})])
    traces = TraceService(clients.clickhouse)
    found = [await traces.get(ProjectId(project), "t") for project in (one, other)]
    assert [(each.name, each.user_id) for each in found if each] == [("one", ""), ("", "other")]


async def test_hundreds_of_ids_in_one_payload(clients: Clients) -> None:
    project = uuid.uuid4().hex
    events = [
        event("span-create", place % 60, {"id": f"{place}-{'x' * 700}", "traceId": "t"})
        for place in range(250)
    ]
    assert await apply(clients, project, events) == {"t"}
    trace, _, _, _ = await read(clients, project)
    sums = await TraceService(clients.clickhouse).sums(ProjectId(project), [trace.key])
    assert sums[trace.id].observation_count == 250


class TestScores:
    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
    async def test_an_update_of_day_and_name_leaves_one_score(
        self, clients: Clients, order: tuple[int, ...]
    ) -> None:
        project = uuid.uuid4().hex
        events = [
            score_event(iso_to_nanos("2026-03-01T12:00:00Z"), 10, comment="why"),
            score_event(iso_to_nanos("2026-03-02T12:00:00Z"), 20, name="renamed", value="good"),
            score_event(
                iso_to_nanos("2026-03-03T12:00:00Z"), 30, name="renamed", value=0.25, metadata={"a": 1}
            ),
        ]
        for place in order:
            assert await apply(clients, project, [events[place]]) == set()
        scores = ScoreService(clients.clickhouse)
        found = await scores.get(ProjectId(project), "s")
        assert (found.name, found.value, found.string_value) == ("renamed", 0.25, None)
        assert (found.comment, found.metadata, found.source) == ("why", {"a": "1"}, "API")
        assert found.timestamp_ns == iso_to_nanos("2026-03-01T12:00:00Z")
        assert await scores.by_traces(ProjectId(project), ["t"]) == [found]
        live = [row for row in await rows(clients, project, "scores") if not row["is_deleted"]]
        assert [row["name"] for row in live] == ["renamed"]


@pytest.mark.parametrize(
    ("table", "types"),
    [(EVENTS_TABLE, EVENT_TYPES), (TRACES_TABLE, TRACE_TYPES), ("scores", SCORE_TYPES)],
)
async def test_declared_and_migrated_columns_are_equal(
    clients: Clients, table: str, types: dict[str, str]
) -> None:
    found = await clients.clickhouse.query(
        Sql.unscoped(
            "SELECT name, type FROM system.columns WHERE database = currentDatabase()"
            " AND table = {table:String} ORDER BY position",
            {"table": table},
        )
    )
    assert found.rows == list(types.items())
