"""Events for the tests, as the batch endpoint takes them and as they are stored."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from msgspec import Raw

from lumenspan.clock import iso_to_nanos
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.schema import Kind, kind_of

T0 = "2026-03-01T12:00:00.000Z"
_receipts = itertools.count(1_800_000_000_000_000_000)


def at(seconds: float) -> str:
    """ISO-8601, so many seconds after ``T0``."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    return f"2026-03-01T12:{minutes:02d}:{second:02d}.{rest:03d}Z"


def sent(type_: str, body: dict[str, Any], *, id: str = "e", timestamp: str = T0) -> dict[str, Any]:
    """An event as a client sends it."""
    return {"id": id, "type": type_, "timestamp": timestamp, "body": body}


def event(
    type_: str, seconds: float, body: dict[str, Any], *, id: str = "", received_at: int | None = None
) -> Event:
    """A stored event, ``seconds`` after ``T0``; each is received later than the one made before it."""
    kind = kind_of(type_)
    assert kind is not None
    assert kind != Kind.SCORE
    receipt = next(_receipts) if received_at is None else received_at
    return Event(
        kind,
        body.get("id", "x"),
        id or f"e{receipt}",
        type_,
        iso_to_nanos(at(seconds)),
        Raw(orjson.dumps(body)),
        receipt,
    )
