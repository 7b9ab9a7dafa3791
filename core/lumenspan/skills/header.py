"""The header of ``SKILL.md``: YAML between two lines of three dashes, as agents read it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

from lumenspan.errors import InvalidInput
from lumenspan.skills.domain import HEADER_FILE, invalid

MAX_HEADER, MAX_DESCRIPTION, MAX_DEPTH = 32_768, 4_000, 20
_MAX_INT = 2**53
_HEADER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Header:
    """Name and description of a skill, and everything that the header says."""

    name: str
    description: str
    frontmatter: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Plain values only; dates stay the texts that they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> Header:
    """The header of a ``SKILL.md``.

    Raises:
        InvalidInput: there is none, it cannot be read, or name or description are missing.
    """
    match = _HEADER.match(text[: MAX_HEADER + 1])
    if match is None:
        raise _wrong("begins with a header between two lines of three dashes")
    try:
        _check_shape(match.group(1))
        loaded = yaml.load(match.group(1), _Loader)  # noqa: S506  # a SafeLoader
        values = _plain(loaded)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        raise _wrong("has a header that cannot be read as YAML") from None
    if not isinstance(values, dict):
        raise _wrong("has a header of keys and values")
    name, description = values.get("name"), values.get("description")
    if not isinstance(name, str) or not _NAME.match(name):
        raise _wrong("names the skill with 1 to 64 letters, digits, ., _ and -")
    if not isinstance(description, str) or not 1 <= len(description.strip()) <= MAX_DESCRIPTION:
        raise _wrong(f"describes the skill with 1 to {MAX_DESCRIPTION:,} characters")
    return Header(name, description.strip(), values)


def _check_shape(text: str) -> None:
    """Refuses what grows when it is read, or nests without end."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not taken")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")


def _plain(value: Any) -> Any:
    """The value as JSON can hold it, without NUL, which the database refuses."""
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MAX_INT else str(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)


def _wrong(what: str) -> InvalidInput:
    return invalid("files", f"{HEADER_FILE} {what}")
