"""How each column of an observation is found in a span: a pick a column, and a few for several at once."""

from __future__ import annotations

from datetime import UTC, datetime

from lumenspan.clock import datetime_to_nanos, iso_to_nanos
from lumenspan.ingest import input_output, rules, tools, trace_fields
from lumenspan.ingest import usage as usages
from lumenspan.ingest.attributes import (
    Value,
    first_present,
    is_truthy,
    parse_json,
    parse_object,
    to_json,
    to_text,
    under,
)
from lumenspan.ingest.metadata import Metadata, flatten
from lumenspan.ingest.otlp import MAX_NANOS, Span
from lumenspan.ingest.parameters import PARAMETER_RULES, plain_parameters
from lumenspan.ingest.rules import TM, Decided, FirstTruthy, O, T
from lumenspan.ingest.shapes import Pick
from lumenspan.ingest.usage_sources import USAGE_RULES
from lumenspan.observations.rows import COLUMNS

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

# Beyond the columns: what fills several of them.
IO, METADATA, USAGE, COST, PROMPT, WAITED, OFFERS = range(len(COLUMNS), len(COLUMNS) + 7)


def picks(*, is_json_encoded: bool, is_langfuse: bool) -> list[Pick | None]:
    """A pick for each place, first the columns; None where the mapper itself knows.

    The two flags say how the sender encodes metadata.
    """
    found: list[Pick | None] = [None] * (OFFERS + 1)
    for column, pick in _COLUMNS.items():
        found[COLUMNS.index(column)] = pick
    found[IO] = input_output.Find()
    found[METADATA] = Metadata(is_json_encoded=is_json_encoded, is_langfuse=is_langfuse)
    found[USAGE] = Decided(USAGE_RULES, usages.usage)
    found[COST] = Decided(usages.COST_RULES, usages.cost)
    found[PROMPT] = _prompt
    found[WAITED] = _waited
    found[OFFERS] = tools.offers
    return found


def _attribute(key: str) -> Pick:
    return lambda span: to_text(span.attributes.get(key))


def _attribute_or_resource(key: str, resource_key: str) -> Pick:
    def pick(span: Span) -> str:
        value = span.attributes.get(key)
        return to_text(span.origin.resource.get(resource_key) if value is None else value)

    return pick


def _of_resource(key: str) -> Pick:
    return lambda span: to_text(span.origin.resource.get(key))


def _parameters(found: Value) -> str:
    parameters = plain_parameters(found)
    return to_json(parameters) if parameters else ""


def _status_message(span: Span) -> str:
    value = span.attributes.get(O + "status_message")
    return to_text(span.status_message if value is None else value)


def _is_app_root(span: Span) -> bool:
    return span.attributes.get("langfuse.internal.is_app_root") in (True, "true")


def _first(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


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


def _completion_start(span: Span) -> int | None:
    """When the first token came, where that was sent as an instant."""
    sent = span.attributes.get(O + "completion_start_time")
    if isinstance(sent, str):
        parsed = _instant(sent)
        if parsed is None:
            decoded = parse_json(sent)
            parsed = _instant(decoded) if isinstance(decoded, str) else None
        return parsed
    return None


def _waited(span: Span) -> int | None:
    """Nanoseconds from the start to the first token, where that was sent."""
    waited = first_present(span.attributes, ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"))
    if isinstance(waited, int | float) and not isinstance(waited, bool) and 0 <= waited < 1e9:
        return -int(-waited // 1) * _NANOS_PER_MS
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
        own |= {key[len(prefix) :]: value for key, value in under(attributes, prefix)}
        for key, value in own.items():
            flatten(f"{name}.{key}", value, found)
    version = attributes.get(_X + "item.version")
    instant = _instant(version) if isinstance(version, str) else None
    if instant is not None:
        seconds, rest = divmod(instant, 1_000_000_000)
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
        found["item.version"] = f"{text}.{rest // _NANOS_PER_MS:03d}"
    return found


_COLUMNS: dict[str, Pick] = {
    "type": Decided(rules.TYPE_RULES, lambda value: value or "SPAN"),
    "name": Decided(rules.NAME_RULES, to_text),
    "completion_start_time": _completion_start,
    "level": Decided(rules.LEVEL_RULES, lambda value: value),
    "status_message": _status_message,
    "environment": trace_fields.environment,
    "version": _attribute_or_resource("langfuse.version", "service.version"),
    "release": _attribute_or_resource("langfuse.release", "langfuse.release"),
    "trace_name": _attribute(T + "name"),
    "user_id": FirstTruthy(trace_fields.USER_KEYS),
    "session_id": FirstTruthy(trace_fields.SESSION_KEYS),
    "tags": trace_fields.tags,
    "is_public": trace_fields.is_public,
    "is_app_root": _is_app_root,
    "trace_input": _attribute(T + "input"),
    "trace_output": _attribute(T + "output"),
    "model": Decided(rules.MODEL_RULES, to_text),
    "model_parameters": Decided(PARAMETER_RULES, _parameters),
    "experiment": _experiment,
    "service_name": _of_resource("service.name"),
    "scope_name": lambda span: span.origin.scope_name,
    "scope_version": lambda span: span.origin.scope_version,
    "sdk_name": _of_resource("telemetry.sdk.name"),
    "sdk_version": _of_resource("telemetry.sdk.version"),
}
