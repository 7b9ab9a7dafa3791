"""Which rule set each field of an observation: its span is mapped once more, and what is read is noted.

Nothing is declared for this: the rules themselves are run over a span that remembers what was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from lumenspan.ids import BlobKey
from lumenspan.ingest import fields, otlp
from lumenspan.ingest.attributes import Value, is_truthy, to_text
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.input_output import Find, decides
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.otlp import Origin, Span
from lumenspan.ingest.rules import Decided
from lumenspan.ingest.shapes import Pick
from lumenspan.observations.rows import COLUMNS, ObservationColumns


class SourceKind(StrEnum):
    """Where in an export a value stands."""

    ATTRIBUTE = "ATTRIBUTE"
    RESOURCE = "RESOURCE"
    SCOPE = "SCOPE"
    SPAN = "SPAN"
    HEADER = "HEADER"


@dataclass(frozen=True, slots=True)
class Source:
    """One value that a rule read.

    Attributes:
        key: of the attribute; of a span, a scope or a request the name of its member.
    """

    kind: SourceKind
    key: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One field of an observation.

    Attributes:
        field: the column.
        value: as text, in full; lists and objects as JSON.
        rule: the row of the table of rules that decided; where a field has no table, what kind of source
            its value comes from; empty where nothing was found and the field has its default.
        sources: what that row read and found, in the order in which it looked.
    """

    field: str
    value: str
    rule: str
    sources: tuple[Source, ...]


# Fields that take what several of them share.
_SHARED = {
    "input": fields.IO,
    "output": fields.IO,
    "metadata": fields.METADATA,
    "provided_usage": fields.USAGE,
    "usage": fields.USAGE,
    "provided_cost": fields.COST,
    "cost": fields.COST,
    "prompt_name": fields.PROMPT,
    "prompt_version": fields.PROMPT,
}
_OF_OUTPUT = ("tool_calls", "tool_call_names")
_OF_TOOLS = ("tool_definitions", *_OF_OUTPUT)
_OF_SPAN = {
    "trace_id": "traceId",
    "id": "spanId",
    "parent_id": "parentSpanId",
    "start_time": "startTimeUnixNano",
    "end_time": "endTimeUnixNano",
}
_OF_HEADER = ("sdk_name", "sdk_version")


def find_span(frames: Iterable[Frame], trace_id: str, span_id: str) -> tuple[Frame, Span] | None:
    """The newest span of these ids and the request that brought it; None where there is none."""
    found: tuple[Frame, Span] | None = None
    for frame in frames:
        if frame.header.content_type not in (otlp.JSON, otlp.PROTOBUF):
            continue
        for span in otlp.decode(frame.body, frame.header.content_type).spans:
            if (span.trace_id, span.id) == (trace_id, span_id):
                found = frame, span
    return found


def explain(header: FrameHeader, span: Span) -> list[Explained]:
    """Each field that mapping fills, its value and what set it, in the order of the columns."""
    columns = ObservationColumns()
    failed = SpanMapper(BlobKey(""), header, columns, is_by_shape=False).add([span])
    if failed:
        raise failed[0][1]
    major = header.sdk_version.partition(".")[0]
    picks = fields.picks(
        is_json_encoded=header.sdk_name == "python" and major.isdecimal() and int(major) >= 5,
        is_langfuse=header.sdk_name in ("python", "javascript"),
    )
    found = []
    for place, column in enumerate(COLUMNS):
        value = columns.values[place][0]
        told = _told(column, picks, header, span)
        if told is not None:
            rule, sources = told if value or column not in _OF_TOOLS else ("", ())
            found.append(Explained(column, stored_text(value), rule, tuple(sources)))
    return found


def _told(
    column: str, picks: Sequence[Pick | None], header: FrameHeader, span: Span
) -> tuple[str, Sequence[Source]] | None:
    """Rule and sources of a column; None for what no span says, such as the place of its payload."""
    if column in _OF_SPAN:
        return "span", [Source(SourceKind.SPAN, _OF_SPAN[column])]
    if column in _OF_HEADER and getattr(header, column):
        return "header", [Source(SourceKind.HEADER, "x-langfuse-" + column.replace("_", "-"))]
    if column in _OF_OUTPUT:
        return "calls_in_output", _io(cast(Find, picks[fields.IO]), span)[1]
    if column == "tool_definitions":
        offered = _plain(cast(Pick, picks[fields.OFFERS]), span)
        return offered if offered[0] else ("tools_in_input", _io(cast(Find, picks[fields.IO]), span)[1])
    if column == "completion_start_time":
        own = _plain(cast(Pick, picks[COLUMNS.index(column)]), span)
        return own if own[0] else _plain(cast(Pick, picks[fields.WAITED]), span)
    pick = picks[_SHARED.get(column, COLUMNS.index(column))]
    if pick is None:
        return None
    if isinstance(pick, Decided):
        return _decided(pick, span)
    if isinstance(pick, Find):
        return _io(pick, span)
    return _plain(pick, span)


def _decided(pick: Decided, span: Span) -> tuple[str, Sequence[Source]]:
    for rule in pick.rules:
        value, sources = _read(rule.pick, span)
        if value is not None:
            return rule.name, sources
    return "", ()


def _io(pick: Find, span: Span) -> tuple[str, Sequence[Source]]:
    for row in pick.rows:
        pair, sources = _read(row.pick, span)
        if pair is not None and decides(row, pair):
            return row.name, sources
    return "", ()


def _plain(pick: Pick, span: Span) -> tuple[str, Sequence[Source]]:
    """Of a field without a table: the kind of source that was looked at last and said something."""
    value, sources = _read(pick, span)
    is_found = bool(sources) and value not in (None, "", [], {}, ("", None), ([], []))
    return (sources[-1].kind.lower(), sources) if is_found else ("", ())


def _read(pick: Pick, span: Span) -> tuple[Value, list[Source]]:
    """What a pick yields, and what it read and found."""
    noted: dict[Source, None] = {}
    value = pick(cast(Span, _Noting(span, noted)))
    return value, list(noted)


class _Noted(Mapping[str, Value]):
    """Attributes that note which of them are read and say something."""

    def __init__(self, kind: SourceKind, values: Mapping[str, Value], noted: dict[Source, None]) -> None:
        self._kind, self._values, self._noted = kind, values, noted

    def __getitem__(self, key: str) -> Value:
        value = self._values[key]
        if is_truthy(value) or value is False or value == 0:
            self._noted[Source(self._kind, key)] = None
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Noting:
    """A span that notes what is read of it."""

    def __init__(self, span: Span, noted: dict[Source, None]) -> None:
        self._span, self._noted = span, noted
        self.attributes = _Noted(SourceKind.ATTRIBUTE, span.attributes, noted)
        self.origin = _NotingOrigin(span.origin, noted)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._span, name)
        if value:
            self._noted[Source(SourceKind.SPAN, name)] = None
        return value


class _NotingOrigin:
    def __init__(self, origin: Origin, noted: dict[Source, None]) -> None:
        self._origin, self._noted = origin, noted
        self.resource = _Noted(SourceKind.RESOURCE, origin.resource, noted)
        self.scope_attributes = _Noted(SourceKind.SCOPE, origin.scope_attributes, noted)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._origin, name)
        if value:
            self._noted[Source(SourceKind.SCOPE, name.removeprefix("scope_"))] = None
        return value


def stored_text(value: Value) -> str:
    """The value of a column as text; amounts without trailing zeros."""
    if isinstance(value, dict):
        # Amounts are exact decimals, which JSON has not.
        value = {key: each if isinstance(each, str | int) else format(each.normalize(), "f")
                 for key, each in value.items()}  # fmt: skip
    return to_text(value)
