"""Masking by a callback of the operator's: what was received goes out as JSON, what comes back is stored.

Spans go as OTLP/JSON (``{"resourceSpans": [...]}``), batch events as ``{"batch": [...]}``; the answer has
the same shape, with as many spans or events.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
import orjson
import structlog
from msgspec import Raw

from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame
from lumenspan.ingest.events import frame as event_frames
from lumenspan.ingest.raw_spans import request_json
from lumenspan.settings import Settings

_log = structlog.get_logger(__name__)
_PROJECT_HEADER = "x-lumenspan-project-id"


class MaskingFailed(Exception):
    """The callback did not answer as it should; the text says how and holds nothing of the payload."""


class Masking:
    """Sends frames through the callback; without one, frames stay as they are."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.masking_url
        self._timeout = aiohttp.ClientTimeout(total=settings.masking_timeout_ms / 1000)
        self._tries = 1 + settings.masking_retries
        self._is_fail_closed = settings.is_masking_fail_closed
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_on(self) -> bool:
        return self._url is not None

    async def mask(self, frame: Frame) -> Frame:
        """The frame with what is to be stored.

        Raises:
            MaskingFailed: the callback failed, and nothing may be stored unmasked.
            MalformedOtlp, MalformedEnvelope: the frame cannot be read.
        """
        is_events = frame.header.content_type == event_frames.EVENTS
        try:
            return await (self._events(frame) if is_events else self._spans(frame))
        except MaskingFailed as error:
            _log.warning("masking_failed", project_id=frame.header.project_id, reason=str(error))
            if self._is_fail_closed:
                raise
            return frame

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _spans(self, frame: Frame) -> Frame:
        content_type = frame.header.content_type
        body = frame.body
        if content_type == otlp.PROTOBUF:
            body = await asyncio.to_thread(lambda: orjson.dumps(request_json(frame.body)))
        wanted = len(await asyncio.to_thread(_span_ids, body))
        masked = await self._call(frame.header.project_id, body)
        try:
            found = len(await asyncio.to_thread(_span_ids, masked))
        except otlp.MalformedOtlp:
            raise MaskingFailed("the answer is no OTLP/JSON") from None
        if found != wanted:
            raise MaskingFailed(f"the answer has {found} spans, not {wanted}")
        return Frame(msgspec.structs.replace(frame.header, content_type=otlp.JSON), masked)

    async def _events(self, frame: Frame) -> Frame:
        events = event_frames.decode(frame.body, 0)
        sent = [
            {"id": event.id, "type": event.type, "body": orjson.Fragment(bytes(event.body))}
            for event in events.accepted
        ]
        answer = await self._call(frame.header.project_id, orjson.dumps({"batch": sent}))
        bodies = _bodies(answer)
        if len(bodies) != len(sent):
            raise MaskingFailed(f"the answer has {len(bodies)} events, not {len(sent)}")
        masked = [
            msgspec.structs.replace(event, body=Raw(orjson.dumps(body)), received_at=0)
            for event, body in zip(events.accepted, bodies, strict=True)
        ]
        # What was refused is kept unmasked nowhere.
        rejected = [event_frames.Rejected(each.reason, Raw(b"null")) for each in events.rejected]
        return Frame(frame.header, event_frames.encode(event_frames.Events(masked, rejected)))

    async def _call(self, project_id: str, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = {"Content-Type": "application/json", _PROJECT_HEADER: project_id}
        reason = ""
        for _ in range(self._tries):
            try:
                async with self._session.post(self._url or "", data=body, headers=headers) as answer:
                    if answer.status == 200:
                        return await answer.read()
                    reason = f"the callback answered {answer.status}"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = f"the callback cannot be reached: {type(error).__name__}"
        raise MaskingFailed(reason)


def _span_ids(body: bytes) -> list[Any]:
    export = otlp.decode(body, otlp.JSON)
    return [*export.spans, *export.rejected]


def _bodies(answer: bytes) -> list[Any]:
    try:
        batch = orjson.loads(answer)["batch"]
        return [event["body"] for event in batch]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise MaskingFailed("the answer is no batch of events") from None
