"""What both versions of the routes share on the wire: mappings, conditions, models."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from lumenspan.evaluators import domain
from lumenspan.evaluators.domain import EvaluatorType, Source
from lumenspan.filters import Condition
from lumenspan_server.errors import ValidationFailed
from lumenspan_server.operations import Instant, StrictWire, Wire, decode

Texts = tuple[str, ...]
Comparison = Literal["=", ">", "<", ">=", "<="]
TextOperator = Literal["=", "contains", "does not contain", "starts with", "ends with"]
KeyOperator = Literal[
    "=", "contains", "does not contain", "starts with", "ends with", "is set", "is not set"
]
OptionOperator = Literal["any of", "none of"]


class MappingInput(StrictWire):
    """What fills a variable of the prompt."""

    variable: str
    source: Source
    json_path: str | None = None


class ReadMapping(Wire, omit_defaults=True):
    """What fills a variable; ``source`` is null where nobody chose one."""

    variable: str
    source: str | None
    json_path: str | None = None


class ModelConfig(StrictWire):
    """A model by the provider of an LLM connection."""

    provider: str
    model: str


class DatetimeFilter(Wire, tag_field="type", tag="datetime"):
    """No column is an instant now; old rules have some."""

    column: str
    operator: Comparison
    value: Instant


class StringFilter(Wire, tag_field="type", tag="string"):
    """A condition on a text."""

    column: str
    operator: TextOperator
    value: str


class NumberFilter(Wire, tag_field="type", tag="number"):
    """A condition on a number."""

    column: str
    operator: Comparison
    value: float


class StringOptionsFilter(Wire, tag_field="type", tag="stringOptions"):
    """A text is one of several."""

    column: str
    operator: OptionOperator
    value: Texts


class CategoryOptionsFilter(Wire, tag_field="type", tag="categoryOptions"):
    """A text under a key is one of several; only old rules have some."""

    column: str
    key: str
    operator: OptionOperator
    value: Texts


class ArrayOptionsFilter(Wire, tag_field="type", tag="arrayOptions"):
    """A list has some of several."""

    column: str
    operator: Literal["any of", "none of", "all of"]
    value: Texts


class StringObjectFilter(Wire, tag_field="type", tag="stringObject"):
    """A condition on the text under a key."""

    column: str
    key: str
    operator: KeyOperator
    value: str


class NumberObjectFilter(Wire, tag_field="type", tag="numberObject"):
    """A condition on the number under a key; only old rules have some."""

    column: str
    key: str
    operator: Comparison
    value: float


class BooleanFilter(Wire, tag_field="type", tag="boolean"):
    """A condition on what is true or false."""

    column: str
    operator: Literal["=", "<>"]
    value: bool


class NullFilter(Wire, tag_field="type", tag="null"):
    """Something is there or not; the value says nothing."""

    column: str
    operator: Literal["is null", "is not null"]
    value: str | None = ""


RuleFilter = (
    DatetimeFilter
    | StringFilter
    | NumberFilter
    | StringOptionsFilter
    | CategoryOptionsFilter
    | ArrayOptionsFilter
    | StringObjectFilter
    | NumberObjectFilter
    | BooleanFilter
    | NullFilter
)
_FILTERS: dict[str, Any] = {
    "datetime": DatetimeFilter,
    "string": StringFilter,
    "number": NumberFilter,
    "stringOptions": StringOptionsFilter,
    "categoryOptions": CategoryOptionsFilter,
    "arrayOptions": ArrayOptionsFilter,
    "stringObject": StringObjectFilter,
    "numberObject": NumberObjectFilter,
    "boolean": BooleanFilter,
    "null": NullFilter,
}
_WITH_KEY = frozenset({"categoryOptions", "stringObject", "numberObject"})
_TYPES = {class_: name for name, class_ in _FILTERS.items()}


class Kind(Wire):
    """What tells the bodies of one route apart."""

    type: str | UnsetType = UNSET


def read_kind(body: bytes, shapes: dict[EvaluatorType, Any], default: EvaluatorType | None) -> Struct:
    """The body in the shape of its ``type``.

    Raises:
        ValidationFailed: it does not fit, or has no such type.
    """
    given = decode(body, Kind).type
    type_ = default if given is UNSET else given
    if type_ not in shapes:
        message = f"Expected one of {', '.join(shapes)}"
        raise ValidationFailed(
            [{"code": "invalid_union_discriminator", "path": ["type"], "message": message}]
        )
    found: Struct = decode(body, shapes[EvaluatorType(type_)])
    return found


def to_mapping(given: Sequence[MappingInput] | None) -> tuple[domain.Mapping, ...] | None:
    """The mapping of a body."""
    if given is None:
        return None
    return tuple(domain.Mapping(each.variable, each.source, each.json_path or None) for each in given)


def of_mapping(mapping: Sequence[domain.Mapping]) -> tuple[ReadMapping, ...]:
    """A mapping in answers."""
    return tuple(ReadMapping(each.variable, each.source, each.json_path) for each in mapping)


def to_model(given: ModelConfig | None) -> domain.ModelChoice | None:
    """The model of a body."""
    return None if given is None else domain.ModelChoice(given.provider, given.model)


def of_model(model: domain.ModelChoice | None) -> ModelConfig | None:
    """A model in answers."""
    return None if model is None else ModelConfig(provider=model.provider, model=model.model)


def to_conditions(given: Sequence[RuleFilter] | None) -> tuple[Condition, ...]:
    """The conditions of a body; none stands for no condition."""
    return tuple(
        Condition(
            _TYPES[type(each)],
            each.column,
            each.operator,
            "" if each.value is None else each.value,
            getattr(each, "key", ""),
        )
        for each in given or ()
    )


def of_conditions(conditions: Sequence[Condition]) -> tuple[RuleFilter, ...]:
    """Conditions in answers, as they were given."""
    found = []
    for each in conditions:
        key = {"key": each.key} if each.type in _WITH_KEY else {}
        class_ = _FILTERS[each.type]
        found.append(class_(column=each.column, operator=each.operator, value=each.value, **key))
    return tuple(found)


PositiveLimit = Annotated[int, Meta(ge=1, le=100)]


class CursorQuery(Wire):
    """``limit`` and where the page before ended."""

    limit: PositiveLimit = 50
    cursor: str | None = None
