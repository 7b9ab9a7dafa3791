"""SQL of a run over history: what is read of the observations, and how new prices are put onto them."""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lumenspan.ids import ProjectId
from lumenspan.observations.rows import COLUMNS, PRICING_COLUMNS, TABLE
from lumenspan.storage.clickhouse import Sql

REPRICED = "repriced"
# What a run finds out; the rest of a row is copied within the database.
FOUND_COLUMNS = ("usage", "cost", *PRICING_COLUMNS)
REPRICED_COLUMNS = ("project_id", "run_id", "trace_id", "id", "event_ts", *FOUND_COLUMNS)

# Texts are only looked at for being empty; those that are counted are read by `texts`.
READ_COLUMNS = {
    "trace_id": "trace_id",
    "id": "id",
    "event_ts": "toUnixTimestamp64Nano(event_ts)",
    "start_time": "toUnixTimestamp64Nano(start_time)",
    "level": "level",
    "model": "model",
    "model_parameters": "model_parameters",
    "metadata": "mapFilter((k, v) -> has({keys:Array(String)}, k), metadata)",
    "input": "substringUTF8(input, 1, 1)",
    "output": "substringUTF8(output, 1, 1)",
    "provided_usage": "provided_usage",
    "provided_cost": "provided_cost",
    **{name: name for name in FOUND_COLUMNS},
}
_WINDOW = (
    "project_id = {project_id:String}"
    " AND start_time >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')"
    " AND start_time < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')"
)


@dataclass(frozen=True, slots=True)
class Window:
    """Observations of a project that start in [``from_ns``, ``to_ns``), nanoseconds since the epoch."""

    project_id: ProjectId
    from_ns: int
    to_ns: int

    def params(self) -> dict[str, object]:
        return {"project_id": self.project_id, "from_ns": self.from_ns, "to_ns": self.to_ns}


def minutes(window: Window, limit: int) -> Sql:
    """The first minutes that hold anything: seconds since the epoch, and how many rows."""
    return Sql(
        "SELECT toUnixTimestamp(toStartOfMinute(start_time)) AS minute, count() AS found\n"
        f"FROM {TABLE} WHERE {_WINDOW}\n"
        "GROUP BY minute ORDER BY minute LIMIT {limit:UInt64}",
        {**window.params(), "limit": limit},
    )


def page(window: Window, keys: Sequence[str], after: tuple[str, str], limit: int) -> Sql:
    """The newest write of each observation after a position, in order of trace and id."""
    columns = ", ".join(f"{text} AS {name}_" for name, text in READ_COLUMNS.items())
    return Sql(
        f"SELECT * FROM (SELECT {columns}, is_deleted FROM {TABLE}\n"
        f"WHERE {_WINDOW} AND (trace_id, id) > ({{trace_id:String}}, {{id:String}})\n"
        "ORDER BY trace_id, id, event_ts DESC LIMIT 1 BY trace_id, id LIMIT {limit:UInt64})",
        {**window.params(), "keys": list(keys), "trace_id": after[0], "id": after[1], "limit": limit},
    )


def texts(window: Window, rows: Sequence[tuple[str, str, int]]) -> Sql:
    """Input and output in full of the writes given by trace, id and version."""
    return Sql(
        "SELECT trace_id, id, input, output FROM observations\n"
        f"WHERE {_WINDOW} AND trace_id IN {{traces:Array(String)}}\n"
        "  AND (trace_id, id, toUnixTimestamp64Nano(event_ts)) IN\n"
        "    arrayZip({traces:Array(String)}, {ids:Array(String)}, {versions:Array(Int64)})\n"
        "LIMIT 1 BY trace_id, id",
        {
            **window.params(),
            "traces": [row[0] for row in rows],
            "ids": [row[1] for row in rows],
            "versions": [row[2] for row in rows],
        },
    )


def apply(window: Window, run_id: str) -> Sql:
    """Write what ``run_id`` found: each row again, a nanosecond newer: a later write still wins."""
    replaced = {name: f"r.{name}" for name in FOUND_COLUMNS}
    replaced["event_ts"] = "o.event_ts + INTERVAL 1 NANOSECOND"
    names = (*COLUMNS, "created_at")
    columns = ", ".join(replaced.get(name, f"o.{name}") for name in names)
    return Sql(
        f"INSERT INTO {TABLE} ({', '.join(names)})\n"
        f"SELECT {columns} FROM {TABLE} AS o INNER JOIN (\n"
        f"  SELECT * FROM {REPRICED}\n"
        "  WHERE project_id = {project_id:String} AND run_id = {run_id:String}\n"
        ") AS r ON o.trace_id = r.trace_id AND o.id = r.id AND o.event_ts = r.event_ts\n"
        f"WHERE o.{_WINDOW.replace(' AND start_time', ' AND o.start_time')}",
        {**window.params(), "run_id": run_id},
    )
