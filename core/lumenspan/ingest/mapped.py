"""What a blob of raw payloads comes to: rows, events, and what cannot be stored. Pure, but for the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import structlog

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.dead_letters import Dead, Stage
from lumenspan.ingest.envelope import Frame, MalformedEnvelope
from lumenspan.ingest.events import frame as event_frames
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.rows import Origin
from lumenspan.ingest.events.schema import Kind
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.raw_spans import raw_span
from lumenspan.ingest.sampling import is_kept
from lumenspan.observations.rows import COLUMNS, ObservationColumns


class _Place(msgspec.Struct, rename="camel"):
    trace_id: str | None = None


_decode_place = msgspec.json.Decoder(_Place).decode
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Mapped:
    """What a blob holds; ``seen`` is how many spans and events were looked at so far.

    ``left_out`` counts those of traces that are not kept.
    """

    project_id: str
    received_at: datetime
    share: float = 1.0
    columns: ObservationColumns = field(default_factory=ObservationColumns)
    events: list[tuple[Event, Origin]] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    seen: int = 0
    left_out: int = 0

    @property
    def rows(self) -> int:
        """How many spans and events there are."""
        return len(self.columns) + len(self.events)


def shift(mapped: Mapped, shift_ns: int) -> None:
    """Make every row newer."""
    if shift_ns:
        versions = mapped.columns.values[COLUMNS.index("event_ts")]
        versions[:] = [version + shift_ns for version in versions]


def refused(mapped: Mapped, frames: Sequence[Frame], row: int, reason: str) -> Dead:
    """A row that the store refuses, with its span as it was sent."""
    values = mapped.columns.values
    trace_id, id_ = (values[COLUMNS.index(name)][row] for name in ("trace_id", "id"))
    return Dead(row, Stage.INSERT, reason, raw_span(frames, trace_id, id_), trace_id, id_)


def map_frames(key: BlobKey, frames: Sequence[Frame], share: float = 1.0) -> Mapped:
    """Decode and map the requests of a blob, at least one; ``share`` of the traces is kept."""
    first = frames[0].header
    received_at = datetime.fromtimestamp(first.received_at // 1_000_000_000, UTC)
    mapped = Mapped(first.project_id, received_at, share)
    for frame in frames:
        if frame.header.content_type == event_frames.EVENTS:
            _map_events(key, frame, mapped)
        else:
            _map_spans(key, frame, mapped)
    return mapped


def _map_spans(key: BlobKey, frame: Frame, mapped: Mapped) -> None:
    first = mapped.seen
    try:
        export = otlp.decode(frame.body, frame.header.content_type)
    except otlp.MalformedOtlp as error:
        mapped.dead.append(Dead(first, Stage.DECODE, error.reason, frame.body))
        mapped.seen += 1
        return
    mapped.seen += len(export.spans) + len(export.rejected)
    for rejected in export.rejected:
        place = first + rejected.position
        mapped.dead.append(Dead(place, Stage.DECODE, rejected.reason, rejected.payload))
    mapper = SpanMapper(key, frame.header, mapped.columns)
    spans = export.spans
    if mapped.share < 1:
        spans = [span for span in spans if is_kept(span.trace_id, mapped.share)]
        mapped.left_out += len(export.spans) - len(spans)
    # A bug of ours in one span must not lose the others; the raw bytes stay in the blob.
    for at, cause in mapper.add(spans):
        span = spans[at]
        _log.error("span_not_mapped", blob_key=key, span_id=span.id, exc_info=cause)
        raw = raw_span([frame], span.trace_id, span.id)
        mapped.dead.append(Dead(first + at, Stage.MAP, type(cause).__name__, raw, span.trace_id, span.id))


def _map_events(key: BlobKey, frame: Frame, mapped: Mapped) -> None:
    first = mapped.seen
    try:
        events = event_frames.decode(frame.body, frame.header.received_at)
    except MalformedEnvelope as error:
        mapped.dead.append(Dead(first, Stage.DECODE, str(error), frame.body))
        mapped.seen += 1
        return
    mapped.seen += len(events.accepted) + len(events.rejected)
    origin = Origin(key, frame.header.sdk_name, frame.header.sdk_version)
    kept = [event for event in events.accepted if mapped.share >= 1 or _is_kept(event, mapped.share)]
    mapped.left_out += len(events.accepted) - len(kept)
    mapped.events += [(event, origin) for event in kept]
    for place, rejected in enumerate(events.rejected, first):
        mapped.dead.append(Dead(place, Stage.DECODE, rejected.reason, bytes(rejected.event)))


def _is_kept(event: Event, share: float) -> bool:
    """By the trace that it is about; what names none is kept."""
    trace_id = event.entity_id
    if event.kind is not Kind.TRACE:
        try:
            trace_id = _decode_place(event.body).trace_id or ""
        except msgspec.DecodeError:
            trace_id = ""
    return not trace_id or is_kept(trace_id, share)
