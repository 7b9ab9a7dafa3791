"""Accepted events on their way to the worker: the body of one frame of a blob."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from lumenspan.ingest.envelope import MalformedEnvelope
from lumenspan.ingest.events.schema import Kind, is_create

# Content type of the frame's header.
EVENTS: Final = "application/vnd.lumenspan.events+json"


class Event(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One accepted event.

    Attributes:
        entity_id: id of the trace, observation or score that it is about.
        timestamp: of its envelope, nanoseconds since the epoch: the order in which events merge.
        body: JSON as it was sent; of a score with everything filled in that its config says.
        received_at: nanoseconds since the epoch; unlike for every event of a request. Set by the reader.
    """

    kind: Kind
    entity_id: str
    id: str
    type: str
    timestamp: int
    body: Raw
    received_at: int = 0

    @property
    def is_create(self) -> bool:
        """Whether it makes the thing, rather than changes it."""
        return is_create(self.type)


class Rejected(msgspec.Struct, frozen=True, rename="camel"):
    """An event of the same request that was answered with an error; kept with the reason."""

    reason: str
    event: Raw


class Events(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one request brought."""

    accepted: list[Event]
    rejected: list[Rejected] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Events).decode


def encode(events: Events) -> bytes:
    """The body of a frame."""
    return _encode(events)


def decode(body: bytes, received_at: int) -> Events:
    """The events of a frame that was received at ``received_at`` (nanoseconds); MalformedEnvelope.

    Their times of receipt differ by a nanosecond each, in the order in which they were sent.
    """
    try:
        events = _decode(body)
    except msgspec.DecodeError as error:
        raise MalformedEnvelope("the events of a frame cannot be read") from error
    accepted = [
        msgspec.structs.replace(event, received_at=received_at + place)
        for place, event in enumerate(events.accepted)
    ]
    return Events(accepted, events.rejected)
