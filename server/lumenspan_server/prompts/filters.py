"""The filter of lists of prompts (contract, section 4): conditions on versions, before they are grouped."""

from collections.abc import Callable, Collection
from typing import Any

import orjson

from lumenspan.clock import datetime_to_nanos, iso_to_nanos
from lumenspan.errors import InvalidInput
from lumenspan.prompts.codec import Accepts
from lumenspan.prompts.domain import Prompt

_MAX_CONDITIONS = 50
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda text, value: text == value,
    "contains": lambda text, value: value.lower() in text.lower(),
    "does not contain": lambda text, value: value.lower() not in text.lower(),
    "starts with": lambda text, value: text.lower().startswith(value.lower()),
    "ends with": lambda text, value: text.lower().endswith(value.lower()),
    "is not empty": lambda text, value: bool(text),
}
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda number, value: number == value,
    ">": lambda number, value: number > value,
    "<": lambda number, value: number < value,
    ">=": lambda number, value: number >= value,
    "<=": lambda number, value: number <= value,
}
_OPTIONS: dict[str, Callable[[Collection[str], Collection[str]], bool]] = {
    "any of": lambda found, wanted: bool(set(found) & set(wanted)),
    "none of": lambda found, wanted: not set(found) & set(wanted),
    "all of": lambda found, wanted: set(wanted) <= set(found),
}
_TEXT_COLUMNS: dict[str, Callable[[Prompt], str]] = {
    "id": lambda prompt: prompt.id,
    "name": lambda prompt: prompt.name,
    "type": lambda prompt: prompt.type,
}
_LIST_COLUMNS: dict[str, Callable[[Prompt], Collection[str]]] = {
    "labels": lambda prompt: prompt.labels,
    "tags": lambda prompt: prompt.tags,
}
_TIME_COLUMNS: dict[str, Callable[[Prompt], int]] = {
    "createdAt": lambda prompt: datetime_to_nanos(prompt.created_at),
    "updatedAt": lambda prompt: datetime_to_nanos(prompt.updated_at),
}


def parse(text: str) -> Accepts:
    """What says whether a version fulfils all conditions.

    Raises:
        InvalidInput: no JSON, no list, or a condition that does not fit.
    """
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidInput("Invalid JSON in filter parameter") from None
    if not isinstance(raw, list) or len(raw) > _MAX_CONDITIONS:
        raise InvalidInput(f"Invalid filter: it is a JSON array of at most {_MAX_CONDITIONS} conditions")
    checks = [_check(each, f"condition {number}") for number, each in enumerate(raw, 1)]
    return lambda prompt: all(check(prompt) for check in checks)


def _check(raw: Any, where: str) -> Accepts:
    if not isinstance(raw, dict):
        raise InvalidInput(f"Invalid filter: {where} is no object")
    maker = _MAKERS.get(raw.get("type", ""))
    if maker is None:
        raise InvalidInput(f"Invalid filter: type of {where} must be one of {', '.join(_MAKERS)}")
    return maker(raw, where)


def _one_of(raw: dict[str, Any], name: str, allowed: dict[str, Any], where: str) -> Any:
    value = raw.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInput(f"Invalid filter: {name} of {where} must be one of {', '.join(allowed)}")
    return allowed[value]


def _of_type(raw: dict[str, Any], kind: Any, where: str) -> Any:
    value = raw.get("value")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidInput(f"Invalid filter: value of {where} does not fit its type")
    return value


def _texts(raw: dict[str, Any], where: str) -> list[str]:
    value = _of_type(raw, list, where)
    if not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"Invalid filter: value of {where} must be a list of texts")
    return list(value)


def _string(raw: dict[str, Any], where: str) -> Accepts:
    column = _one_of(raw, "column", _TEXT_COLUMNS, where)
    compare = _one_of(raw, "operator", _TEXTS, where)
    value = "" if raw["operator"] == "is not empty" else _of_type(raw, str, where)
    return lambda prompt: compare(column(prompt), value)


def _string_options(raw: dict[str, Any], where: str) -> Accepts:
    column = _one_of(raw, "column", _TEXT_COLUMNS, where)
    compare, wanted = _one_of(raw, "operator", _OPTIONS, where), _texts(raw, where)
    return lambda prompt: compare([column(prompt)], wanted)


def _number(raw: dict[str, Any], where: str) -> Accepts:
    if raw.get("column") != "version":
        raise InvalidInput(f"Invalid filter: column of {where} must be version")
    compare, value = _one_of(raw, "operator", _NUMBERS, where), _of_type(raw, int | float, where)
    return lambda prompt: compare(prompt.version, value)


def _datetime(raw: dict[str, Any], where: str) -> Accepts:
    column = _one_of(raw, "column", _TIME_COLUMNS, where)
    compare = _one_of(raw, "operator", _NUMBERS, where)
    try:
        nanos = iso_to_nanos(_of_type(raw, str, where))
    except ValueError:
        raise InvalidInput(
            f"Invalid filter: value of {where} must be an ISO-8601 time with an offset"
        ) from None
    return lambda prompt: compare(column(prompt), nanos)


def _array_options(raw: dict[str, Any], where: str) -> Accepts:
    column = _one_of(raw, "column", _LIST_COLUMNS, where)
    compare, wanted = _one_of(raw, "operator", _OPTIONS, where), _texts(raw, where)
    return lambda prompt: compare(column(prompt), wanted)


def _config(raw: dict[str, Any], where: str) -> Accepts:
    key = raw.get("key")
    if raw.get("column") != "config" or not isinstance(key, str) or not key:
        raise InvalidInput(f"Invalid filter: {where} needs the column config and a key")
    if raw.get("operator") in ("is set", "is not set"):
        is_set = raw["operator"] == "is set"
        return lambda prompt: (isinstance(prompt.config, dict) and key in prompt.config) == is_set
    compare, value = _one_of(raw, "operator", _TEXTS, where), _of_type(raw, str, where)

    def accepts(prompt: Prompt) -> bool:
        if not isinstance(prompt.config, dict) or key not in prompt.config:
            return False
        found = prompt.config[key]
        return bool(compare(found if isinstance(found, str) else orjson.dumps(found).decode(), value))

    return accepts


_MAKERS: dict[str, Callable[[dict[str, Any], str], Accepts]] = {
    "string": _string,
    "stringOptions": _string_options,
    "number": _number,
    "datetime": _datetime,
    "arrayOptions": _array_options,
    "stringObject": _config,
}
