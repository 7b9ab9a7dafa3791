"""What a decoder says of a value that does not fit, as the API says it: ``{code, path, message}``."""

import re
from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

Path = list[str | int]

_PLACE = re.compile(r" - at `(\$.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_MEMBER = re.compile(r"required field `([^`]+)`|unknown field `([^`]+)`")
_CODES = (
    ("unrecognized_keys", re.compile("unknown field")),
    ("invalid_enum_value", re.compile("^Invalid (enum )?value")),
    ("invalid_string", re.compile("^Invalid (datetime|RFC3339)|timezone component$|matching regex")),
    ("too_small", re.compile(r" (>=|>) ")),
    ("too_big", re.compile(r" (<=|<) |out of range")),
)
_BOUND = re.compile(r"^Expected `(\w+)`( of length)? (>=|>|<=|<) (\S+)$")
_BOUNDS = {
    ">=": "greater than or equal to",
    ">": "greater than",
    "<=": "less than or equal to",
    "<": "less than",
}
_KINDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a date and time",
    "null": "null",
}
_TYPE = re.compile(r"^Expected `([^`]+)`, got `(\w+)`$")


def issue_of(error: msgspec.ValidationError, shape: Any) -> dict[str, Any]:
    """The issue behind an error of decoding ``shape``."""
    text = str(error)
    place = _PLACE.search(text)
    message = text[: place.start()] if place else text
    path: Path = []
    for name, index in _STEP.findall(place.group(1) if place else ""):
        if name or index:
            path.append(name or int(index))
    member = _MEMBER.search(message)
    if member:
        path.append(member.group(1) or member.group(2))
    code = next((code for code, pattern in _CODES if pattern.search(message)), "invalid_type")
    return {"code": code, "path": path, "message": _said(message, code, path, shape)}


def _said(message: str, code: str, path: Path, shape: Any) -> str:
    """The message in the words of the API."""
    if member := _MEMBER.search(message):
        return "Required" if member.group(1) else f"Unknown: {member.group(2)}"
    if bound := _BOUND.match(message):
        kind, length, sign, number = bound.groups()
        subject = "Number" if kind in ("int", "float") else "Length"
        return f"{'Length' if length else subject} must be {_BOUNDS[sign]} {number}"
    if code == "invalid_enum_value" and (allowed := _allowed(shape, path)):
        return f"Expected one of {', '.join(allowed)}"
    if code == "invalid_string":
        is_text = "regex" in message
        return (
            "The text holds characters that are not allowed here"
            if is_text
            else "Invalid datetime: expected ISO-8601 with an offset"
        )
    if wrong := _TYPE.match(message):
        kinds = (_KINDS.get(each, each) for each in wrong.group(1).split(" | "))
        return f"Expected {' or '.join(kinds)}"
    return message


@cache
def _type_of(shape: Any) -> inspect.Type:
    return inspect.type_info(shape)


def _allowed(shape: Any, path: Sequence[str | int]) -> list[str]:
    """The values of the enumeration at a place of ``shape``; none where it cannot be told."""
    found = [_type_of(shape)]
    for step in path:
        found = [each for type_ in found for each in _at(type_, step)]
    return [str(value) for type_ in found for each in _parts(type_) for value in _values(each)]


def _parts(type_: inspect.Type) -> Sequence[inspect.Type]:
    """The choices of a union, else the type itself."""
    return type_.types if isinstance(type_, inspect.UnionType) else [type_]


def _at(type_: inspect.Type, step: str | int) -> list[inspect.Type]:
    found: list[inspect.Type] = []
    for each in _parts(type_):
        if isinstance(each, inspect.StructType):
            found += [member.type for member in each.fields if member.encode_name == step]
        elif isinstance(each, inspect.ListType | inspect.VarTupleType):
            found.append(each.item_type)
        elif isinstance(each, inspect.DictType):
            found.append(each.value_type)
    return found


def _values(type_: inspect.Type) -> list[Any]:
    if isinstance(type_, inspect.EnumType):
        return [each.value if isinstance(each, Enum) else each for each in type_.cls]
    return list(type_.values) if isinstance(type_, inspect.LiteralType) else []
