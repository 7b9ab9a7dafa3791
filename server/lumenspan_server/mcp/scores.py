"""Tools of scores and their configs."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lumenspan.cursors import encode_cursor, number_and_id
from lumenspan.filters import Condition, any_of, within
from lumenspan.ingest.events.frame import EVENTS
from lumenspan.ingest.events.schema import InvalidEvent
from lumenspan.scores.domain import Category, DataType, ScoreConfigChange, ScoreSource
from lumenspan_server.mcp.tools import (
    Arguments,
    BadArguments,
    Call,
    Instant,
    Limit,
    Paged,
    Tool,
    nanos,
    page_of,
    tool,
)
from lumenspan_server.otel.intake import frame_header
from lumenspan_server.scores.rows import to_config_row, to_row, to_v3_row

TOOLS: list[Tool] = []

_Id = Annotated[str, Meta(min_length=1)]
_Texts = Annotated[tuple[str, ...], Meta(max_length=100)]
_LISTS = ("id", "name", "environment", "config_id", "queue_id", "author_user_id", "source", "data_type")
_SUBJECTS = {"trace_id": "traceId", "session_id": "sessionId", "experiment_id": "datasetRunId"}


class CreateScore(Arguments):
    """A score of exactly one of a trace, an observation of it, a session and a dataset run."""

    name: Annotated[str, Meta(min_length=1, description="Of the config, where one is named")]
    value: Annotated[
        int | float | str,
        Meta(description="Number of NUMERIC, 0 or 1 of BOOLEAN, else a text"),
    ]
    id: Annotated[str, Meta(description="An id of your own: the same again is an update")] | None = None
    data_type: DataType | None = None
    trace_id: str | None = None
    observation_id: Annotated[str, Meta(description="Needs traceId")] | None = None
    session_id: str | None = None
    dataset_run_id: str | None = None
    comment: Annotated[str, Meta(description="Why")] | None = None
    metadata: dict[str, Any] | None = None
    environment: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    source: Literal["API", "ANNOTATION"] | None = None
    timestamp: Instant | None = None


class GetScore(Arguments):
    """Which score."""

    score_id: _Id


class ListScores(Arguments):
    """Which scores; each list is of values of which one has to fit."""

    id: _Texts | None = None
    name: _Texts | None = None
    environment: _Texts | None = None
    config_id: _Texts | None = None
    queue_id: _Texts | None = None
    author_user_id: _Texts | None = None
    source: tuple[ScoreSource, ...] | None = None
    data_type: tuple[DataType, ...] | None = None
    trace_id: _Texts | None = None
    session_id: _Texts | None = None
    experiment_id: _Texts | None = None
    observation_id: Annotated[_Texts, Meta(description="Needs traceId")] | None = None
    value: (
        Annotated[
            tuple[int | float | str | bool, ...],
            Meta(max_length=100, description="Needs a single dataType: NUMERIC, BOOLEAN or CATEGORICAL"),
        ]
        | None
    ) = None
    value_min: Annotated[float, Meta(description="Needs dataType [NUMERIC]")] | None = None
    value_max: Annotated[float, Meta(description="Needs dataType [NUMERIC]")] | None = None
    from_timestamp: Instant | None = None
    to_timestamp: Instant | None = None
    fields: (
        Annotated[
            tuple[Literal["core", "details", "subject", "annotation"], ...],
            Meta(description="Groups of fields to answer besides core"),
        ]
        | None
    ) = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(description="meta.cursor of the page before")] | None = None


class ConfigCategory(Arguments):
    """A category and the number it stands for."""

    label: str
    value: float


class CreateConfig(Arguments):
    """A score config to make."""

    name: Annotated[str, Meta(min_length=1, max_length=35)]
    data_type: DataType
    min_value: Annotated[float, Meta(description="Of NUMERIC")] | None = None
    max_value: Annotated[float, Meta(description="Of NUMERIC")] | None = None
    categories: (
        Annotated[tuple[ConfigCategory, ...], Meta(max_length=1_000, description="Of CATEGORICAL")] | None
    ) = None
    description: str | None = None


class ConfigById(Arguments):
    """Which score config."""

    config_id: _Id


class UpdateConfig(ConfigById):
    """What is to change; what is not given stays."""

    name: Annotated[str, Meta(min_length=1, max_length=35)] | None = None
    is_archived: bool | None = None
    min_value: float | None = None
    max_value: float | None = None
    categories: Annotated[tuple[ConfigCategory, ...], Meta(max_length=1_000)] | None = None
    description: str | None = None


@tool(TOOLS, "createScore", "Score a trace, an observation, a session or a dataset run")
async def create_score(call: Call, given: CreateScore) -> Any:
    body = msgspec.json.encode(
        {name: value for name, value in msgspec.to_builtins(given).items() if value is not None}
    )
    header = frame_header(call.principal, EVENTS, call.headers)
    _, results = await call.services.events.scores(header, body)
    if isinstance(results[0], InvalidEvent):
        raise BadArguments(results[0].message.replace("`$.body", "`$"))
    return {"id": results[0]}


@tool(TOOLS, "getScore", "One score by its id", is_read_only=True)
async def get_score(call: Call, given: GetScore) -> Any:
    return to_row(await call.services.scores.get(call.project_id, given.score_id))


@tool(TOOLS, "listScores", "Scores of the project, newest first", is_read_only=True)
async def list_scores(call: Call, given: ListScores) -> Any:
    position = number_and_id(given.cursor or None)
    scores, has_more = await call.services.scores.after(
        call.project_id, _conditions(given), given.limit, position
    )
    meta: dict[str, Any] = {"limit": given.limit}
    if has_more:
        meta["cursor"] = encode_cursor((scores[-1].timestamp_ns, scores[-1].id))
    groups = frozenset(given.fields or ())
    return {"data": [to_v3_row(score, groups) for score in scores], "meta": meta}


def _conditions(given: ListScores) -> list[Condition]:
    columns = {name: _camel(name) for name in _LISTS} | _SUBJECTS
    found = [
        each
        for name, column in columns.items()
        for each in any_of(column, tuple(str(value) for value in getattr(given, name) or ()))
    ]
    subjects = [_camel(name) for name in _SUBJECTS if getattr(given, name)]
    if len(subjects) > 1:
        raise BadArguments(f"{' and '.join(subjects)} exclude each other")
    if given.observation_id:
        if not given.trace_id:
            raise BadArguments("observationId needs traceId")
        found += any_of("observationId", given.observation_id)
    since, until = nanos(given.from_timestamp, "fromTimestamp"), nanos(given.to_timestamp, "toTimestamp")
    return found + within("timestamp", since, until) + _values(given)


def _values(given: ListScores) -> list[Condition]:
    types = given.data_type or ()
    found: list[Condition] = []
    for name, operator, bound in (("valueMin", ">=", given.value_min), ("valueMax", "<=", given.value_max)):
        if bound is not None:
            if types != (DataType.NUMERIC,):
                raise BadArguments(f"{name} needs dataType [NUMERIC]")
            found.append(Condition("number", "value", operator, bound))
    values = given.value
    if not values:
        return found
    if types == (DataType.CATEGORICAL,) and all(isinstance(value, str) for value in values):
        return found + any_of("stringValue", tuple(str(value) for value in values))
    if types == (DataType.BOOLEAN,) and all(isinstance(value, bool) for value in values):
        is_one = len(set(values)) == 1
        return [*found, Condition("boolean", "booleanValue", "=", values[0])] if is_one else found
    is_number = len(values) == 1 and isinstance(values[0], int | float) and not isinstance(values[0], bool)
    if types == (DataType.NUMERIC,) and is_number:
        return [*found, Condition("number", "value", "=", float(values[0]))]
    raise BadArguments(
        "value needs a single dataType: one number of NUMERIC, true or false of BOOLEAN, "
        "texts of CATEGORICAL"
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)


@tool(TOOLS, "createScoreConfig", "Define a score: its name, type, limits or categories")
async def create_config(call: Call, given: CreateConfig) -> Any:
    made = await call.services.score_configs.create(
        call.project_id,
        given.name,
        given.data_type,
        min_value=given.min_value,
        max_value=given.max_value,
        categories=_categories(given.categories),
        description=given.description,
    )
    return to_config_row(made)


@tool(TOOLS, "listScoreConfigs", "Score configs of the project, newest first", is_read_only=True)
async def list_configs(call: Call, given: Paged) -> Any:
    found, total = await call.services.score_configs.page(call.project_id, given.page, given.limit)
    return page_of([to_config_row(each) for each in found], given, total)


@tool(TOOLS, "getScoreConfig", "One score config", is_read_only=True)
async def get_config(call: Call, given: ConfigById) -> Any:
    return to_config_row(await call.services.score_configs.get(call.project_id, given.config_id))


@tool(
    TOOLS,
    "updateScoreConfig",
    "Change a score config, or take it out of the archive",
    is_destructive=True,
    is_idempotent=True,
)
async def update_config(call: Call, given: UpdateConfig) -> Any:
    change = ScoreConfigChange(
        name=given.name,
        is_archived=given.is_archived,
        min_value=given.min_value,
        max_value=given.max_value,
        categories=_categories(given.categories),
        description=given.description,
    )
    changed = await call.services.score_configs.update(call.project_id, given.config_id, change)
    return to_config_row(changed)


@tool(
    TOOLS,
    "deleteScoreConfig",
    "Archive a score config: scores that it defined stay",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_config(call: Call, given: ConfigById) -> Any:
    change = ScoreConfigChange(is_archived=True)
    return to_config_row(await call.services.score_configs.update(call.project_id, given.config_id, change))


def _categories(given: tuple[ConfigCategory, ...] | None) -> tuple[Category, ...] | None:
    return None if given is None else tuple(Category(each.label, each.value) for each in given)
