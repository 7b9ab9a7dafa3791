"""Two OpenAPI documents side by side: what one promises and the other does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

# Beside the repository.
_PLACE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "openapi.yml"
_VERBS = ("get", "post", "put", "patch", "delete")
_DEPTH = 6


def path() -> Path:
    """Where the documented API lies; the test is skipped where it does not."""
    if not _PLACE.is_file():
        pytest.skip("../shared/reference/openapi.yml is not there")
    return _PLACE


def load() -> dict[str, Any]:
    """The documented API; the test is skipped where it does not lie beside the repository."""
    found: dict[str, Any] = yaml.load(path().read_text(), yaml.CSafeLoader)
    return found


def operations(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Operations by ``VERB /path``, path parameters without their names."""
    return {
        f"{verb.upper()} {re.sub(r'{[^}]*}', '{}', path)}": each
        for path, verbs in document["paths"].items()
        for verb, each in verbs.items()
        if verb in _VERBS
    }


@dataclass
class Shape:
    """What a schema comes down to: kinds of value, enumerated values, members, elements."""

    kinds: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    is_nullable: bool = False
    members: dict[str, Shape] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    element: Shape | None = None
    is_open: bool = False

    @property
    def takes_anything(self) -> bool:
        return not self.kinds


class Shapes:
    """Shapes of the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]["schemas"]

    def of(self, schema: Mapping[str, Any] | None, depth: int = _DEPTH) -> Shape:
        """The shape, down to a depth at which everything else is anything."""
        if schema is None or depth == 0:
            return Shape(is_nullable=True)
        if "$ref" in schema:
            found = self.of(self._components[schema["$ref"].rpartition("/")[2]], depth)
            found.is_nullable |= bool(schema.get("nullable"))
            return found
        choices = schema.get("oneOf") or schema.get("anyOf")
        found = self._any_of([self.of(each, depth) for each in choices]) if choices else Shape()
        for each in schema.get("allOf", ()):
            found = _all_of(found, self.of(each, depth))
        return self._own(found, schema, depth)

    def _own(self, found: Shape, schema: Mapping[str, Any], depth: int) -> Shape:
        found.is_nullable |= bool(schema.get("nullable"))
        types = schema.get("type", [])
        for type_ in [types] if isinstance(types, str) else types:
            if type_ == "null":
                found.is_nullable = True
            else:
                found.kinds.add("number" if type_ == "integer" else type_)
        if "enum" in schema:
            found.kinds.add("string")
            found.values |= {str(each) for each in schema["enum"]}
        if "properties" in schema:
            found.kinds.add("object")
            members = {name: self.of(each, depth - 1) for name, each in schema["properties"].items()}
            found.members |= members
        elif schema.get("type") == "object":
            found.is_open = True
        found.required |= set(schema.get("required", ()))
        found.is_open |= bool(schema.get("additionalProperties"))
        if "items" in schema:
            found.element = self.of(schema["items"], depth - 1)
        is_open = not found.kinds and not schema.keys() & {"oneOf", "anyOf", "allOf"}
        found.is_nullable |= is_open
        return found

    @staticmethod
    def _any_of(choices: list[Shape]) -> Shape:
        """One shape that takes what any of them takes; required is what all require."""
        found = Shape(is_nullable=any(each.is_nullable for each in choices))
        choices = [each for each in choices if each.kinds or each.members or not each.is_nullable]
        if any(each.takes_anything for each in choices):
            return Shape(is_nullable=True)
        objects = [each for each in choices if "object" in each.kinds]
        for each in choices:
            found.kinds |= each.kinds
            found.is_open |= each.is_open
            found.values |= each.values
            found.element = found.element or each.element
            for name, member in each.members.items():
                kept = found.members.get(name)
                found.members[name] = member if kept is None else Shapes._any_of([kept, member])
        if objects:
            found.required = set.intersection(*(each.required for each in objects))
        return found


def _all_of(one: Shape, other: Shape) -> Shape:
    return Shape(
        one.kinds | other.kinds,
        one.values | other.values,
        one.is_nullable or other.is_nullable,
        one.members | other.members,
        one.required | other.required,
        one.element or other.element,
        one.is_open or other.is_open,
    )


def answer_gaps(theirs: Shape, ours: Shape, place: str) -> Iterator[str]:
    """Where an answer of ours would surprise a client that expects theirs."""
    if ours.is_nullable and not theirs.is_nullable and not theirs.takes_anything:
        yield f"{place}: may be null"
    if theirs.takes_anything or ours.takes_anything:
        return
    if not ours.kinds <= theirs.kinds:
        yield f"{place}: is {'|'.join(sorted(ours.kinds))}, documented {'|'.join(sorted(theirs.kinds))}"
    if theirs.values and ours.values - theirs.values:
        yield f"{place}: may be {', '.join(sorted(ours.values - theirs.values))}"
    for name, member in theirs.members.items():
        if name.startswith("_"):
            continue
        inner = f"{place}.{name}"
        if name not in ours.members:
            yield f"{inner}: is missing"
            continue
        if name in theirs.required and name not in ours.required:
            yield f"{inner}: may be missing"
        yield from answer_gaps(member, ours.members[name], inner)
    if theirs.element and ours.element:
        yield from answer_gaps(theirs.element, ours.element, f"{place}[]")


def body_gaps(theirs: Shape, ours: Shape, place: str) -> Iterator[str]:
    """Where a body that is documented would be refused by ours."""
    if theirs.is_nullable and not ours.is_nullable and not theirs.takes_anything:
        yield f"{place}: may not be null"
    if ours.takes_anything:
        return
    if not theirs.kinds <= ours.kinds:
        yield f"{place}: takes {'|'.join(sorted(ours.kinds))}, documented {'|'.join(sorted(theirs.kinds))}"
    if ours.values and theirs.values - ours.values:
        yield f"{place}: does not take {', '.join(sorted(theirs.values - ours.values))}"
    yield from _member_gaps(theirs, ours, place)
    if theirs.element and ours.element:
        yield from body_gaps(theirs.element, ours.element, f"{place}[]")


def _member_gaps(theirs: Shape, ours: Shape, place: str) -> Iterator[str]:
    for name, member in theirs.members.items():
        inner = f"{place}.{name}"
        if name in ours.members:
            if name in ours.required and name not in theirs.required:
                yield f"{inner}: is required"
            yield from body_gaps(member, ours.members[name], inner)
        elif not ours.is_open:
            yield f"{inner}: is not known"
    for name in sorted(ours.required - theirs.members.keys()):
        yield f"{place}.{name}: is required and not documented"
