"""What every route that takes events in needs: the inflated body, and the header of its frame."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request

from lumenspan.identity.domain import KeyPrincipal
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.events.frame import EVENTS
from lumenspan_server.otel import body as bodies
from lumenspan_server.otel.intake import IN_THREAD_BYTES, frame_header


async def read(request: Request[Any, Any, Any]) -> bytes:
    """The body, inflated; PayloadTooLarge or InvalidInput."""
    limit = request.app.state.services.settings.ingest_max_body_mib << 20
    raw = await bodies.read(request.stream(), limit, request.headers.get("content-length"))
    encoding = request.headers.get("content-encoding", "")
    if encoding and len(raw) > IN_THREAD_BYTES:
        return await asyncio.to_thread(bodies.inflate, raw, encoding, limit)
    return bodies.inflate(raw, encoding, limit)


def header(request: Request[Any, Any, Any], principal: KeyPrincipal) -> FrameHeader:
    """The header of a frame of events."""
    return frame_header(principal, EVENTS, request.headers)
