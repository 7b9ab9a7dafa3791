"""Events as SQL."""

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.ids import ProjectId
from lumenspan.ingest.events.schema import DELETED, Kind
from lumenspan.storage.clickhouse import Sql


def of_entities(project_id: ProjectId, kind: Kind, ids: Sequence[str]) -> Sql:
    """Every receipt of every event about these ids, id by id; a row that was written twice comes once."""
    return Sql(
        "SELECT entity_id, event_id, type, timestamp, received_at, body, blob_key, sdk_name, sdk_version\n"
        "FROM entity_events\n"
        "WHERE project_id = {project_id:String} AND kind = {kind:String}"
        " AND entity_id IN {ids:Array(String)}\n"
        "ORDER BY project_id, kind, entity_id, timestamp, event_id, received_at\n"
        "LIMIT 1 BY entity_id, timestamp, event_id, received_at",
        {"project_id": project_id, "kind": kind.value, "ids": list(ids)},
    )


def traces_without_observations(project_id: ProjectId, trace_ids: Sequence[str]) -> Sql:
    """Those of these traces that are listed although no row of them is left."""
    return Sql(
        "SELECT trace_id FROM (\n"
        "  SELECT trace_id, argMax(is_deleted, event_ts) AS gone FROM observations\n"
        "  WHERE project_id = {project_id:String} AND trace_id IN (\n"
        "    SELECT trace_id FROM trace_rollup\n"
        "    WHERE project_id = {project_id:String} AND trace_id IN {trace_ids:Array(String)})\n"
        "  GROUP BY trace_id, id)\n"
        "GROUP BY trace_id HAVING min(gone) = 1",
        {"project_id": project_id, "trace_ids": list(trace_ids)},
    )


def mark_deleted(condition: str) -> str:
    """Text that lets no event of these ids count any more that was received until ``{at_ns:Int64}``.

    ``condition`` is on columns of ``entity_events``, with the project's placeholder.
    """
    return (
        "INSERT INTO entity_events\n"
        "  (project_id, kind, entity_id, timestamp, event_id, received_at, type)\n"
        "SELECT DISTINCT project_id, kind, entity_id,\n"
        "  fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC'), 'deleted',\n"
        "  fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC'), "
        f"'{DELETED}'\n"
        f"FROM entity_events WHERE {condition}"
    )
