"""Events into ClickHouse, and the rows that they make together.

Safe to repeat and to run beside itself: an event is stored before the events of its id are read, so of two
writers at least one sees both their events; its row has the greater version, and its tombstones hide
whatever row the other may still write elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from msgspec import Raw

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId
from lumenspan.ingest.events import queries, rows
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.merge import Receipts, merge_observation, merge_trace, receipts
from lumenspan.ingest.events.rows import Origin
from lumenspan.ingest.events.schema import DELETED, Kind
from lumenspan.observations import rows as observation_rows
from lumenspan.observations.rows import ObservationColumns
from lumenspan.scores import rows as score_rows
from lumenspan.scores.merge import merge_score
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.traces.deletion import hide_from_list

_log = structlog.get_logger(__name__)
_INSERT_ROWS = 5_000
# Ids of one query: so many, and so many bytes of them, as its parameters travel in the address.
_ENTITIES = 1_000
_IDS_BYTES = 128 << 10
# Events are merged and written once there are so many bytes of them.
_WRITE_BYTES = 16 << 20
# A read of a job may take longer than one that somebody waits for.
_READ_SETTINGS = {"max_execution_time": 300, "optimize_read_in_order": 1}
_MINUTE_NS = 60_000_000_000
_DAY_NS = 86_400_000_000_000
_INSERT_SETTINGS = {"max_partitions_per_insert_block": 0, "async_insert": 0}
_HEAVY = ("input", "output", "model_parameters", "status_message", "long_string_value")

Row = dict[str, Any]
# Changes observations in place before they are written.
Prepare = Callable[[ProjectId, ObservationColumns], Awaitable[None]]


@dataclass(slots=True)
class _Projection:
    """Rows to write, by table, and the traces they concern; ``shift_ns`` makes them newer than they are."""

    traces: list[Row] = field(default_factory=list)
    observations: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)
    trace_ids: set[str] = field(default_factory=set)
    left_traces: set[str] = field(default_factory=set)
    size_bytes: int = 0
    shift_ns: int = 0


class EntityStore:
    """Takes events in and keeps traces, observations and scores as their events say.

    ``prepare`` is run on what is about to be written, as on observations of spans.
    """

    def __init__(self, clickhouse: ClickHouse, prepare: Prepare | None = None) -> None:
        self._clickhouse = clickhouse
        self._prepare = prepare

    async def apply(
        self, project_id: ProjectId, events: Sequence[tuple[Event, Origin]], *, shift_ns: int = 0
    ) -> set[str]:
        """Store events and rewrite what they are about; returns the ids of the traces concerned.

        With ``shift_ns`` what is rewritten replaces what the same events came to before.

        Raises:
            Unavailable: ClickHouse is down; apply all of them again.
        """
        received = [rows.event_row(project_id, event, origin) for event, origin in events]
        await self._insert(rows.EVENTS_TABLE, rows.EVENT_TYPES, received)
        touched: dict[Kind, dict[str, None]] = defaultdict(dict)
        for event, _ in events:
            touched[event.kind][event.entity_id] = None
        made = _Projection(shift_ns=shift_ns)
        for kind, ids in touched.items():
            for part in _parts(list(ids)):
                await self._merge(project_id, kind, part, made)
        await self._write(project_id, made)
        return made.trace_ids

    async def _merge(
        self, project_id: ProjectId, kind: Kind, ids: Sequence[str], made: _Projection
    ) -> None:
        """Add what all events of these ids come to; what grows too large meanwhile is written."""
        sql = queries.of_entities(project_id, kind, ids)
        # Events of the last id seen may go on in the next block.
        rest: list[tuple[Any, ...]] = []
        async for block in self._clickhouse.stream(sql, settings=_READ_SETTINGS):
            rest += block
            last = rest[-1][0]
            whole = next((at for at in range(len(rest) - 1, -1, -1) if rest[at][0] != last), -1) + 1
            await asyncio.to_thread(_project, made, project_id, kind, rest[:whole])
            rest = rest[whole:]
            if made.size_bytes > _WRITE_BYTES:
                await self._write(project_id, made)
        await asyncio.to_thread(_project, made, project_id, kind, rest)

    async def _write(self, project_id: ProjectId, made: _Projection) -> None:
        """Write what was merged so far."""
        if self._prepare is not None:
            await self._prepared(project_id, made, self._prepare)
        for table, types, each in (
            (rows.TRACES_TABLE, rows.TRACE_TYPES, made.traces),
            (observation_rows.TABLE, rows.OBSERVATION_TYPES, made.observations),
            (score_rows.TABLE, score_rows.COLUMN_TYPES, made.scores),
        ):
            # Tombstones last: a reader in between sees one row twice rather than none.
            await self._insert(table, types, sorted(each, key=lambda row: row["is_deleted"]))
            each.clear()
        if made.left_traces:
            await self._forget(project_id, sorted(made.left_traces))
            made.left_traces.clear()
        made.size_bytes = 0

    async def _prepared(self, project_id: ProjectId, made: _Projection, prepare: Prepare) -> None:
        live = [row for row in made.observations if not row["is_deleted"]]
        columns = rows.observation_columns(live, made.traces)
        if len(columns):
            await prepare(project_id, columns)
            rows.take_back(columns, live, made.traces)

    async def _forget(self, project_id: ProjectId, trace_ids: Sequence[str]) -> None:
        """Unlist traces that existed only until an event named the right one."""
        for part in _parts(trace_ids):
            found = await self._clickhouse.query(queries.traces_without_observations(project_id, part))
            empty = [row[0] for row in found.rows]
            if empty:
                await self._clickhouse.command(hide_from_list(project_id, empty))

    async def _insert(self, table: str, types: dict[str, str], made: Sequence[Row]) -> None:
        for at in range(0, len(made), _INSERT_ROWS):
            block = rows.columns(made[at : at + _INSERT_ROWS], types)
            await self._clickhouse.insert(
                table, tuple(types), block, tuple(types.values()), settings=_INSERT_SETTINGS
            )


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in parts that fit into a query."""
    part: list[str] = []
    size = 0
    for id_ in ids:
        size += 3 * len(id_)
        if part and (len(part) == _ENTITIES or size > _IDS_BYTES):
            yield part
            part, size = [], 3 * len(id_)
        part.append(id_)
    if part:
        yield part


def _project(made: _Projection, project_id: str, kind: Kind, stored: Iterable[tuple[Any, ...]]) -> None:
    """Add to ``made`` what stored events of some ids come to."""
    events: dict[str, list[Event]] = defaultdict(list)
    deleted_at: dict[str, int] = defaultdict(int)
    origins: dict[str, tuple[int, Origin]] = {}
    for entity_id, event_id, type_, timestamp, received_at, body, blob_key, name, version in stored:
        if type_ == DELETED:
            deleted_at[entity_id] = max(deleted_at[entity_id], received_at)
            continue
        events[entity_id].append(
            Event(kind, entity_id, event_id, type_, timestamp, Raw(body.encode()), received_at)
        )
        newest = (received_at, Origin(blob_key, name, version))
        if entity_id not in origins or newest[0] > origins[entity_id][0]:
            origins[entity_id] = newest
    for entity_id, every in events.items():
        each = [event for event in every if event.received_at > deleted_at[entity_id]]
        if not each:
            continue
        known = receipts(each)
        if made.shift_ns:
            known = replace(known, version=known.version + made.shift_ns)
        made.size_bytes += known.size_bytes
        try:
            _ADD[kind](made, project_id, entity_id, known, origins[entity_id][1])
        except InvalidInput as error:
            # Written by a version with other rules; the events stay and can be merged again.
            _log.error("events_not_merged", kind=kind.value, entity_id=entity_id, reason=error.message)


def _add_trace(made: _Projection, project_id: str, id_: str, known: Receipts, origin: Origin) -> None:
    made.traces.append(rows.trace_row(project_id, merge_trace(id_, known.events), known, origin))
    made.trace_ids.add(id_)


def _add_observation(made: _Projection, project_id: str, id_: str, known: Receipts, origin: Origin) -> None:
    merged = merge_observation(id_, known.events)
    row = rows.observation_row(project_id, merged, known, origin)
    places = [{"trace_id": trace_id, "start_time": start} for trace_id, start in merged.places]
    made.observations.append(row)
    made.observations += _tombstones(row, places, _minute_key)
    made.trace_ids.add(merged.trace_id)
    made.left_traces |= {trace_id for trace_id, _ in merged.places} - {merged.trace_id}


def _add_score(made: _Projection, project_id: str, id_: str, known: Receipts, origin: Origin) -> None:
    merged = merge_score(id_, known.events)
    row = {
        **score_rows.score_row(project_id, merged, known.first_ns // 1000, known.version),
        "sdk_name": origin.sdk_name,
        "sdk_version": origin.sdk_version,
        "blob_key": origin.blob_key,
    }
    places = [{"name": name, "timestamp": time} for name, time in merged.places]
    made.scores.append(row)
    made.scores += _tombstones(row, places, _day_key)


_ADD = {Kind.TRACE: _add_trace, Kind.OBSERVATION: _add_observation, Kind.SCORE: _add_score}


def _minute_key(row: Row) -> tuple[Any, ...]:
    return row["trace_id"], row["start_time"] // _MINUTE_NS


def _day_key(row: Row) -> tuple[Any, ...]:
    return row["name"], row["timestamp"] // _DAY_NS


def _tombstones(row: Row, places: Iterable[Row], key: Any) -> list[Row]:
    """Rows that hide what a part of the events may have written under another sorting key."""
    emptied = {name: "" for name in _HEAVY if name in row}
    found: dict[tuple[Any, ...], Row] = {}
    for place in sorted(places, key=str):
        gone = {**row, **emptied, "metadata": {}, **place}
        gone |= {"is_deleted": 1, "event_ts": row["event_ts"] - 1}
        found.setdefault(key(gone), gone)
    found.pop(key(row), None)
    return list(found.values())
