"""The values that a column of observations has, the most frequent first: what filters can ask for."""

# Only names of this package are put into the text; values are parameters.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lumenspan.errors import InvalidInput
from lumenspan.filters import Condition, Kind, to_sql
from lumenspan.ids import ProjectId
from lumenspan.observations.filters import COLUMNS
from lumenspan.storage.clickhouse import FINAL_BY_PARTITION, ClickHouse, Sql

# Almost every observation has its own: a list of them says nothing.
_OWN = frozenset({"id", "traceId", "parentObservationId", "modelId"})
_LISTED = frozenset({Kind.STRING, Kind.STRINGS, Kind.BOOLEAN})
NAMES = tuple(name for name, each in COLUMNS.items() if each.kind in _LISTED and name not in _OWN)


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value, and how many observations have it."""

    value: str | bool
    count: int


@dataclass(frozen=True, slots=True)
class ValuePage:
    """A page of values; ``has_more`` says whether another follows."""

    values: list[ValueCount]
    has_more: bool


class ObservationValues:
    """Reads values; the caller has checked that the project may be read."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def page(
        self,
        project_id: ProjectId,
        column: str,
        conditions: Sequence[Condition],
        limit: int,
        after: tuple[int, str] | None = None,
    ) -> ValuePage:
        """At most ``limit`` values of a column behind a position (count, value) among what fulfils all.

        Observations without a value are left out. ``conditions`` should bound the time.

        Raises:
            InvalidInput: the column's values cannot be listed, or a condition does not fit.
            QueryTooExpensive: the time limit was reached.
        """
        if column not in NAMES:
            raise InvalidInput(f"Values of {column} cannot be listed: there are {', '.join(NAMES)}")
        sql = _query(project_id, column, conditions, limit + 1, after)
        rows = (await self._clickhouse.query(sql, settings=FINAL_BY_PARTITION)).rows
        is_boolean = COLUMNS[column].kind is Kind.BOOLEAN
        found = [ValueCount(value == "1" if is_boolean else value, count) for value, count in rows]
        return ValuePage(found[:limit], has_more=len(found) > limit)


def _query(
    project_id: ProjectId,
    column: str,
    conditions: Sequence[Condition],
    limit: int,
    after: tuple[int, str] | None,
) -> Sql:
    known = COLUMNS[column]
    expression = {
        Kind.STRINGS: f"arrayJoin({known.expression})",
        Kind.BOOLEAN: f"toString(toUInt8({known.expression}))",
    }.get(known.kind, f"toString({known.expression})")
    texts, params = to_sql(conditions, COLUMNS)
    where = " AND ".join(["project_id = {project_id:String}", "is_deleted = 0", *texts])
    having = "the_value != ''"
    if after is not None:
        having += (
            " AND (how_many < {after_count:Int64}"
            " OR (how_many = {after_count:Int64} AND the_value > {after_value:String}))"
        )
        params["after_count"], params["after_value"] = after
    return Sql(
        f"SELECT {expression} AS the_value, count() AS how_many\n"
        f"FROM observations FINAL WHERE {where}\n"
        f"GROUP BY the_value HAVING {having}\n"
        "ORDER BY how_many DESC, the_value LIMIT {limit:UInt64}",
        {**params, "project_id": project_id, "limit": limit},
    )
