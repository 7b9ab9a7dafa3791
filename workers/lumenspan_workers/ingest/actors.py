"""Actors of ingestion."""

from __future__ import annotations

import dramatiq

from lumenspan.errors import InvalidInput
from lumenspan.ids import BlobKey
from lumenspan.ingest import jobs
from lumenspan_workers.services import services


@dramatiq.actor(actor_name=jobs.PROCESS_BLOB, queue_name=jobs.QUEUE, throws=(InvalidInput,))
async def process_blob(blob_key: str) -> None:
    mine = services()
    await mine.patience.run(lambda: mine.ingest.process(BlobKey(blob_key)))
