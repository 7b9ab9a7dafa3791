"""Experiments out of ClickHouse, from the spans of their items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lumenspan.clock import iso_to_nanos
from lumenspan.experiments import queries
from lumenspan.experiments.domain import Search
from lumenspan.ids import ProjectId
from lumenspan.storage.clickhouse import ClickHouse


@dataclass(frozen=True, slots=True)
class SpanExperiment:
    """An experiment as its spans have it; ``newest`` is (trace, id, start) of its newest item's root."""

    id: str
    start_ns: int
    end_ns: int
    item_count: int
    newest: tuple[str, str, int]


class Said:
    """What a span says of its experiment."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self._attributes = attributes

    def text(self, name: str) -> str:
        """One attribute, empty where it was not sent."""
        return self._attributes.get(name, "")

    def under(self, prefix: str) -> dict[str, str]:
        """The attributes below a prefix, without it."""
        return {
            name[len(prefix) :]: value
            for name, value in self._attributes.items()
            if name.startswith(prefix)
        }

    @property
    def item_version_ns(self) -> int | None:
        """Since when the item had its content; kept as ``YYYY-MM-DD HH:MM:SS.mmm`` in UTC."""
        text = self.text("item.version")
        try:
            return iso_to_nanos(f"{text}Z") if text else None
        except ValueError:
            return None


class SpanExperiments:
    """Runs the queries of ``queries`` and converts their rows."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def page(self, project_id: ProjectId, search: Search, limit: int) -> list[SpanExperiment]:
        """See ``queries.experiments``."""
        sql = queries.experiments(project_id, search, limit)
        rows = await self._clickhouse.query(sql, settings=queries.SETTINGS)
        return [
            SpanExperiment(id_, first, last, count, (newest[0], newest[1], newest[2]))
            for id_, first, last, count, newest in rows.rows
        ]

    async def ids(self, project_id: ProjectId) -> list[str]:
        """Every experiment that has spans."""
        rows = await self._clickhouse.query(queries.ids(project_id))
        return [row[0] for row in rows.rows]

    async def said(
        self, project_id: ProjectId, spans: Sequence[tuple[str, str, int]]
    ) -> dict[tuple[str, str], Said]:
        """What spans (trace, id, start in nanoseconds) say of their experiments, by trace and id."""
        if not spans:
            return {}
        rows = await self._clickhouse.query(queries.texts(project_id, spans))
        return {(trace_id, id_): Said(dict(said)) for trace_id, id_, said in rows.rows}
