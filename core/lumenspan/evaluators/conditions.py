"""The conditions of evaluation rules: which columns there are and what may be asked of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lumenspan.errors import InvalidInput
from lumenspan.evaluators.rules import Target
from lumenspan.filters import Condition

MAX_CONDITIONS, MAX_VALUES, MAX_TEXT = 100, 1_000, 10_000
OBSERVATION_TYPES = (
    "SPAN",
    "EVENT",
    "GENERATION",
    "AGENT",
    "TOOL",
    "CHAIN",
    "RETRIEVER",
    "EVALUATOR",
    "EMBEDDING",
    "GUARDRAIL",
)
LEVELS = ("DEBUG", "DEFAULT", "WARNING", "ERROR")
_TEXT_OPERATORS = ("=", "contains", "does not contain", "starts with", "ends with")
_OPERATORS: dict[str, tuple[str, ...]] = {
    "string": _TEXT_OPERATORS,
    "number": ("=", ">", "<", ">=", "<="),
    "stringOptions": ("any of", "none of"),
    "arrayOptions": ("any of", "none of", "all of"),
    "stringObject": (*_TEXT_OPERATORS, "is set", "is not set"),
    "boolean": ("=", "<>"),
    "null": ("is null", "is not null"),
}


@dataclass(frozen=True, slots=True)
class _Column:
    """The one type of conditions on a column, and the values that it can have, none for any."""

    type: str
    values: tuple[str, ...] = ()


_OBSERVATION = {
    "type": _Column("stringOptions", OBSERVATION_TYPES),
    "name": _Column("stringOptions"),
    "environment": _Column("stringOptions"),
    "level": _Column("stringOptions", LEVELS),
    "version": _Column("string"),
    "traceName": _Column("stringOptions"),
    "userId": _Column("string"),
    "sessionId": _Column("string"),
    "tags": _Column("arrayOptions"),
    "metadata": _Column("stringObject"),
    "isRootObservation": _Column("boolean"),
    "parentObservationId": _Column("null"),
    "calledToolNames": _Column("arrayOptions"),
    "toolCalls": _Column("number"),
}
DATASET = "datasetId"
_IS_ITEM = "isExperimentItemRootSpan"
_EXPERIMENT = {DATASET: _Column("stringOptions")}
_EVERY = (
    _OBSERVATION | _EXPERIMENT | {"experimentId": _Column("stringOptions"), _IS_ITEM: _Column("boolean")}
)
_ALIASES = {"experimentDatasetId": DATASET}
_SCOPE = Condition("boolean", _IS_ITEM, "=", True)


def check(conditions: Sequence[Condition], target: Target | None) -> tuple[Condition, ...]:
    """The conditions with one name a column.

    Args:
        target: whose columns there are; None for those of both.

    Raises:
        InvalidInput: ``invalid_filter_value`` with the column, and what it may be asked.
    """
    columns = {Target.OBSERVATION: _OBSERVATION, Target.EXPERIMENT: _EXPERIMENT}.get(
        target or Target.TRACE, _EVERY
    )
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidInput(
            f"A filter has at most {MAX_CONDITIONS} conditions",
            reason="invalid_filter_value",
            details={"field": "filter"},
        )
    return tuple(_checked(each, columns, f"filter[{at}]") for at, each in enumerate(conditions))


def target_of(conditions: Sequence[Condition]) -> Target:
    """EXPERIMENT where only observations that experiments make of items fulfil the conditions."""
    is_item = any(
        each.column == _IS_ITEM and (each.operator == "=") == (each.value is True) for each in conditions
    )
    return Target.EXPERIMENT if is_item else Target.OBSERVATION


def scoped(conditions: Sequence[Condition], target: Target) -> tuple[Condition, ...]:
    """The conditions with the one that keeps to the target."""
    kept = unscoped(conditions)
    return (_SCOPE, *kept) if target is Target.EXPERIMENT else kept


def unscoped(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions without those that only say the target."""
    return tuple(each for each in conditions if each.column != _IS_ITEM)


def datasets_in(conditions: Sequence[Condition]) -> list[str]:
    """Ids of the datasets that checked conditions name, each once."""
    return list(dict.fromkeys(id_ for each in conditions if each.column == DATASET for id_ in each.value))


def _checked(each: Condition, columns: dict[str, _Column], field: str) -> Condition:
    each = replace(each, column=_ALIASES.get(each.column, each.column))
    column = columns.get(each.column)
    if column is None:
        raise _refused(each, f"{field}.column", "the column cannot be filtered by", columns)
    if each.type != column.type:
        raise _refused(each, f"{field}.type", "the type of the condition does not fit", [column.type])
    operators = _OPERATORS[column.type]
    if each.operator not in operators:
        raise _refused(each, f"{field}.operator", "the operator does not fit", operators)
    if column.type == "stringObject" and not _is_text(each.key, least=1):
        raise _refused(each, f"{field}.key", "a key is needed")
    if column.type in ("stringOptions", "arrayOptions"):
        return _with_options(each, column, f"{field}.value")
    if column.type == "null":
        return replace(each, value="", key="")
    if not _fits(column.type, each.value):
        raise _refused(each, f"{field}.value", "the value does not fit its type")
    return each if column.type == "stringObject" else replace(each, key="")


def _with_options(each: Condition, column: _Column, field: str) -> Condition:
    values = each.value
    is_list = isinstance(values, list | tuple) and all(_is_text(value) for value in values)
    if not is_list or not 1 <= len(values) <= MAX_VALUES:
        raise _refused(each, field, f"the value is a list of 1 to {MAX_VALUES:,} texts", column.values)
    if column.values and (wrong := [value for value in values if value not in column.values]):
        raise _refused(each, field, "there are no such values", column.values, wrong)
    return replace(each, value=tuple(values), key="")


def _fits(type_: str, value: object) -> bool:
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_ == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return _is_text(value)


def _is_text(value: object, least: int = 0) -> bool:
    return isinstance(value, str) and least <= len(value) <= MAX_TEXT and "\0" not in value


def unknown_datasets(ids: Sequence[str]) -> InvalidInput:
    """The error that conditions name datasets that the project does not have."""
    return InvalidInput(
        "The filter names datasets that are not there; it takes the ids of GET /api/public/v2/datasets",
        reason="invalid_filter_value",
        details={"field": "filter", "column": DATASET, "invalidValues": list(ids)[:20]},
    )


def _refused(
    each: Condition,
    field: str,
    why: str,
    allowed: Sequence[str] | dict[str, _Column] = (),
    wrong: Sequence[str] = (),
) -> InvalidInput:
    details: dict[str, object] = {"field": field, "column": each.column[:100]}
    if allowed:
        details["allowedValues"] = list(allowed)
    if wrong:
        details["invalidValues"] = [value[:100] for value in wrong[:20]]
    return InvalidInput(
        f"Invalid filter on '{each.column[:100]}': {why}", reason="invalid_filter_value", details=details
    )
