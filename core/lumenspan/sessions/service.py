"""Sessions: traces that belong together, by the id that they name."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from lumenspan.storage.clickhouse import ClickHouse, Sql

_OF_PROJECT = "project_id = {project_id:String}"
# What a trace's session is stands in one of its rows, so those without such a row need no aggregation.
_OF_SESSION = (
    f"{_OF_PROJECT} AND trace_id IN (SELECT trace_id FROM trace_rollup\n"
    f"    WHERE {_OF_PROJECT} AND session_id.2 = {{session_id:String}})"
)


def _sessions(rows: str) -> str:
    """Sessions out of these rows of the rollup."""
    return f"""SELECT the_session, toUnixTimestamp64Nano(min(began)) AS created_ns,
  argMin(the_environment, began) AS first_environment, count() AS traces
FROM (SELECT trace_id, max(session_id).2 AS the_session, min(start_time) AS began,
    max(environment).2 AS the_environment
  FROM trace_rollup WHERE {rows}
  GROUP BY trace_id HAVING max(hidden_at) < max(updated_at) AND the_session != '')
GROUP BY the_session"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session; ``created_ns`` is when its first trace began, whose environment it has."""

    id: str
    created_ns: int
    environment: str
    trace_count: int


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Sessions that began in [``from_ns``, ``to_ns``), of one of the environments."""

    from_ns: int | None = None
    to_ns: int | None = None
    environments: tuple[str, ...] = ()


class SessionService:
    """Everything that reads sessions; the caller has checked that the project may be read."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def numbered_page(
        self, project_id: ProjectId, where: SessionFilter, page: int, limit: int
    ) -> tuple[list[Session], int]:
        """Page ``page`` (from 1), newest first, and how many sessions there are."""
        texts, params = _conditions(where)
        params["project_id"] = project_id
        rows = f"FROM ({_sessions(_OF_PROJECT)})" + (f" WHERE {' AND '.join(texts)}" if texts else "")
        sql = Sql(
            f"SELECT *, count() OVER () AS total {rows} ORDER BY created_ns DESC, the_session DESC\n"
            "LIMIT {limit:UInt64} OFFSET {offset:UInt64}",
            {**params, "limit": limit, "offset": (page - 1) * limit},
        )
        found = await self._clickhouse.query(sql)
        if found.rows:
            return [Session(*row) for *row, _ in found.rows], int(found.rows[0][-1])
        # Beyond the last page.
        return [], await self._clickhouse.query_number(Sql(f"SELECT count() {rows}", params))

    async def get(self, project_id: ProjectId, session_id: str) -> Session:
        """NotFound where no trace of the project names it."""
        sql = Sql(
            f"SELECT * FROM ({_sessions(_OF_SESSION)}) WHERE the_session = {{session_id:String}}",
            {"project_id": project_id, "session_id": session_id},
        )
        found = await self._clickhouse.query(sql)
        if not found.rows:
            raise NotFound("Session not found within authorized project")
        return Session(*found.rows[0])


def _conditions(where: SessionFilter) -> tuple[list[str], dict[str, Any]]:
    texts: list[str] = []
    params: dict[str, Any] = {}
    if where.from_ns is not None:
        texts.append("created_ns >= {from_ns:Int64}")
        params["from_ns"] = where.from_ns
    if where.to_ns is not None:
        texts.append("created_ns < {to_ns:Int64}")
        params["to_ns"] = where.to_ns
    if where.environments:
        texts.append("first_environment IN {environments:Array(String)}")
        params["environments"] = list(where.environments)
    return texts, params
