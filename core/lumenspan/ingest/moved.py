"""What a replayed payload no longer says: rows whose id or minute a corrected mapping has changed."""

from __future__ import annotations

from collections.abc import Iterator

from lumenspan.ids import BlobKey, ProjectId
from lumenspan.observations.rows import COLUMN_TYPES, COLUMNS, TABLE, ObservationColumns
from lumenspan.storage.clickhouse import ClickHouse, Sql

_MINUTE_NS = 60_000_000_000
_TRACES_AT_ONCE = 1_000
# The rest of a tombstone is what the columns are by default.
_TOMBSTONE = ("project_id", "trace_id", "id", "start_time", "event_ts", "is_deleted")
_SETTINGS = {"max_partitions_per_insert_block": 0, "async_insert": 0}
_BEFORE = """SELECT trace_id, id, toUnixTimestamp64Nano(start_time) AS start_ns,
  toUnixTimestamp64Nano(event_ts) AS version FROM observations FINAL
WHERE project_id = {project_id:String} AND trace_id IN {trace_ids:Array(String)}
  AND blob_key = {blob_key:String} AND is_deleted = 0"""


class MovedRows:
    """Hides rows that the same payload wrote before under another sorting key."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def hide(self, project_id: ProjectId, key: BlobKey, columns: ObservationColumns) -> None:
        """Write tombstones for what ``columns`` (the payload's rows of now) have moved or left out.

        Traces that are not in them any more keep their old rows: nothing says where to look.

        Raises:
            Unavailable: ClickHouse is down.
        """
        trace_ids, ids, starts, versions = (
            columns.values[COLUMNS.index(name)] for name in ("trace_id", "id", "start_time", "event_ts")
        )
        now = {
            (trace_id, id_): (start // _MINUTE_NS, version)
            for trace_id, id_, start, version in zip(trace_ids, ids, starts, versions, strict=True)
        }
        gone: list[tuple[str, str, int, int]] = []
        for part in _parts(sorted(set(trace_ids))):
            found = await self._clickhouse.query(
                Sql(_BEFORE, {"project_id": project_id, "trace_ids": part, "blob_key": key})
            )
            for trace_id, id_, start, version in found.rows:
                minute, newer = now.get((trace_id, id_), (-1, version + 2))
                if start // _MINUTE_NS != minute:
                    # One less than the row that stays: readers take the newest of an id.
                    gone.append((trace_id, id_, start, newer - 1))
        if gone:
            traces, spans, times, tombstones = (list(values) for values in zip(*gone, strict=True))
            values = [[project_id] * len(gone), traces, spans, times, tombstones, [1] * len(gone)]
            types = [COLUMN_TYPES[name] for name in _TOMBSTONE]
            await self._clickhouse.insert(TABLE, _TOMBSTONE, values, types, settings=_SETTINGS)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(ids), _TRACES_AT_ONCE):
        yield ids[at : at + _TRACES_AT_ONCE]
