"""The metadata of a span (contract 2.6): flat, dotted names to text; whatever no field took is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lumenspan.ingest import input_output
from lumenspan.ingest.attributes import Attributes, Value, is_truthy, parse_json, to_text
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.rules import TM, O, T
from lumenspan.ingest.shapes import Pick
from lumenspan.ingest.trace_fields import ENVIRONMENT_KEYS, SESSION_KEYS, TAG_KEYS, USER_KEYS

_OBSERVATION = O + "metadata"
_TRACE = T + "metadata"
_SHARED = "langfuse.metadata"
# What is nested deeper stays text: names of hundreds of parts help nobody.
_MAX_DEPTH = 30
_NOT_METADATA = frozenset(TM + name for name in ("userId", "sessionId", "tags", "langfusePrompt"))
_CONSUMED = input_output.CONSUMED_KEYS | {T + "input", T + "output", _OBSERVATION, _TRACE, _SHARED}
_CONSUMED_PREFIXES = (
    "gen_ai.prompt",
    "gen_ai.completion",
    "llm.input_messages",
    "llm.output_messages",
    _TRACE,
    _OBSERVATION,
    TM,
)
# The keys that have a field: with our own SDKs these are not repeated, everything else is kept.
_MAPPED = frozenset(
    (
        *USER_KEYS,
        *SESSION_KEYS,
        *TAG_KEYS,
        *ENVIRONMENT_KEYS,
        *(
            O + name
            for name in (
                "type",
                "level",
                "status_message",
                "completion_start_time",
                "model.name",
                "model.parameters",
                "usage_details",
                "cost_details",
                "prompt.name",
                "prompt.version",
            )
        ),
        *(T + name for name in ("name", "public")),
        *("langfuse." + name for name in ("public", "version", "release", "prompt.name", "prompt.version")),
        "langfuse.internal.is_app_root",
        "langfuse.internal.as_root",
    )
)
_MAPPED_PREFIXES = ("langfuse.experiment.",)


@dataclass(frozen=True, slots=True)
class _Names:
    """What the names of a span's attributes say of its metadata.

    Attributes:
        unconsumed: name, and its name in the metadata, of what no field takes.
        own: for the observation and for the trace: the bare name, then of each dotted one the attribute,
            its name in the metadata, and whether it is one of Langfuse's.
    """

    unconsumed: tuple[tuple[str, str], ...]
    own: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...]


def _names(span: Span) -> _Names:
    is_own_sdk = span.origin.scope_name.startswith("langfuse-sdk")
    attributes = span.attributes
    return _Names(
        tuple((key, "attributes." + key) for key in attributes if not _is_taken(key, is_own_sdk)),
        tuple((prefix, _dotted(attributes, prefix)) for prefix in (_OBSERVATION, _TRACE)),
    )


def _is_taken(key: str, is_own_sdk: bool) -> bool:
    if key in _CONSUMED or key.startswith(_CONSUMED_PREFIXES):
        return True
    return is_own_sdk and (key in _MAPPED or key.startswith(_MAPPED_PREFIXES))


def _dotted(attributes: Attributes, prefix: str) -> tuple[tuple[str, str, bool], ...]:
    found = []
    starts = (prefix + ".", _SHARED + ".", TM)
    for key in attributes:
        if key.startswith(starts) and key not in _NOT_METADATA:
            start = next(each for each in starts if key.startswith(each))
            found.append((key, key[len(start) :], start != TM))
    return tuple(found)


class Metadata:
    """Metadata of the observation and its trace over what was sent around them, flat.

    Args:
        is_json_encoded: the sender encodes every metadata value as JSON (Python SDK 5 and later).
        is_langfuse: the sender is some Langfuse SDK, which encodes objects as JSON.
    """

    def __init__(self, *, is_json_encoded: bool, is_langfuse: bool, names: _Names | None = None) -> None:
        self._is_json_encoded = is_json_encoded
        self._is_langfuse = is_langfuse
        self._names = names

    def narrowed(self, span: Span) -> Pick:
        """The same for spans that have the same names of attributes."""
        return Metadata(
            is_json_encoded=self._is_json_encoded, is_langfuse=self._is_langfuse, names=_names(span)
        )

    def __call__(self, span: Span) -> dict[str, str]:
        names = self._names or _names(span)
        own: dict[str, Value] = {}
        for prefix, dotted in names.own:
            self._collect(span.attributes, prefix, dotted, own)
        flat: dict[str, str] = {}
        # A name of the user's own replaces one of these three as a whole.
        if "attributes" not in own:
            attributes = span.attributes
            for key, name in names.unconsumed:
                flat[name] = to_text(attributes[key])
        if "resourceAttributes" not in own:
            for key, value in span.origin.resource.items():
                flat["resourceAttributes." + key] = to_text(value)
        if "scope" not in own:
            _scope(span, flat)
        for name, value in own.items():
            flatten(name, value, flat)
        _extras(span, flat)
        return flat

    def _collect(
        self,
        attributes: Attributes,
        prefix: str,
        dotted: tuple[tuple[str, str, bool], ...],
        own: dict[str, Value],
    ) -> None:
        """Names and values under one prefix: the bare key's object, overlaid by the dotted keys."""
        bare = attributes.get(prefix)
        if not is_truthy(bare):
            bare = attributes.get(_SHARED)
        if bare is not None:
            own |= _object(bare)
        for key, name, is_ours in dotted:
            own[name] = _value(
                attributes[key], self._is_json_encoded and is_ours, self._is_langfuse and is_ours
            )


def _scope(span: Span, flat: dict[str, str]) -> None:
    origin = span.origin
    if origin.scope_name:
        flat["scope.name"] = origin.scope_name
    if origin.scope_version:
        flat["scope.version"] = origin.scope_version
    for key, value in origin.scope_attributes.items():
        flat["scope.attributes." + key] = to_text(value)


def _extras(span: Span, flat: dict[str, str]) -> None:
    """Links, and events that no rule reads."""
    for key, value in span.extra.items():
        flat.setdefault(key, to_text(value))
    events = [event for event in span.events if not event.name.startswith("gen_ai.")]
    if events:
        listed = [
            {"name": event.name, "timeUnixNano": event.time_nanos, "attributes": event.attributes}
            for event in events
        ]
        flat.setdefault("events", to_text(listed))


def _object(value: Value) -> dict[str, Value]:
    """An object's entries; a list's by place; a lone value under ``value``."""
    if not is_truthy(value):
        return {}
    parsed = value
    if isinstance(value, str):
        decoded = parse_json(value)
        # Text of a number or a flag reads as it was written.
        parsed = decoded if isinstance(decoded, dict | list | str) else value
    if isinstance(parsed, dict):
        return dict(parsed)
    if isinstance(parsed, list):
        return {str(place): each for place, each in enumerate(parsed)}
    return {"value": parsed}


def _value(value: Value, is_encoded: bool, is_langfuse: bool) -> Value:
    if not isinstance(value, str):
        return value
    if is_encoded:
        parsed = parse_json(value)
        return value if parsed is None and value.strip() != "null" else parsed
    if is_langfuse and value.startswith("{"):
        # Older SDKs encode objects only: read back, they equal what SDK 5 sends.
        parsed = parse_json(value)
        return parsed if isinstance(parsed, dict) else value
    return value


def flatten(name: str, value: Any, flat: dict[str, str], depth: int = 0) -> None:
    """Nested names joined by dots; lists are text; of a repeated name the first stays."""
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        for key, each in value.items():
            flatten(f"{name}.{key}", each, flat, depth + 1)
    else:
        flat.setdefault(name, to_text(value))
