"""OTLP attribute values as Python values, and the helpers by which rules look at them.

A value is ``str | bool | int | float | list | dict | None``: integers stay exact, bytes become base64, a
key-value list becomes a dict. Doubles that are not finite become their text (``"NaN"``), as JSON has none.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

Value = Any
Attributes = dict[str, Value]


class MalformedAttributes(Exception):
    """Attributes that are no list; the span cannot be used."""


def from_proto(pairs: Iterable[Any]) -> Attributes:
    """Attributes of protobuf ``KeyValue`` messages; of a repeated key the last wins."""
    found: Attributes = {}
    for pair in pairs:
        value = pair.value
        # Nearly all are texts, and asking which kind is set costs as much as reading it.
        found[pair.key] = value.string_value or _proto_value(value, value.WhichOneof("value"))
    return found


def _proto_value(value: Any, kind: str | None) -> Value:
    if kind is None:
        return None
    if kind == "array_value":
        return [_proto_value(each, each.WhichOneof("value")) for each in value.array_value.values]
    if kind == "kvlist_value":
        return from_proto(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    plain = getattr(value, kind)
    return _finite(plain) if kind == "double_value" else plain


def from_json(pairs: Any) -> Attributes:
    """Attributes of OTLP/JSON: ``[{"key": k, "value": {"stringValue": ..}}]``; what has no value is None.

    Raises:
        MalformedAttributes: ``pairs`` is not a list.
    """
    if pairs is None:
        return {}
    if not isinstance(pairs, list):
        raise MalformedAttributes
    found: Attributes = {}
    for pair in pairs:
        if isinstance(pair, dict) and isinstance(pair.get("key"), str):
            found[pair["key"]] = _json_value(pair.get("value"))
    return found


def _json_value(value: Any) -> Value:
    if not isinstance(value, dict):
        return value if isinstance(value, str | bool | int | float) else None
    for kind, read in _JSON_KINDS:
        if kind in value:
            return read(value[kind])
    return value or None


def _json_int(value: Any) -> Value:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    if isinstance(value, dict) and isinstance(
        value.get("low"), int
    ):  # int64 as some JavaScript encoders put it
        return ((int(value.get("high") or 0) << 32) | (value["low"] & 0xFFFFFFFF)) if value else None
    return value


def _json_double(value: Any) -> Value:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value
        return number if math.isfinite(number) else value
    return _finite(value)


def _json_list(value: Any) -> Value:
    values = value.get("values") if isinstance(value, dict) else None
    return [_json_value(each) for each in values] if isinstance(values, list) else []


def _json_dict(value: Any) -> Value:
    values = value.get("values") if isinstance(value, dict) else None
    return from_json(values) if isinstance(values, list) else {}


_JSON_KINDS: tuple[tuple[str, Callable[[Any], Value]], ...] = (
    ("stringValue", lambda value: value),
    ("intValue", _json_int),
    ("doubleValue", _json_double),
    ("boolValue", lambda value: value),
    ("arrayValue", _json_list),
    ("kvlistValue", _json_dict),
    ("bytesValue", lambda value: value),
)


def _finite(value: Any) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def is_truthy(value: Value) -> bool:
    """Truth as the wire contract has it: null, empty text, zero and false are not; lists and dicts are."""
    return bool(value) or isinstance(value, list | dict)


def first_truthy(attributes: Mapping[str, Value], keys: Iterable[str]) -> Value:
    """The first truthy value among ``keys``, else None."""
    for key in keys:
        value = attributes.get(key)
        if value is not None and is_truthy(value):
            return value
    return None


def first_present(attributes: Mapping[str, Value], keys: Iterable[str]) -> Value:
    """The first value among ``keys`` that is not null, else None."""
    for key in keys:
        value = attributes.get(key)
        if value is not None:
            return value
    return None


def under(attributes: Mapping[str, Value], prefix: str | tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    """Names that begin with a prefix, and their values; no other value is looked at."""
    for key in attributes:
        if key.startswith(prefix):
            yield key, attributes[key]


def to_text(value: Value) -> str:
    """Text as it is, null as empty, all else as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return to_json(value)


def to_json(value: Value) -> str:
    """Compact JSON, integers of any size included."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except RecursionError:
        # Nested a thousand levels deep, which no reader takes either.
        return '"..."'


def parse_json(text: Value) -> Value:
    """What JSON text holds; None when it is no text or no JSON."""
    if not isinstance(text, str):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def parse_object(value: Value) -> dict[str, Value] | None:
    """A JSON object given as text or as a dict, else None."""
    if isinstance(value, dict):
        return value
    parsed = parse_json(value)
    return parsed if isinstance(parsed, dict) else None
