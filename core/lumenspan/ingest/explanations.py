"""Explains single observations: reads the raw payload that a row came from and maps its span again."""

from __future__ import annotations

import asyncio

from lumenspan.errors import NotFound, Unavailable
from lumenspan.ids import ProjectId
from lumenspan.ingest import explain
from lumenspan.ingest.envelope import MalformedEnvelope, unpack
from lumenspan.ingest.explain import Explained
from lumenspan.ingest.masking import Masking, MaskingFailed
from lumenspan.ingest.otlp import MalformedOtlp
from lumenspan.observations.service import ObservationService
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.traces.domain import TraceKey

# A payload of the largest size takes hundreds of megabytes while it is looked through.
_AT_ONCE = 2


class ExplanationService:
    """Says which rule set each field of an observation."""

    def __init__(self, observations: ObservationService, blobs: Blobs, settings: Settings) -> None:
        self._observations = observations
        self._blobs = blobs
        # What was masked once must not be shown because the callback is down now.
        self._masking = Masking(settings.model_copy(update={"is_masking_fail_closed": True}))
        self._reading = asyncio.Semaphore(_AT_ONCE)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._masking.close()

    async def explain(self, project_id: ProjectId, trace: TraceKey, observation_id: str) -> list[Explained]:
        """Each field of an observation as the rules of this version set it.

        Raises:
            NotFound: there is no such observation, it was not sent as a span, or its payload is gone.
            Unavailable: an engine is down, or the masking callback, without which nothing may be shown.
        """
        key = await self._observations.payload_key(project_id, trace, observation_id)
        if key is None:
            raise NotFound("There is no such observation")
        async with self._reading:
            try:
                blob = await self._blobs.get(key)
            except NotFound as error:
                raise NotFound("The payload of this observation is no longer kept") from error
            try:
                return await self._explained(project_id, blob, trace.id, observation_id)
            except (MalformedEnvelope, MalformedOtlp) as error:
                raise NotFound("The payload of this observation cannot be read any more") from error
            except MaskingFailed as error:
                raise Unavailable("masking") from error

    async def _explained(
        self, project_id: ProjectId, blob: bytes, trace_id: str, observation_id: str
    ) -> list[Explained]:
        frames = [
            frame
            for frame in await asyncio.to_thread(unpack, blob)
            if frame.header.project_id == project_id
        ]
        found = await asyncio.to_thread(explain.find_span, frames, trace_id, observation_id)
        if found is not None and self._masking.is_on:
            # Payloads are kept as they came; what is shown of them is masked like what is stored.
            masked = await self._masking.mask(found[0])
            found = await asyncio.to_thread(explain.find_span, [masked], trace_id, observation_id)
        if found is None:
            raise NotFound("This observation was not sent as a span: its fields were named by the sender")
        frame, span = found
        return await asyncio.to_thread(explain.explain, frame.header, span)
