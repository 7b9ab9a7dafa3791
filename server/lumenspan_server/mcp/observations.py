"""Tools of observations, and what they can be filtered by."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from lumenspan.cursors import encode_cursor, number_and_id
from lumenspan.errors import NotFound
from lumenspan.filters import OPERATORS, TYPES_OF, Condition, any_of, within
from lumenspan.observations.domain import Level, Observation, ObservationPosition, ObservationType
from lumenspan.observations.filters import COLUMNS
from lumenspan.observations.values import NAMES
from lumenspan_server.mcp import observation_fields as fields
from lumenspan_server.mcp.conditions import Filter, conditions_of
from lumenspan_server.mcp.tools import (
    DEFAULT_DAYS,
    Arguments,
    BadArguments,
    Call,
    Instant,
    Limit,
    Nothing,
    Tool,
    default_start,
    nanos,
    tool,
)

TOOLS: list[Tool] = []

_EQUAL = (
    ("name", "name"),
    ("user_id", "userId"),
    ("session_id", "sessionId"),
    ("trace_id", "traceId"),
    ("version", "version"),
    ("type", "type"),
    ("level", "level"),
    ("parent_observation_id", "parentObservationId"),
)
# One of these keeps what has to be read of input, output and metadata within bounds.
_NARROWING = frozenset({"name", "userId", "sessionId", "traceId", "parentObservationId", "startTime", "id"})
_Cursor = Annotated[str, Meta(description="meta.cursor of the page before")]
_Fields = Annotated[
    tuple[str, ...],
    Meta(
        description="Fields or groups of fields, see getObservationFieldSchema; input, output and "
        "metadata are only answered where they are named"
    ),
]
_Keys = Annotated[
    tuple[str, ...],
    Meta(max_length=100, description="Keys of metadata whose values are answered in full, not cut at 200"),
]


class ListObservations(Arguments):
    """Which observations, and what of them."""

    fields: _Fields | None = None
    expand_metadata_keys: _Keys | None = None
    limit: Limit = 50
    cursor: _Cursor | None = None
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    version: str | None = None
    type: ObservationType | None = None
    level: Level | None = None
    environment: tuple[str, ...] | None = None
    parent_observation_id: str | None = None
    is_root_observation: bool | None = None
    has_parent_observation: bool | None = None
    from_start_time: Instant | None = None
    to_start_time: Instant | None = None
    filter: Filter | None = None


class GetObservation(Arguments):
    """Which observation, and what of it."""

    observation_id: Annotated[str, Meta(min_length=1)]
    fields: _Fields | None = None
    expand_metadata_keys: _Keys | None = None


class FilterValues(Arguments):
    """Values of which column, among which observations."""

    column: Annotated[str, Meta(description=f"One of {', '.join(NAMES)}")]
    from_start_time: (
        Annotated[Instant, Meta(description=f"Without it, {DEFAULT_DAYS} days before the end")] | None
    ) = None
    to_start_time: Instant | None = None
    observation_type: ObservationType | None = None
    is_root_observation: bool | None = None
    has_parent_observation: bool | None = None
    limit: Limit = 50
    cursor: _Cursor | None = None


@tool(
    TOOLS,
    "listObservations",
    "Observations (spans, generations, events …) of the project, newest first. Input, output and metadata "
    "need a filter that narrows: by trace, session, user, name, parent, or time",
    is_read_only=True,
)
async def list_observations(call: Call, given: ListObservations) -> Any:
    wanted = fields.wanted(given.fields)
    keys = given.expand_metadata_keys or ()
    conditions = [*_simple(given), *conditions_of(given.filter)]
    if wanted & fields.WIDE and not any(each.column in _NARROWING for each in conditions):
        raise BadArguments(
            f"{', '.join(sorted(wanted & fields.WIDE))} need a filter on one of "
            f"{', '.join(sorted(_NARROWING))}"
        )
    position = ObservationPosition.of_cursor(given.cursor or "")
    page = await call.services.observations.search(
        call.project_id, conditions, given.limit, position, fields.parts(wanted, keys)
    )
    meta = {}
    if page.has_more:
        meta["cursor"] = page.observations[-1].position.cursor
    return {"data": await _rows(call, page.observations, wanted, keys), "meta": meta}


def _simple(given: ListObservations) -> list[Condition]:
    found = [
        Condition("string", column, "=", str(value))
        for name, column in _EQUAL
        if (value := getattr(given, name)) is not None
    ]
    return [*found, *any_of("environment", given.environment or ()), *_shape(given), *_times(given)]


def _shape(given: ListObservations | FilterValues) -> list[Condition]:
    return [
        Condition("boolean", column, "=", value)
        for column, value in (
            ("isRootObservation", given.is_root_observation),
            ("hasParentObservation", given.has_parent_observation),
        )
        if value is not None
    ]


def _times(given: ListObservations | FilterValues) -> list[Condition]:
    since, until = nanos(given.from_start_time, "fromStartTime"), nanos(given.to_start_time, "toStartTime")
    return within("startTime", since, until)


async def _rows(
    call: Call, observations: list[Observation], wanted: frozenset[str], keys: tuple[str, ...]
) -> list[dict[str, Any]]:
    ids = [each.pricing.model_id for each in observations] if wanted & fields.PRICED else []
    prices = await call.services.models.default_prices(call.project_id, ids)
    return [fields.row(each, wanted, keys, prices) for each in observations]


@tool(TOOLS, "getObservation", "One observation by its id", is_read_only=True)
async def get_observation(call: Call, given: GetObservation) -> Any:
    wanted, keys = fields.wanted(given.fields), given.expand_metadata_keys or ()
    by_id = [Condition("string", "id", "=", given.observation_id)]
    page = await call.services.observations.search(
        call.project_id, by_id, 1, None, fields.parts(wanted, keys)
    )
    if not page.observations:
        raise NotFound("Observation not found within authorized project")
    return (await _rows(call, page.observations, wanted, keys))[0]


@tool(TOOLS, "getObservationFieldSchema", "The fields of observations by group", is_read_only=True)
async def get_field_schema(call: Call, given: Nothing) -> Any:
    return {"fields": fields.described(), "groups": sorted(fields.GROUPS)}


@tool(
    TOOLS,
    "getObservationFilterSchema",
    "The columns that filters of observations may name, with the types and operators of each",
    is_read_only=True,
)
async def get_filter_schema(call: Call, given: Nothing) -> Any:
    return {
        "columns": [
            {
                "column": name,
                "kind": column.kind,
                "types": {type_: sorted(OPERATORS[type_]) for type_ in sorted(TYPES_OF[column.kind])},
                "hasListedValues": name in NAMES,
            }
            for name, column in COLUMNS.items()
        ]
    }


@tool(
    TOOLS,
    "getObservationFilterValues",
    "The values that a column has, the most frequent first; "
    f"of the last {DEFAULT_DAYS} days where no time is given",
    is_read_only=True,
)
async def get_filter_values(call: Call, given: FilterValues) -> Any:
    if given.column not in NAMES:
        raise BadArguments(f"column must be one of {', '.join(NAMES)}")
    until = nanos(given.to_start_time, "toStartTime")
    conditions = [*_times(given), *_shape(given)]
    if given.from_start_time is None:
        conditions += within("startTime", default_start(until), None)
    if given.observation_type is not None:
        conditions.append(Condition("string", "type", "=", given.observation_type.value))
    position = number_and_id(given.cursor or None)
    page = await call.services.observation_values.page(
        call.project_id, given.column, conditions, given.limit, position
    )
    meta = {}
    if page.has_more:
        last = page.values[-1]
        text = str(int(last.value)) if isinstance(last.value, bool) else last.value
        meta["cursor"] = encode_cursor((last.count, text))
    rows = [{"value": each.value, "count": each.count} for each in page.values]
    kind: Literal["boolean", "string"] = "boolean" if COLUMNS[given.column].kind == "boolean" else "string"
    return {"column": given.column, "type": kind, "data": rows, "meta": meta}
