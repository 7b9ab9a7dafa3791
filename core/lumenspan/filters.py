"""The filter grammar of the public API (contract, section 1.7): JSON conditions, and how they become SQL.

A noun says which columns can be asked about and how each is expressed; this module knows no noun. Values
only ever become typed parameters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from lumenspan.clock import LAST_NANOS, iso_to_nanos
from lumenspan.errors import InvalidInput

_MAX_CONDITIONS = 100
_MAX_VALUES = 10_000

_COMPARISONS = {"=": "=", ">": ">", "<": "<", ">=": ">=", "<=": "<="}
# What parameters may ask for besides.
_ALL_COMPARISONS = _COMPARISONS | {"!=": "!="}
_EQUALITY = {"=": "=", "<>": "!="}
_STRING_OPERATORS = frozenset({"=", "contains", "does not contain", "starts with", "ends with", "matches"})
_OPTION_OPERATORS = frozenset({"any of", "none of"})

OPERATORS: dict[str, frozenset[str]] = {
    "datetime": frozenset({">", "<", ">=", "<="}),
    "string": _STRING_OPERATORS,
    "number": frozenset(_COMPARISONS),
    "stringOptions": _OPTION_OPERATORS,
    "categoryOptions": _OPTION_OPERATORS,
    "arrayOptions": frozenset({"any of", "none of", "all of"}),
    "stringObject": _STRING_OPERATORS,
    "numberObject": frozenset(_COMPARISONS),
    "booleanObject": frozenset(_EQUALITY),
    "boolean": frozenset(_EQUALITY),
    "null": frozenset({"is null", "is not null"}),
}
_PLAIN: tuple[tuple[tuple[str, ...], type, str], ...] = (
    (("boolean", "booleanObject"), bool, "true or false"),
    (("string", "stringObject"), str, "text"),
)
_WITH_KEY = frozenset({"categoryOptions", "stringObject", "numberObject", "booleanObject"})
# Runs of letters and digits as the store's token functions cut them: what is not ASCII belongs to a run.
_TOKENS = re.compile(r"[0-9a-z\u0080-\U0010ffff]+")


class Kind(StrEnum):
    """What a column holds, and so which condition types fit it."""

    STRING = "string"
    TEXT = "text"
    NUMBER = "number"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    STRINGS = "strings"
    MAP = "map"
    SCORE_NUMBERS = "score numbers"
    SCORE_CATEGORIES = "score categories"
    SCORE_BOOLEANS = "score booleans"


TYPES_OF: dict[Kind, frozenset[str]] = {
    Kind.STRING: frozenset({"string", "stringOptions", "null"}),
    Kind.TEXT: frozenset({"string"}),
    Kind.NUMBER: frozenset({"number", "null"}),
    Kind.DATETIME: frozenset({"datetime", "null"}),
    Kind.BOOLEAN: frozenset({"boolean"}),
    Kind.STRINGS: frozenset({"arrayOptions", "null"}),
    Kind.MAP: frozenset({"stringObject", "numberObject", "categoryOptions"}),
    Kind.SCORE_NUMBERS: frozenset({"numberObject"}),
    Kind.SCORE_CATEGORIES: frozenset({"categoryOptions"}),
    Kind.SCORE_BOOLEANS: frozenset({"booleanObject"}),
}
_MATCHABLE = frozenset({Kind.TEXT, Kind.MAP})


@dataclass(frozen=True, slots=True)
class Column:
    """A column that conditions may name.

    Attributes:
        kind: of scores by name only the noun that has them writes the SQL.
        expression: SQL of its value; NULL, ``''`` or ``[]`` where there is none.
        canonical: one name for all its aliases.
    """

    kind: Kind
    expression: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, checked for itself: its type is known, its operator and value fit the type."""

    type: str
    column: str
    operator: str
    value: Any = ""
    key: str = ""


def any_of(column: str, values: tuple[str, ...]) -> list[Condition]:
    """That a text is one of several; no condition where none are given."""
    return [Condition("stringOptions", column, "any of", values)] if values else []


def within(column: str, from_ns: int | None, to_ns: int | None) -> list[Condition]:
    """That an instant lies in [``from_ns``, ``to_ns``), nanoseconds; None leaves that end open."""
    bounds = ((">=", from_ns), ("<", to_ns))
    return [
        Condition("datetime", column, operator, int(bound))
        for operator, bound in bounds
        if bound is not None
    ]


def parse_conditions(text: str) -> list[Condition]:
    """The conditions of a ``filter`` parameter; empty text is no condition.

    Raises:
        InvalidInput: no JSON, no list, or a condition that does not fit the grammar.
    """
    if not text:
        return []
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidInput("Invalid JSON in filter parameter") from None
    return check_conditions(raw)


def check_conditions(raw: Any) -> list[Condition]:
    """The conditions of a decoded JSON value.

    Raises:
        InvalidInput: no list, or a condition that does not fit the grammar.
    """
    if not isinstance(raw, list):
        raise InvalidInput("Invalid filter: it is a JSON array of conditions")
    if len(raw) > _MAX_CONDITIONS:
        raise InvalidInput(f"Invalid filter: at most {_MAX_CONDITIONS} conditions")
    return [_condition(each, f"condition {number}") for number, each in enumerate(raw, 1)]


def _condition(raw: Any, where: str) -> Condition:
    if not isinstance(raw, dict):
        raise InvalidInput(f"Invalid filter: {where} is no object")
    type_, column, operator = raw.get("type"), raw.get("column"), raw.get("operator")
    if not isinstance(type_, str) or type_ not in OPERATORS:
        raise InvalidInput(f"Invalid filter: type of {where} must be one of {', '.join(OPERATORS)}")
    if not isinstance(column, str) or not column:
        raise InvalidInput(f"Invalid filter: {where} names no column")
    if operator not in OPERATORS[type_]:
        allowed = ", ".join(sorted(OPERATORS[type_]))
        raise InvalidInput(f"Invalid filter: operator of {where} must be one of {allowed}")
    key = raw.get("key", "")
    if type_ in _WITH_KEY and (not isinstance(key, str) or not key):
        raise InvalidInput(f"Invalid filter: {where} needs a key")
    return Condition(type_, column, operator, _value(type_, raw.get("value"), where), key or "")


def _value(type_: str, value: Any, where: str) -> Any:
    """The value as the type wants it: nanoseconds for a datetime."""
    if type_ == "null":
        return ""
    if type_ == "datetime":
        return _nanos(value, where)
    if type_ in ("number", "numberObject"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"Invalid filter: value of {where} must be a number")
        return _finite(value, where)
    for types, class_, wanted in _PLAIN:
        if type_ in types:
            if not isinstance(value, class_):
                raise InvalidInput(f"Invalid filter: value of {where} must be {wanted}")
            return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"Invalid filter: value of {where} must be a list of texts")
    if len(value) > _MAX_VALUES:
        raise InvalidInput(f"Invalid filter: value of {where} has more than {_MAX_VALUES} entries")
    return tuple(value)


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInput(f"Invalid filter: value of {where} must be a number")
    return number


def _nanos(value: Any, where: str) -> int:
    try:
        nanos = iso_to_nanos(value) if isinstance(value, str) else -1
    except ValueError:
        nanos = -1
    if not 0 <= nanos <= LAST_NANOS:
        raise InvalidInput(f"Invalid filter: value of {where} must be an ISO-8601 time with an offset")
    return nanos


def find_column(columns: Mapping[str, Column], condition: Condition) -> Column:
    """The column that a condition names.

    Raises:
        InvalidInput: there is none, or the condition's type or operator does not fit it.
    """
    column = columns.get(condition.column)
    if column is None:
        raise InvalidInput(f"Column {condition.column} does not match a UI / CH table mapping.")
    if condition.type not in TYPES_OF[column.kind]:
        raise InvalidInput(f"Invalid filter type {condition.type} for column {condition.column}")
    if condition.operator == "matches":
        if column.kind not in _MATCHABLE:
            raise InvalidInput(f"Operator matches is not supported on column {condition.column}")
        if not _tokens(condition.value):
            raise InvalidInput("A value for matches needs at least one letter or digit")
    return column


def without_overridden(
    simple: Iterable[Condition], conditions: Iterable[Condition], columns: Mapping[str, Column]
) -> list[Condition]:
    """``conditions`` and those of ``simple`` whose column no condition touches: the filter wins.

    Raises:
        InvalidInput: see ``find_column``.
    """
    given = list(conditions)
    touched = {find_column(columns, condition).canonical for condition in given}
    return given + [each for each in simple if find_column(columns, each).canonical not in touched]


def to_sql(
    conditions: Iterable[Condition], columns: Mapping[str, Column], prefix: str = "filter"
) -> tuple[list[str], dict[str, Any]]:
    """Texts that must all hold, and their parameters, whose names begin with ``prefix``.

    Raises:
        InvalidInput: see ``find_column``.
    """
    texts: list[str] = []
    params: dict[str, Any] = {}
    for number, condition in enumerate(conditions):
        column = find_column(columns, condition)
        name = f"{prefix}_{number}"
        texts.append(_WRITERS[condition.type](column, condition, name, params))
    return texts, params


def _tokens(value: str) -> list[str]:
    return _TOKENS.findall(value.lower())


def _datetime(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    params[name] = condition.value
    return f"{column.expression} {condition.operator} fromUnixTimestamp64Nano({{{name}:Int64}}, 'UTC')"


def _number(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    params[name] = condition.value
    return f"{column.expression} {_ALL_COMPARISONS[condition.operator]} {{{name}:Float64}}"


def _boolean(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    params[name] = int(condition.value)
    return f"toUInt8({column.expression}) {_EQUALITY[condition.operator]} {{{name}:UInt8}}"


def _null(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    is_null = condition.operator == "is null"
    if column.kind in (Kind.STRING, Kind.STRINGS):
        return f"{'' if is_null else 'NOT '}empty({column.expression})"
    return f"{column.expression} {'IS NULL' if is_null else 'IS NOT NULL'}"


def _string(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    is_cased = column.kind is not Kind.TEXT
    return _text_condition(column.expression, condition, name, params, is_cased=is_cased)


def _text_condition(
    expression: str, condition: Condition, name: str, params: dict[str, Any], *, is_cased: bool
) -> str:
    """A string operator; ``is_cased`` only concerns ``matches``, all others mind the case."""
    params[name] = condition.value
    value = f"{{{name}:String}}"
    match condition.operator:
        case "=":
            return f"{expression} = {value}"
        case "contains":
            return f"position({expression}, {value}) > 0"
        case "does not contain":
            return f"position({expression}, {value}) = 0"
        case "starts with":
            return f"startsWith({expression}, {value})"
        case "ends with":
            return f"endsWith({expression}, {value})"
    lowered = f"lowerUTF8({expression})"
    found = f"position({expression}, {value}) > 0"
    if not is_cased:
        params[name] = condition.value.lower()
        found = f"position({lowered}, {value}) > 0"
    texts = [found]
    for number, token in enumerate(_tokens(condition.value)):
        params[f"{name}_{number}"] = token
        texts.append(f"hasToken({lowered}, {{{name}_{number}:String}})")
    return f"({' AND '.join(texts)})"


def _options(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    is_any = condition.operator == "any of"
    if not condition.value:
        return "0" if is_any else "1"
    params[name] = list(condition.value)
    return f"{column.expression} {'IN' if is_any else 'NOT IN'} {{{name}:Array(String)}}"


def _array(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
    params[name] = list(condition.value)
    function, negation = {
        "any of": ("hasAny", ""),
        "none of": ("hasAny", "NOT "),
        "all of": ("hasAll", ""),
    }[condition.operator]
    return f"{negation}{function}({column.expression}, {{{name}:Array(String)}})"


_Writer = Callable[[Column, Condition, str, dict[str, Any]], str]


def _keyed(inner: _Writer, wrap: str = "{}") -> _Writer:
    """A condition on the value of a key; where the key is missing it never holds."""

    def write(column: Column, condition: Condition, name: str, params: dict[str, Any]) -> str:
        params[f"{name}_key"] = condition.key
        key = f"{{{name}_key:String}}"
        value = Column(Kind.STRING, wrap.format(f"({column.expression})[{key}]"), column.canonical)
        return f"(mapContains({column.expression}, {key}) AND {inner(value, condition, name, params)})"

    return write


_WRITERS: dict[str, _Writer] = {
    "datetime": _datetime,
    "string": _string,
    "number": _number,
    "stringOptions": _options,
    "categoryOptions": _keyed(_options),
    "arrayOptions": _array,
    "stringObject": _keyed(_string),
    "numberObject": _keyed(_number, "toFloat64OrNull({})"),
    "booleanObject": _keyed(_boolean, "({} = 'true')"),
    "boolean": _boolean,
    "null": _null,
}
