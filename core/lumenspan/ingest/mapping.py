"""Spans to the columns of observations: every field by its rules, the same whenever it is repeated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from lumenspan.ids import BlobKey
from lumenspan.ingest import fields, tools
from lumenspan.ingest import usage as usages
from lumenspan.ingest.attributes import Value, to_text
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.otlp import Origin, Span
from lumenspan.ingest.shapes import Pick, Shape, Shapes
from lumenspan.observations.rows import COLUMNS, PRICING_COLUMNS, ObservationColumns

_WIDTH = len(COLUMNS)
_TRACE_ID, _ID, _PARENT_ID = (COLUMNS.index(name) for name in ("trace_id", "id", "parent_id"))
_START, _END, _FIRST_TOKEN = (
    COLUMNS.index(name) for name in ("start_time", "end_time", "completion_start_time")
)
_TYPE, _INPUT, _OUTPUT = (COLUMNS.index(name) for name in ("type", "input", "output"))
_METADATA, _SIZE, _EVENT_TS = (COLUMNS.index(name) for name in ("metadata", "event_bytes", "event_ts"))
_PROMPT_NAME, _PROMPT_VERSION = (COLUMNS.index(name) for name in ("prompt_name", "prompt_version"))
_PROVIDED_USAGE, _USAGE, _PROVIDED_COST, _COST = (
    COLUMNS.index(name) for name in ("provided_usage", "usage", "provided_cost", "cost")
)
_DEFINITIONS, _CALLS, _CALL_NAMES = (
    COLUMNS.index(name) for name in ("tool_definitions", "tool_calls", "tool_call_names")
)
# What a row holds where nothing else is known. Nobody changes a value in place: rows share them.
_DEFAULTS: dict[str, Value] = {
    "bookmarked": False,
    "prompt_name": "",
    "provided_usage": {},
    "usage": {},
    "provided_cost": {},
    "cost": {},
    "tool_definitions": {},
    "tool_calls": [],
    "tool_call_names": [],
    "source": "otel",
    "is_deleted": 0,
    **dict.fromkeys(PRICING_COLUMNS, ""),
}


class SpanMapper:
    """Maps the spans of one request into ``columns``.

    A row's version is the time of receipt plus its place in the request: the same whenever it is repeated.

    Args:
        is_by_shape: look up what is known of a span's shape; otherwise every rule is tried on every span,
            with the same result.
    """

    def __init__(
        self,
        blob_key: BlobKey,
        header: FrameHeader,
        columns: ObservationColumns,
        *,
        is_by_shape: bool = True,
    ) -> None:
        self._columns = columns
        self._event_ts = header.received_at
        is_langfuse = header.sdk_name in ("python", "javascript")
        major = header.sdk_version.partition(".")[0]
        is_json_encoded = header.sdk_name == "python" and major.isdecimal() and int(major) >= 5
        if is_by_shape:
            self._shapes = _shapes(is_json_encoded, is_langfuse)
        else:
            self._shapes = Shapes(_picks(is_json_encoded, is_langfuse), is_learning=False)
        known = {**_DEFAULTS, "project_id": header.project_id, "blob_key": blob_key}
        # What the sender says of itself goes before what its resource says.
        said = {"sdk_name": header.sdk_name, "sdk_version": header.sdk_version}
        known |= {name: value for name, value in said.items() if value}
        self._known = {COLUMNS.index(name): value for name, value in known.items()}
        self._origin: Origin | None = None
        self._begun: dict[Shape, _Begun] = {}

    def add(self, spans: Iterable[Span]) -> list[tuple[int, Exception]]:
        """Append the rows of ``spans``; returns the places of those that cannot be mapped, and why."""
        rows = []
        failed: list[tuple[int, Exception]] = []
        for place, span in enumerate(spans):
            try:
                rows.append(self._row(span))
                self._event_ts += 1
            except Exception as error:
                failed.append((place, error))
        self._columns.extend(rows)
        return failed

    def _row(self, span: Span) -> list[Any]:
        row = self._filled(span)
        row[_TRACE_ID], row[_ID], row[_PARENT_ID] = span.trace_id, span.id, span.parent_id
        start, end, event_ts = span.start_nanos, span.end_nanos, self._event_ts
        if start is None:
            start = event_ts if end is None else end
        row[_START], row[_END] = start, start if end is None else end
        if row[fields.WAITED] is not None and row[_FIRST_TOKEN] is None:
            row[_FIRST_TOKEN] = start + row[fields.WAITED]
        if row[_TYPE] == "GENERATION":
            row[_PROMPT_NAME], row[_PROMPT_VERSION] = row[fields.PROMPT]
        row[_SIZE], row[_EVENT_TS] = span.size_bytes, event_ts
        details = row[fields.METADATA]
        counts, left = row[fields.USAGE]
        costs, left_costs = row[fields.COST]
        if counts:
            row[_PROVIDED_USAGE], row[_USAGE] = counts, usages.with_total(counts)
        if costs:
            row[_PROVIDED_COST], row[_COST] = costs, usages.with_total_cost(costs)
        if left or left_costs:
            details = {**details}
            _keep(details, "usage_details", left)
            _keep(details, "cost_details", left_costs)
        row[_METADATA] = details
        _fill_texts(row)
        del row[_WIDTH:]
        return row

    def _filled(self, span: Span) -> list[Any]:
        """A new row with all that picks find in the span."""
        shape = self._shapes.of(span)
        if span.origin is not self._origin:
            self._origin = span.origin
            self._begun.clear()
        begun = self._begun.get(shape)
        if begun is None:
            begun = self._begun[shape] = self._begin(shape, span)
        row = begun.row.copy()
        for place, pick in begun.picks:
            row[place] = pick(span)
        return row

    def _begin(self, shape: Shape, span: Span) -> _Begun:
        row = shape.values.copy()
        for place, pick in shape.of_origin:
            row[place] = pick(span)
        for place, value in self._known.items():
            row[place] = value
        return _Begun(row, [each for each in shape.of_span if each[0] not in self._known])


class _Begun(NamedTuple):
    """What spans of one shape and one origin have in common: a row to copy, and what is left to pick."""

    row: list[Value]
    picks: list[tuple[int, Pick]]


def _picks(is_json_encoded: bool, is_langfuse: bool) -> list[Pick | None]:
    return fields.picks(is_json_encoded=is_json_encoded, is_langfuse=is_langfuse)


@cache
def _shapes(is_json_encoded: bool, is_langfuse: bool) -> Shapes:
    """What this process has learned of spans by senders of that kind."""
    return Shapes(_picks(is_json_encoded, is_langfuse))


def _fill_texts(row: list[Any]) -> None:
    """Input and output, and the tools within them; what moves into the input leaves the metadata."""
    given, answered = row[fields.IO]
    offers, details = row[fields.OFFERS], row[_METADATA]
    if tools.may_hold_tools(offers, given, answered, details):
        row[_METADATA] = details = {**details}
        found = tools.extract(offers, given, answered, details)
        given = found.input
        row[_DEFINITIONS], row[_CALLS], row[_CALL_NAMES] = found.definitions, found.calls, found.call_names
    row[_INPUT], row[_OUTPUT] = to_text(given), to_text(answered)


def _keep(details: dict[str, str], name: str, left: dict[str, Value]) -> None:
    for key, value in left.items():
        details.setdefault(f"{name}.{key}", to_text(value))
