"""One request of the batch endpoint, event by event: what is taken, and what is answered about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import Raw

from lumenspan.errors import InvalidInput
from lumenspan.ingest.events import schema, values
from lumenspan.ingest.events.frame import Event, Rejected
from lumenspan.ingest.events.schema import Envelope, InvalidEvent, Kind
from lumenspan.scores import schema as scores

_INVALID: Final = "Invalid request data"
_UNKNOWN_ID: Final = "unknown"


@dataclass(frozen=True, slots=True)
class EventError:
    """The answer about an event that was not taken.

    Attributes:
        id: of its envelope; ``unknown`` where it has none.
        status: as HTTP would say it.
    """

    id: str
    status: int
    message: str
    error: str


@dataclass(frozen=True, slots=True)
class PendingScore:
    """A score whose shape is right; what its config says is still to be looked up."""

    event: Event
    body: scores.ScoreBody
    raw: Raw


@dataclass(slots=True)
class Parsed:
    """A request, taken apart.

    Attributes:
        logs: texts of ``sdk-log`` events; they are answered with nothing.
        forbidden: answers about events that the caller's key may not send.
    """

    events: list[Event] = field(default_factory=list)
    scores: list[PendingScore] = field(default_factory=list)
    errors: list[EventError] = field(default_factory=list)
    forbidden: list[EventError] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    def reject(self, id_: str, raw: Raw, reason: str) -> None:
        """Note that an event does not fit."""
        self.errors.append(EventError(id_, 400, _INVALID, reason))
        self.rejected.append(Rejected(f"event {id_}: {reason}"[:1000], raw))


class _Batch(msgspec.Struct):
    batch: list[Raw]
    metadata: Raw = Raw(b"null")


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_any = msgspec.json.Decoder().decode


def parse(body: bytes, *, is_scores_only: bool) -> Parsed:
    """The events of a request; InvalidInput when it holds no list of events.

    Args:
        is_scores_only: the caller has a public key alone, which may send scores and logs.
    """
    batch: _Batch = decode_lenient(_decode_batch, body)
    found = Parsed(metadata=_object(batch.metadata))
    for raw in batch.batch:
        add(found, raw, is_scores_only=is_scores_only)
    return found


def decode_lenient(decode: Any, body: bytes) -> Any:
    """What ``decode`` makes of JSON that clients really send (``values.repaired``); InvalidInput."""
    try:
        # A member that is kept as bytes is not looked into, so the encoding is checked here.
        body.decode()
        return decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{_INVALID}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decode(values.repaired(body))
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{_INVALID}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{_INVALID}: malformed JSON") from error


def add(found: Parsed, raw: Raw, *, is_scores_only: bool = False) -> None:
    """Take one event of a request in, or note why it cannot be."""
    try:
        envelope: Envelope = _decode_envelope(bytes(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        sent = _object(raw).get("id")
        found.reject(sent if isinstance(sent, str) and sent else _UNKNOWN_ID, raw, str(error))
        return
    if envelope.type == schema.SDK_LOG:
        found.logs.append(bytes(envelope.body).decode("utf-8", "replace"))
        return
    try:
        kind, timestamp = _head(envelope)
        if is_scores_only and kind != Kind.SCORE:
            found.forbidden.append(
                EventError(
                    envelope.id,
                    401,
                    "Authentication error",
                    "Access Scope Denied: a public key alone may send scores only",
                )
            )
            return
        _add_event(found, envelope, kind, timestamp, raw)
    except InvalidEvent as error:
        found.reject(envelope.id, raw, error.message)


def _head(envelope: Envelope) -> tuple[Kind, int]:
    kind = schema.kind_of(envelope.type)
    if kind is None:
        raise InvalidEvent(f"Unknown type of event {envelope.type[:100]!r} - at `$.type`")
    timestamp = schema.instant(envelope.timestamp, "timestamp")
    return kind, timestamp or 0


def _add_event(found: Parsed, envelope: Envelope, kind: Kind, timestamp: int, raw: Raw) -> None:
    raw_body = bytes(envelope.body)
    if kind == Kind.SCORE:
        score = scores.parse(raw_body, is_eval_allowed=True)
        found.scores.append(PendingScore(make_event(kind, envelope, score.id, timestamp), score, raw))
        return
    body: schema.TraceBody | schema.ObservationBody
    if kind == Kind.TRACE:
        body = schema.trace_body(raw_body)
    else:
        body = schema.observation_body(raw_body)
        schema.observation_type(envelope.type, body)
        if not body.id and not schema.is_create(envelope.type):
            raise InvalidEvent("An update needs the id of what it updates - at `$.body.id`")
    found.events.append(make_event(kind, envelope, body.id, timestamp))


def make_event(kind: Kind, envelope: Envelope, id_: schema.OptionalId, timestamp: int) -> Event:
    """The event of an envelope; a thing without an id gets that of its event, each time it is sent."""
    return Event(kind, id_ or envelope.id, envelope.id, envelope.type, timestamp, envelope.body)


def in_answer_order(events: Sequence[Event]) -> list[Event]:
    """Events in the order in which their success is answered: creates, then updates, each by time."""
    return sorted(events, key=lambda event: (not event.is_create, event.timestamp))


def _object(raw: Raw) -> dict[str, Any]:
    try:
        value = _decode_any(bytes(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
