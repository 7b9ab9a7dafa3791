"""Prices a project's history again by the definitions of now: in chunks, resumable, and harmless to repeat.

Costs that clients sent are kept. Rows whose prices did not change are not written. Inputs and outputs leave
the database only where their tokens must be counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from lumenspan.clock import datetime_to_nanos, utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId, new_id
from lumenspan.models import history
from lumenspan.models.definitions import Definitions
from lumenspan.models.domain import AttributeCondition, AttributeSource
from lumenspan.models.history import FOUND_COLUMNS, READ_COLUMNS, Window
from lumenspan.models.matching import Matcher
from lumenspan.models.pricer import CALCULATED, ESTIMATED, TOKENIZER, Batch, Counted, Counter, Text
from lumenspan.models.tables import RepricingRow
from lumenspan.observations.rows import COLUMN_TYPES, PRICING_COLUMNS
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.postgres import Postgres

_CHUNK_ROWS = 5_000
_MINUTES_AT_ONCE = 2_000
# Texts may be megabytes each.
_TEXTS_AT_ONCE = 100
_MINUTE_NS = 60_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSERT_SETTINGS = {"max_partitions_per_insert_block": 0, "async_insert": 0}


class State(StrEnum):
    """Of a run. A run that is not ``DONE`` can be continued."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class Run:
    """A run over what started in [``from_at``, ``to_at``); all before ``position_at`` is done."""

    id: str
    project_id: ProjectId
    from_at: datetime
    to_at: datetime
    position_at: datetime
    state: State
    seen: int
    changed: int

    @property
    def share_done(self) -> float:
        """Between 0 and 1, by time."""
        if self.state is State.DONE:
            return 1.0
        return (self.position_at - self.from_at) / (self.to_at - self.from_at)


class Repricing:
    """Starts, runs and stops runs."""

    def __init__(
        self,
        postgres: Postgres,
        clickhouse: ClickHouse,
        definitions: Definitions,
        counter: Counter,
        *,
        chunk_rows: int = _CHUNK_ROWS,
    ) -> None:
        self._postgres = postgres
        self._clickhouse = clickhouse
        self._definitions = definitions
        self._counter = counter
        self._chunk_rows = chunk_rows

    async def start(self, project_id: ProjectId, from_at: datetime, to_at: datetime) -> Run:
        """A new run, or the unfinished one of the same range to go on with.

        Raises:
            InvalidInput: the range is empty.
        """
        if from_at >= to_at:
            raise InvalidInput("The range is empty: its start is not before its end")
        async with self._postgres.session() as session:
            found = (
                await session.execute(
                    select(RepricingRow)
                    .where(
                        col(RepricingRow.project_id) == project_id,
                        col(RepricingRow.from_at) == from_at,
                        col(RepricingRow.to_at) == to_at,
                        col(RepricingRow.state).in_((State.RUNNING, State.PAUSED)),
                    )
                    .order_by(col(RepricingRow.created_at).desc())
                    .limit(1)
                )
            ).scalar_one_or_none()
            if found is None:
                now = utc_now()
                found = RepricingRow(
                    id=new_id(),
                    project_id=project_id,
                    from_at=from_at,
                    to_at=to_at,
                    position_at=from_at,
                    state=State.RUNNING,
                    created_at=now,
                    updated_at=now,
                )
                session.add(found)
            found.state = State.RUNNING
            return _to_run(found)

    async def get(self, project_id: ProjectId, run_id: str) -> Run:
        """NotFound where the project has no such run."""
        async with self._postgres.session() as session:
            row = await session.get(RepricingRow, run_id)
            if row is None or row.project_id != project_id:
                raise NotFound("There is no such run")
            return _to_run(row)

    async def stop(self, project_id: ProjectId, run_id: str, state: State = State.CANCELLED) -> None:
        """Let a run end after the chunk it is at; ``PAUSED`` can be gone on with by ``start``."""
        async with self._postgres.session() as session:
            await session.execute(
                update(RepricingRow)
                .where(
                    col(RepricingRow.project_id) == project_id,
                    col(RepricingRow.id) == run_id,
                    col(RepricingRow.state) == State.RUNNING,
                )
                .values(state=state, updated_at=utc_now())
            )

    async def run(self, run: Run, report: Callable[[Run], None] = lambda _: None) -> Run:
        """Go through the run until it is done or stopped from elsewhere; ``report`` hears of each step.

        Raises:
            Unavailable: an engine is down; the run can be gone on with.
        """
        while run.state is State.RUNNING:
            end: datetime | None = None
            async for window in self._windows(run):
                seen, changed = await self._window(run, window)
                end = _EPOCH + timedelta(microseconds=window.to_ns // 1_000)
                run = await self._advance(run, min(end, run.to_at), seen, changed)
                report(run)
                if run.state is not State.RUNNING:
                    break
            if end is None:
                run = await self._advance(run, run.to_at, 0, 0, State.DONE)
                report(run)
        return run

    async def _windows(self, run: Run) -> AsyncIterator[Window]:
        """Next windows of about a chunk each; a minute is never divided."""
        whole = Window(run.project_id, datetime_to_nanos(run.position_at), datetime_to_nanos(run.to_at))
        found = await self._clickhouse.query(history.minutes(whole, _MINUTES_AT_ONCE))
        start, rows, last = whole.from_ns, 0, 0
        for minute, count in found.rows:
            if rows and rows + count > self._chunk_rows:
                yield Window(run.project_id, start, last)
                start, rows = last, 0
            rows += count
            last = min((minute * 1_000_000_000) + _MINUTE_NS, whole.to_ns)
        if rows:
            yield Window(run.project_id, start, last)

    async def _window(self, run: Run, window: Window) -> tuple[int, int]:
        matcher = await self._definitions.matcher(run.project_id)
        keys = _metadata_keys(matcher)
        after, seen, changed = ("", ""), 0, 0
        while True:
            page = await self._clickhouse.query(history.page(window, keys, after, self._chunk_rows))
            if not page.rows:
                return seen, changed
            after = page.rows[-1][0], page.rows[-1][1]
            rows = [row[:-1] for row in page.rows if not row[-1]]
            seen += len(rows)
            changed += await self._reprice(run, window, matcher, rows)

    async def _reprice(
        self, run: Run, window: Window, matcher: Matcher, rows: list[tuple[Any, ...]]
    ) -> int:
        if not rows:
            return 0
        column = dict(zip(READ_COLUMNS, (list(values) for values in zip(*rows, strict=True)), strict=True))
        before = {name: list(column[name]) for name in FOUND_COLUMNS}
        _forget_calculated(column)
        batch = Batch(column, matcher)
        await asyncio.to_thread(batch.price)
        for at in range(0, len(batch.uncounted), _TEXTS_AT_ONCE):
            part = batch.uncounted[at : at + _TEXTS_AT_ONCE]
            batch.apply(await self._counts(window, column, part), at)
        found = [
            at
            for at in range(len(rows))
            if any(column[name][at] != before[name][at] for name in FOUND_COLUMNS)
        ]
        if found:
            await self._write(run, window, column, found)
        return len(found)

    async def _counts(
        self, window: Window, column: dict[str, list[Any]], part: list[tuple[int, Text]]
    ) -> list[Counted | None]:
        wanted = [(column["trace_id"][at], column["id"][at], column["event_ts"][at]) for at, _ in part]
        read = await self._clickhouse.query(history.texts(window, wanted))
        by_id = {(trace, id_): (given, answered) for trace, id_, given, answered in read.rows}
        return await self._counter.count(
            [
                Text(text.model, *by_id.get((trace, id_), ("", "")))
                for (_, text), (trace, id_, _) in zip(part, wanted, strict=True)
            ]
        )

    async def _write(
        self, run: Run, window: Window, column: dict[str, list[Any]], found: list[int]
    ) -> None:
        chunk = new_id()
        values: list[list[Any]] = [[run.project_id] * len(found), [chunk] * len(found)]
        for name in ("trace_id", "id", "event_ts", *FOUND_COLUMNS):
            values.append([column[name][at] for at in found])
        types = ["String"] * 4 + [COLUMN_TYPES[name] for name in ("event_ts", "usage", "cost")]
        types += ["String"] * len(PRICING_COLUMNS)
        await self._clickhouse.insert(
            history.REPRICED, history.REPRICED_COLUMNS, values, types, settings=_INSERT_SETTINGS
        )
        await self._clickhouse.command(history.apply(window, chunk), settings=_INSERT_SETTINGS)

    async def _advance(
        self, run: Run, position: datetime, seen: int, changed: int, state: State | None = None
    ) -> Run:
        """Note what is done; the answer has the state that somebody else may have set meanwhile."""
        async with self._postgres.session() as session:
            row = await session.get(RepricingRow, run.id, with_for_update=True)
            if row is None:
                raise NotFound("There is no such run")
            row.position_at = max(row.position_at, position)
            row.seen += seen
            row.changed += changed
            row.updated_at = utc_now()
            if state is not None and row.state == State.RUNNING:
                row.state = state
            return _to_run(row)


def _to_run(row: RepricingRow) -> Run:
    return Run(
        row.id,
        ProjectId(row.project_id),
        row.from_at,
        row.to_at,
        row.position_at,
        State(row.state),
        row.seen,
        row.changed,
    )


def _metadata_keys(matcher: Matcher) -> list[str]:
    """The metadata that a tier of the project may ask for."""
    return sorted(
        {
            condition.key
            for model in matcher.own
            for tier in model.tiers
            for condition in tier.conditions
            if isinstance(condition, AttributeCondition) and condition.source is AttributeSource.METADATA
        }
    )


def _forget_calculated(column: dict[str, list[Any]]) -> None:
    """Take back what pricing had filled in; what clients sent stays."""
    for at, source in enumerate(column["usage_source"]):
        if source in (TOKENIZER, ESTIMATED):
            column["usage"][at], column["usage_source"][at] = {}, ""
    for at, source in enumerate(column["cost_source"]):
        if source == CALCULATED:
            column["cost"][at], column["cost_source"][at] = {}, ""
        # Whatever cost stands there otherwise was sent, also where it was stored before it was noted so.
        column["provided_cost"][at] = column["provided_cost"][at] or column["cost"][at]
    for name in ("model_id", "price_tier_id", "price_tier_name", "price_source"):
        column[name] = [""] * len(column[name])


def day(text: str) -> datetime:
    """A day or an instant in ISO 8601, UTC where nothing else is said; InvalidInput otherwise."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no date; write for example 2026-01-31") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
