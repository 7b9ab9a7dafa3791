"""Actors of ingestion."""

from __future__ import annotations

from typing import Any

import dramatiq

from lumenspan.ids import BlobKey
from lumenspan.ingest import jobs
from lumenspan_workers.services import services


@dramatiq.actor(actor_name=jobs.PROCESS_BLOB, queue_name=jobs.QUEUE, on_retry_exhausted=jobs.GIVE_UP)
async def process_blob(blob_key: str) -> None:
    mine = services()
    await mine.patience.run(lambda: mine.ingest.process(BlobKey(blob_key)))


@dramatiq.actor(actor_name=jobs.REPLAY_BLOB, queue_name=jobs.QUEUE, on_retry_exhausted=jobs.GIVE_UP)
async def replay_blob(blob_key: str, shift_ns: int) -> None:
    mine = services()
    await mine.patience.run(
        lambda: mine.ingest.process(BlobKey(blob_key), shift_ns=shift_ns, is_replay=True)
    )


@dramatiq.actor(actor_name=jobs.GIVE_UP, queue_name=jobs.QUEUE)
async def give_up(message: dict[str, Any], retries: dict[str, Any]) -> None:
    mine = services()
    reason = f"The job failed {retries['retries'] + 1} times; the worker's log says why"
    await mine.patience.run(lambda: mine.ingest.give_up(BlobKey(message["args"][0]), reason))


@dramatiq.actor(actor_name=jobs.REPLAY, queue_name=jobs.QUEUE)
async def replay(replay_id: str) -> None:
    mine = services()
    await mine.patience.run(lambda: mine.replays.work(replay_id))
