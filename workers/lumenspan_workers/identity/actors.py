"""Actors of identity."""

from __future__ import annotations

import asyncio

import dramatiq

from lumenspan.identity import jobs
from lumenspan.ids import ProjectId
from lumenspan_workers.services import services

_WAIT_MS = 5_000


@dramatiq.actor(actor_name=jobs.DELETE_PROJECT, queue_name=jobs.QUEUE)
async def delete_project(project_id: str, after: str) -> None:
    mine = services()
    progress = await mine.patience.run(lambda: mine.project_deletion.work(ProjectId(project_id), after))
    if not progress.is_done:
        # A job of its own, which begins where this one ended; writing it to the queue blocks.
        await asyncio.to_thread(
            delete_project.send_with_options,
            args=(project_id, progress.after),
            delay=_WAIT_MS if progress.is_waiting else None,
        )
