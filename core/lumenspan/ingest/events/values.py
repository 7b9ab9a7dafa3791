"""JSON members as columns hold them: what counts as empty, how texts and metadata are written."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Raw, UnsetType

from lumenspan.ingest.attributes import Value, is_truthy, to_json, to_text

_decode = msgspec.json.Decoder().decode


def parsed(raw: Raw | UnsetType) -> Value:
    """The value of a JSON member; None where it was not sent.

    What no number or stack can hold (``1e999``, ten thousand brackets) stays the text that was sent.
    """
    if isinstance(raw, UnsetType):
        return None
    try:
        return _decode(bytes(raw))
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _decode(repaired(bytes(raw)))
    except (ValueError, RecursionError):
        return bytes(raw).decode("utf-8", "replace")


def repaired(text: bytes) -> bytes:
    """JSON that clients really send, as standard JSON; ValueError or RecursionError where it is none.

    ``NaN`` and ``Infinity`` become their names, half characters and broken UTF-8 become ``?``.
    """
    value = json.loads(text.decode("utf-8", "replace"), parse_constant=str)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def truthy_text(raw: Raw | UnsetType) -> str | None:
    """Text of a value, compact JSON where it is no text; None where it is absent or falsy."""
    value = parsed(raw)
    return to_text(value) if is_truthy(value) else None


def as_metadata(raw: Raw | UnsetType) -> dict[str, Value]:
    """Metadata as an object: a list or a lone value goes under ``metadata``; null is no metadata."""
    value = parsed(raw)
    if value is None or isinstance(value, dict):
        return value or {}
    return {"metadata": to_text(value)}


def deep_merge(onto: dict[str, Value], value: dict[str, Value]) -> dict[str, Value]:
    """``value`` over ``onto``, objects within objects merged, all else replaced; neither is changed."""
    merged = dict(onto)
    for key, each in value.items():
        own = merged.get(key)
        is_both = isinstance(own, dict) and isinstance(each, dict)
        merged[key] = deep_merge(own, each) if is_both else each  # type: ignore[arg-type]
    return merged


def metadata_texts(metadata: dict[str, Value]) -> dict[str, str]:
    """Each entry as text: strings as they are, all else (null, too) as JSON."""
    return {key: "null" if value is None else to_text(value) for key, value in metadata.items()}


def environment(raw: Raw | UnsetType) -> str | None:
    """The environment as it was sent; None where none was."""
    value: Any = parsed(raw)
    return to_text(value) or None


def parameters(given: dict[str, Value]) -> dict[str, Value]:
    """Parameters of a model call: strings and numbers as they are, all else as JSON text."""
    return {
        name: value
        if isinstance(value, str | int | float) and not isinstance(value, bool)
        else to_json(value)
        for name, value in given.items()
    }
