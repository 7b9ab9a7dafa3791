"""Spans to the columns of observations: every field by its rules, the same whenever it is repeated."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lumenspan.clock import datetime_to_nanos, iso_to_nanos
from lumenspan.ids import BlobKey
from lumenspan.ingest import input_output, rules
from lumenspan.ingest import usage as usages
from lumenspan.ingest.attributes import (
    Value,
    first_present,
    first_truthy,
    is_truthy,
    parse_json,
    parse_object,
    to_json,
    to_text,
)
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.metadata import flatten, metadata
from lumenspan.ingest.otlp import MAX_NANOS, Span
from lumenspan.ingest.parameters import model_parameters
from lumenspan.ingest.rules import TM, O, T
from lumenspan.ingest.tools import extract
from lumenspan.observations.rows import ObservationColumns

_X = "langfuse.experiment."
_EXPERIMENT_TEXTS = (
    "id",
    "name",
    "description",
    "dataset.id",
    "item.id",
    "item.expected_output",
    "item.root_observation_id",
)
_MAX_PROMPT_VERSION = 65_535
_NANOS_PER_MS = 1_000_000


class SpanMapper:
    """Maps the spans of one request into ``columns``.

    A row's version is the time of receipt plus its place in the request: the same whenever it is repeated.
    """

    def __init__(self, blob_key: BlobKey, header: FrameHeader, columns: ObservationColumns) -> None:
        self._project_id = header.project_id
        self._blob_key = blob_key
        self._header = header
        self._columns = columns
        self._index = 0
        self._is_langfuse = header.sdk_name in ("python", "javascript")
        major = header.sdk_version.partition(".")[0]
        self._is_json_encoded = header.sdk_name == "python" and major.isdecimal() and int(major) >= 5

    def add(self, span: Span) -> None:
        """Append the row of ``span``."""
        self._columns.append(self._row(span))
        self._index += 1

    def _row(self, span: Span) -> tuple[Any, ...]:
        attributes, origin = span.attributes, span.origin
        resource = origin.resource
        event_ts = self._header.received_at + self._index
        start = _first(span.start_nanos, span.end_nanos, event_ts)
        kind = rules.decide(rules.TYPE_RULES, span)[1] or "SPAN"
        given, answered = input_output.find(span)
        details = metadata(span, is_json_encoded=self._is_json_encoded, is_langfuse=self._is_langfuse)
        tools = extract(span, given, answered, details)
        model = ""
        counts: dict[str, int] = {}
        costs: dict[str, Decimal] = {}
        if not rules.is_agent_guarded(span):
            model = to_text(rules.decide(rules.MODEL_RULES, span)[1])
            counts, left = usages.usage(span)
            costs, left_costs = usages.cost(attributes)
            _keep(details, "usage_details", left)
            _keep(details, "cost_details", left_costs)
        parameters = model_parameters(span)
        prompt_name, prompt_version = _prompt(span) if kind == "GENERATION" else ("", None)
        get = attributes.get
        return (
            self._project_id,
            span.trace_id,
            span.id,
            span.parent_id,
            kind,
            to_text(rules.decide(rules.NAME_RULES, span)[1]),
            start,
            _first(span.end_nanos, start),
            _completion_start(span, start),
            rules.decide(rules.LEVEL_RULES, span)[1],
            to_text(_first(get(O + "status_message"), span.status_message)),
            rules.environment(span),
            to_text(_first(get("langfuse.version"), resource.get("service.version"))),
            to_text(_first(get("langfuse.release"), resource.get("langfuse.release"))),
            to_text(get(T + "name")),
            to_text(first_truthy(attributes, rules.USER_KEYS)),
            to_text(first_truthy(attributes, rules.SESSION_KEYS)),
            rules.tags(span),
            rules.is_public(span),
            get("langfuse.internal.is_app_root") in (True, "true"),
            False,
            to_text(tools.input),
            to_text(answered),
            to_text(get(T + "input")),
            to_text(get(T + "output")),
            details,
            model,
            to_json(parameters) if parameters else "",
            prompt_name,
            prompt_version,
            counts,
            usages.with_total(counts),
            costs,
            usages.with_total_cost(costs),
            tools.definitions,
            tools.calls,
            tools.call_names,
            _experiment(span),
            to_text(resource.get("service.name")),
            origin.scope_name,
            origin.scope_version,
            self._header.sdk_name or to_text(resource.get("telemetry.sdk.name")),
            self._header.sdk_version or to_text(resource.get("telemetry.sdk.version")),
            "otel",
            self._blob_key,
            span.size_bytes,
            event_ts,
            0,
        )


def _first(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _keep(details: dict[str, str], name: str, left: dict[str, Value]) -> None:
    for key, value in left.items():
        details.setdefault(f"{name}.{key}", to_text(value))


def _prompt(span: Span) -> tuple[str, int | None]:
    attributes = span.attributes
    linked = parse_object(attributes.get(TM + "langfusePrompt")) or {}
    keys = (O + "prompt.{}", "langfuse.prompt.{}")
    name = _first(first_present(attributes, [key.format("name") for key in keys]), linked.get("name"))
    version = _first(
        first_present(attributes, [key.format("version") for key in keys]), linked.get("version")
    )
    if isinstance(version, str):
        version = int(version) if version.isdecimal() and len(version) < 6 else None
    if isinstance(version, float):
        version = int(version) if version.is_integer() else None
    is_usable = (
        isinstance(version, int) and not isinstance(version, bool) and 0 <= version <= _MAX_PROMPT_VERSION
    )
    return to_text(name), version if is_usable else None


def _completion_start(span: Span, start: int) -> int | None:
    attributes = span.attributes
    sent = attributes.get(O + "completion_start_time")
    if isinstance(sent, str):
        parsed = _instant(sent)
        if parsed is None:
            decoded = parse_json(sent)
            parsed = _instant(decoded) if isinstance(decoded, str) else None
        if parsed is not None:
            return parsed
    waited = first_present(attributes, ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"))
    if isinstance(waited, int | float) and not isinstance(waited, bool) and 0 <= waited < 1e9:
        return start + -int(-waited // 1) * _NANOS_PER_MS
    return None


def _instant(text: str) -> int | None:
    try:
        nanos = iso_to_nanos(text)
    except ValueError:
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            return None
        # Without an offset an instant is taken as UTC.
        nanos = datetime_to_nanos(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    return nanos if 0 <= nanos < MAX_NANOS else None


def _experiment(span: Span) -> dict[str, str]:
    attributes = span.attributes
    found: dict[str, str] = {}
    if _X not in "\n".join(attributes):
        return found
    for name in _EXPERIMENT_TEXTS:
        value = attributes.get(_X + name)
        if is_truthy(value):
            found[name] = to_text(value)
    for name in ("metadata", "item.metadata"):
        own = dict(parse_object(attributes.get(_X + name)) or {})
        prefix = f"{_X}{name}."
        own |= {key[len(prefix) :]: value for key, value in attributes.items() if key.startswith(prefix)}
        for key, value in own.items():
            flatten(f"{name}.{key}", value, found)
    version = attributes.get(_X + "item.version")
    instant = _instant(version) if isinstance(version, str) else None
    if instant is not None:
        seconds, rest = divmod(instant, 1_000_000_000)
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
        found["item.version"] = f"{text}.{rest // _NANOS_PER_MS:03d}"
    return found
