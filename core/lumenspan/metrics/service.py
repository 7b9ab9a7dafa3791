"""Metrics of a project: any view by any of its dimensions, and the daily summary."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lumenspan.clock import nanos_to_datetime
from lumenspan.errors import InvalidInput
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId
from lumenspan.metrics import daily
from lumenspan.metrics.builder import MAX_ROWS, build
from lumenspan.metrics.domain import (
    TIME_DIMENSION,
    Aggregation,
    DailyMetrics,
    Edition,
    Granularity,
    MetricsQuery,
    Row,
)
from lumenspan.metrics.rules import resolve
from lumenspan.storage.clickhouse import FINAL_BY_PARTITION, ClickHouse

_STEPS = {
    Granularity.MINUTE: timedelta(minutes=1),
    Granularity.HOUR: timedelta(hours=1),
    Granularity.DAY: timedelta(days=1),
    Granularity.WEEK: timedelta(weeks=1),
}
_ZERO_WHERE_EMPTY = frozenset({Aggregation.COUNT, Aggregation.SUM, Aggregation.UNIQ})


class MetricsService:
    """Answers questions about traces, observations and scores as rows of numbers."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def query(self, project_id: ProjectId, query: MetricsQuery, edition: Edition) -> list[Row]:
        """One row a group: dimensions, ``time_dimension`` (ISO-8601) and ``{aggregation}_{measure}``.

        Where time is asked for and no order is, buckets without anything have a row, too.

        Raises:
            InvalidInput: it names what there is not, or has too many rows.
            QueryTooExpensive: it went over the limits of reads.
        """
        query = resolve(query, edition)
        buckets = list(_buckets(query)) if query.granularity and not query.order else []
        found = await self._clickhouse.query_dicts(build(project_id, query), settings=FINAL_BY_PARTITION)
        if query.row_limit is None and len(found) > MAX_ROWS:
            raise InvalidInput(
                f"More than {MAX_ROWS} rows: give config.row_limit, a coarser granularity "
                "or fewer dimensions"
            )
        rows = [{key: _plain(value) for key, value in row.items()} for row in found]
        if buckets:
            rows = _filled(rows, query, buckets)
        return rows[: query.row_limit] if query.row_limit else rows

    async def daily(
        self, project_id: ProjectId, conditions: list[Condition], page: int, limit: int
    ) -> tuple[list[DailyMetrics], int]:
        """A page of days, newest first, and how many days there are.

        ``conditions`` name columns of ``daily.COLUMNS``; ``page`` counts from 1.
        """
        rows = await self._clickhouse.query(daily.days(project_id, conditions), settings=FINAL_BY_PARTITION)
        days = [(str(day), int(traces)) for day, traces in rows.rows]
        wanted = dict(days[(page - 1) * limit : page * limit])
        if not wanted:
            return [], len(days)
        sql = daily.usage(project_id, conditions, list(wanted))
        found = await self._clickhouse.query_dicts(sql, settings=FINAL_BY_PARTITION)
        return daily.assembled(wanted, found), len(days)


def _buckets(query: MetricsQuery) -> Iterator[str]:
    """The beginnings of all buckets of the range, as rows have them."""
    granularity = query.granularity or Granularity.DAY
    at, end = _floor(nanos_to_datetime(query.from_ns), granularity), nanos_to_datetime(query.to_ns)
    step = _STEPS.get(granularity)
    count = 0
    while at <= end:
        if count == MAX_ROWS:
            raise InvalidInput(
                f"More than {MAX_ROWS} buckets of a {granularity}: choose a coarser granularity"
            )
        yield _iso(at)
        count += 1
        at = at + step if step else (at.replace(day=1) + timedelta(days=32)).replace(day=1)


def _floor(at: datetime, granularity: Granularity) -> datetime:
    at = at.replace(second=0, microsecond=0)
    if granularity is Granularity.MINUTE:
        return at
    at = at.replace(minute=0)
    if granularity is Granularity.HOUR:
        return at
    at = at.replace(hour=0)
    if granularity is Granularity.WEEK:
        return at - timedelta(days=at.weekday())
    return at.replace(day=1) if granularity is Granularity.MONTH else at


def _filled(rows: list[Row], query: MetricsQuery, buckets: list[str]) -> list[Row]:
    """Rows in order of time, and one with nothing for each bucket that has none."""
    empty: Row = dict.fromkeys(query.dimensions)
    nothing = {each.key: 0 if each.aggregation in _ZERO_WHERE_EMPTY else None for each in query.metrics}
    known = {row[TIME_DIMENSION] for row in rows}
    missing = [{**empty, TIME_DIMENSION: at, **nothing} for at in buckets if at not in known]
    return sorted([*rows, *missing], key=lambda row: str(row[TIME_DIMENSION]))


def _plain(value: Any) -> Any:
    """A value as JSON has it: no NaN, no tuples, times as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return _iso(value.replace(tzinfo=UTC))
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
