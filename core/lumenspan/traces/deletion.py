"""Deleting traces: hidden from every read at once, removed from every store soon after.

Hiding only inserts: tombstones of observations and scores, and a mark in the rollup. What is said of a
trace afterwards shows up again. The raw payloads stay in their bucket for as long as that keeps them.
"""

# Only names of this package are put into the text; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence

from lumenspan.clock import now_nanos
from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId, TraceId
from lumenspan.ingest.events.queries import mark_deleted
from lumenspan.media.service import MediaService
from lumenspan.storage.clickhouse import ClickHouse, Sql
from lumenspan.storage.queue import JobQueue
from lumenspan.traces import jobs

MAX_AT_ONCE = 1_000
_OF_TRACES = "project_id = {project_id:String} AND trace_id IN {trace_ids:Array(String)}"
# Which of the batch events said what of these traces: they would bring them back when merged again.
_EVENTS_OF = f"""project_id = {{project_id:String}} AND (
  (kind = 'trace' AND entity_id IN {{trace_ids:Array(String)}})
  OR (kind = 'observation' AND entity_id IN (SELECT id FROM observations WHERE {_OF_TRACES}))
  OR (kind = 'score' AND entity_id IN (SELECT id FROM scores WHERE {_OF_TRACES})))"""
_AT = "fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC')"
_NEWER = f"greatest(event_ts + toIntervalNanosecond(1), {_AT})"
_UNTIL = f"event_ts <= {_AT}"
_MARK_ROLLUP = f"""INSERT INTO trace_rollup
  (project_id, bucket, trace_id, start_time, end_time, created_at, hidden_at)
SELECT project_id, bucket, trace_id, min(start_time), max(end_time), min(created_at),
  {_AT}
FROM trace_rollup WHERE {_OF_TRACES} GROUP BY project_id, bucket, trace_id"""
_HIDE = (
    # First: what they are found by is still there.
    mark_deleted(_EVENTS_OF),
    f"""INSERT INTO observations (project_id, trace_id, id, start_time, event_ts, is_deleted)
SELECT project_id, trace_id, id, start_time, {_NEWER}, 1
FROM observations FINAL WHERE {_OF_TRACES} AND is_deleted = 0 AND {_UNTIL}""",
    f"""INSERT INTO scores (project_id, id, timestamp, name, trace_id, event_ts, is_deleted)
SELECT project_id, id, timestamp, name, trace_id, {_NEWER}, 1
FROM scores FINAL WHERE {_OF_TRACES} AND is_deleted = 0 AND {_UNTIL}""",
    f"""INSERT INTO trace_fields (project_id, trace_id, timestamp, event_ts, is_deleted)
SELECT project_id, trace_id, timestamp, {_NEWER}, 1
FROM trace_fields FINAL WHERE {_OF_TRACES} AND is_deleted = 0 AND {_UNTIL}""",
    _MARK_ROLLUP,
)
_REMOVE = (
    f"DELETE FROM entity_events WHERE {_EVENTS_OF} AND received_at <= {_AT}",
    f"DELETE FROM observations WHERE {_OF_TRACES} AND {_UNTIL}",
    f"DELETE FROM scores WHERE {_OF_TRACES} AND {_UNTIL}",
    f"DELETE FROM trace_fields WHERE {_OF_TRACES} AND {_UNTIL}",
    f"DELETE FROM trace_rollup WHERE {_OF_TRACES} AND updated_at <= {_AT}",
)
_INSERT_SETTINGS = {"max_partitions_per_insert_block": 0, "async_insert": 0}


def hide_from_list(project_id: ProjectId, trace_ids: Sequence[str]) -> Sql:
    """Take traces out of the list of traces until something newer is said of them."""
    params = {"project_id": project_id, "trace_ids": list(trace_ids), "at_ns": now_nanos()}
    # Whatever is known of them was said before, also where the clocks of writers disagree.
    return Sql(_MARK_ROLLUP.replace(f"  {_AT}\n", f"  greatest(max(updated_at), {_AT})\n"), params)


class TraceDeletion:
    """Deletes traces with observations, scores and files. Raises Unavailable while an engine is down."""

    def __init__(self, clickhouse: ClickHouse, media: MediaService, queue: JobQueue) -> None:
        self._clickhouse = clickhouse
        self._media = media
        self._queue = queue

    async def delete(self, project_id: ProjectId, trace_ids: Sequence[str]) -> None:
        """Hide them and have a worker remove them; unknown ids are no error.

        Raises:
            InvalidInput: no ids, or too many.
        """
        if not 1 <= len(trace_ids) <= MAX_AT_ONCE:
            raise InvalidInput(f"Name between 1 and {MAX_AT_ONCE} traces")
        at_ns = now_nanos()
        # First the job: what is hidden and was never removed would only cost space, but for ever.
        job = (project_id, list(trace_ids), at_ns)
        await self._queue.enqueue(jobs.DELETE_TRACES, job, queue=jobs.QUEUE)
        await self._hide(project_id, trace_ids, at_ns)

    async def remove(self, project_id: ProjectId, trace_ids: Sequence[str], at_ns: int) -> None:
        """The worker's part: remove what was there at that time (nanoseconds) for good.

        What came later stays, however late or often this is done.
        """
        await self._hide(project_id, trace_ids, at_ns)
        params = {"project_id": project_id, "trace_ids": list(trace_ids), "at_ns": at_ns}
        for text in _REMOVE:
            # Not waited for: it is hidden, and rewriting parts takes its time.
            await self._clickhouse.command(Sql(text, params), settings={"lightweight_deletes_sync": 0})
        await self._media.forget_traces(project_id, [TraceId(id_) for id_ in trace_ids])

    async def _hide(self, project_id: ProjectId, trace_ids: Sequence[str], at_ns: int) -> None:
        params = {"project_id": project_id, "trace_ids": list(trace_ids), "at_ns": at_ns}
        for text in _HIDE:
            await self._clickhouse.command(Sql(text, params), settings=_INSERT_SETTINGS)
