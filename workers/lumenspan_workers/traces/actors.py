"""Actors of traces."""

from __future__ import annotations

import dramatiq

from lumenspan.ids import ProjectId
from lumenspan.traces import jobs
from lumenspan_workers.services import services


@dramatiq.actor(actor_name=jobs.DELETE_TRACES, queue_name=jobs.QUEUE)
async def delete_traces(project_id: str, trace_ids: list[str], at_ns: int) -> None:
    mine = services()
    await mine.patience.run(lambda: mine.deletion.remove(ProjectId(project_id), trace_ids, at_ns))
