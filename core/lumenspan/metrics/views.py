"""The registry of metrics: every view, dimension and measure, and the SQL that each stands for.

What a query names is looked up here and nowhere else; only the expressions of this module reach SQL. In
expressions ``o`` is the observation, ``t`` its trace, ``s`` the score and ``n`` numbers of another table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lumenspan.filters import Column, Kind
from lumenspan.metrics.domain import ViewName
from lumenspan.observations.filters import sum_of

_MS = "(toUnixTimestamp64Nano({}) - toUnixTimestamp64Nano({})) / 1e6"
COST_TYPES = "ARRAY JOIN mapKeys(o.cost) AS cost_type, mapValues(o.cost) AS cost_amount"
USAGE_TYPES = "ARRAY JOIN mapKeys(o.usage) AS usage_type, mapValues(o.usage) AS usage_amount"
_PARTS = "arraySum(mapValues(mapFilter((kind, amount) -> kind != 'total', {})))"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What rows can be grouped and filtered by.

    Attributes:
        expression: SQL of the value; ``''`` where there is none.
        joins: names of the other tables that it reads.
        is_exploded: an array of which each element counts for itself.
        spread: the ARRAY JOIN that makes several rows of one, where the dimension needs it.
        is_high_cardinality: so many values that only a bounded list in order is of use.
        is_new: not known to the first version.
    """

    kind: Kind
    expression: str
    joins: frozenset[str] = frozenset()
    is_exploded: bool = False
    spread: str = ""
    is_high_cardinality: bool = False
    is_new: bool = False

    @property
    def group_expression(self) -> str:
        """What rows are grouped by: NULL where there is no value."""
        if self.is_exploded:
            return f"arrayJoin({self.expression})"
        if self.kind is Kind.STRING and not self.spread:
            return f"nullIf(toString({self.expression}), '')"
        return self.expression


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of each row, or NULL; a text where ``is_numeric`` is False.

    Attributes:
        spread_expression: its value where the ARRAY JOIN of ``spread`` is in the query.
        is_distinct: counting it counts distinct values.
    """

    expression: str
    joins: frozenset[str] = frozenset()
    unit: str = ""
    is_numeric: bool = True
    is_distinct: bool = False
    spread: str = ""
    spread_expression: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A kind of row with its dimensions and measures."""

    name: ViewName
    time: str
    time_column: str
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]
    metadata: Dimension
    editions: frozenset[str] = frozenset({"v1", "v2", "free"})

    def column(self, name: str) -> tuple[Column, Dimension] | None:
        """What a filter's column means, None where the view has no such column."""
        if name == "metadata":
            found = self.metadata
        elif name == self.time_column:
            found = Dimension(Kind.DATETIME, self.time)
        elif name in self.dimensions:
            found = self.dimensions[name]
        elif name.endswith("Name") and "name" in self.dimensions:
            found = self.dimensions["name"]
        else:
            return None
        return Column(found.kind, found.expression, name), found


_T, _N, _O = frozenset({"t"}), frozenset({"n"}), frozenset({"o"})


def _text(expression: str, joins: frozenset[str] = frozenset(), *, many: bool = False) -> Dimension:
    return Dimension(Kind.STRING, expression, joins, is_high_cardinality=many)


def _month(column: str) -> Dimension:
    return Dimension(Kind.STRING, f"formatDateTime({column}, '%Y-%m', 'UTC')")


_OF_TRACE = {
    "traceName": _text("t.the_name", _T),
    "tags": Dimension(Kind.STRINGS, "t.the_tags", _T),
    "userId": _text("t.the_user", _T, many=True),
    "sessionId": _text("t.the_session", _T, many=True),
    "traceRelease": _text("t.the_release", _T),
    "traceVersion": _text("t.the_version", _T),
}
_DISTINCT_OF_TRACE = {
    "uniqueUserIds": Measure("nullIf(t.the_user, '')", _T, "users", is_numeric=False, is_distinct=True),
    "uniqueSessionIds": Measure(
        "nullIf(t.the_session, '')", _T, "sessions", is_numeric=False, is_distinct=True
    ),
}
_COUNT = Measure("1", unit="rows")


def _new(dimension: Dimension, *, many: bool = False, spread: str = "") -> Dimension:
    return Dimension(
        dimension.kind,
        dimension.expression,
        dimension.joins,
        spread=spread,
        is_high_cardinality=many,
        is_new=True,
    )


TRACES = View(
    ViewName.TRACES,
    time="t.start_time",
    time_column="timestamp",
    dimensions={
        "id": _text("t.trace_id", many=True),
        "name": _text("t.the_name"),
        "tags": Dimension(Kind.STRINGS, "t.the_tags"),
        "userId": _text("t.the_user", many=True),
        "sessionId": _text("t.the_session", many=True),
        "release": _text("t.the_release"),
        "version": _text("t.the_version"),
        "environment": _text("t.the_environment"),
        "timestampMonth": _month("t.start_time"),
    },
    measures={
        "count": _COUNT,
        "observationsCount": Measure("n.observations", _N, "observations"),
        "scoresCount": Measure("s.scores", frozenset({"s"}), "scores"),
        "uniqueUserIds": Measure(
            "nullIf(t.the_user, '')", unit="users", is_numeric=False, is_distinct=True
        ),
        "uniqueSessionIds": Measure(
            "nullIf(t.the_session, '')", unit="sessions", is_numeric=False, is_distinct=True
        ),
        "latency": Measure(_MS.format("t.end_time", "t.start_time"), unit="milliseconds"),
        "totalTokens": Measure("n.tokens", _N, "tokens"),
        "totalCost": Measure("n.cost_sum", _N, "USD"),
    },
    metadata=Dimension(Kind.MAP, "n.root_metadata", _N),
    editions=frozenset({"v1", "free"}),
)

_LATENCY = _MS.format("o.end_time", "o.start_time")
_SECONDS = f"nullIf({_LATENCY} / 1000, 0)"
OBSERVATIONS = View(
    ViewName.OBSERVATIONS,
    time="o.start_time",
    time_column="startTime",
    dimensions={
        "id": _text("o.id", many=True),
        "traceId": _text("o.trace_id", many=True),
        "environment": _text("o.environment"),
        "parentObservationId": _text("o.parent_id", many=True),
        "type": _text("o.type"),
        "name": _text("o.name"),
        "level": _text("o.level"),
        "version": _text("o.version"),
        "providedModelName": _text("o.model"),
        "promptName": _text("o.prompt_name"),
        "promptVersion": Dimension(Kind.NUMBER, "o.prompt_version"),
        **_OF_TRACE,
        "startTimeMonth": _month("o.start_time"),
        "toolNames": Dimension(Kind.STRINGS, "mapKeys(o.tool_definitions)", is_exploded=True),
        "calledToolNames": Dimension(Kind.STRINGS, "o.tool_call_names", is_exploded=True),
        "isRootObservation": _new(Dimension(Kind.BOOLEAN, "(o.parent_id = '' OR o.is_app_root)")),
        "release": _new(_text("o.release")),
        "costType": _new(_text("cost_type"), spread=COST_TYPES),
        "usageType": _new(_text("usage_type"), spread=USAGE_TYPES),
        "experimentName": _new(_text("o.experiment['name']"), many=True),
        "experimentDatasetId": _new(_text("o.experiment['dataset.id']"), many=True),
        "experimentId": _new(_text("o.experiment['id']"), many=True),
    },
    measures={
        "count": _COUNT,
        "latency": Measure(_LATENCY, unit="milliseconds"),
        "streamingLatency": Measure(
            _MS.format("o.end_time", "o.completion_start_time"), unit="milliseconds"
        ),
        "inputTokens": Measure("o.input_tokens", unit="tokens"),
        "outputTokens": Measure("o.output_tokens", unit="tokens"),
        "totalTokens": Measure("o.total_tokens", unit="tokens"),
        "outputTokensPerSecond": Measure(f"o.output_tokens / {_SECONDS}", unit="tokens/s"),
        "tokensPerSecond": Measure(f"o.total_tokens / {_SECONDS}", unit="tokens/s"),
        "inputCost": Measure(sum_of("o.cost", "input"), unit="USD"),
        "outputCost": Measure(sum_of("o.cost", "output"), unit="USD"),
        "totalCost": Measure("o.total_cost", unit="USD"),
        "timeToFirstToken": Measure(
            _MS.format("o.completion_start_time", "o.start_time"), unit="milliseconds"
        ),
        "countScores": Measure("s.scores", frozenset({"s"}), "scores"),
        "toolDefinitions": Measure("length(o.tool_definitions)", unit="tools"),
        "toolCalls": Measure("length(o.tool_calls)", unit="calls"),
        "traceId": Measure("o.trace_id", unit="traces", is_numeric=False, is_new=True),
        **{
            name: Measure(each.expression, each.joins, each.unit, False, True, is_new=True)
            for name, each in _DISTINCT_OF_TRACE.items()
        },
        "costByType": Measure(
            _PARTS.format("o.cost"),
            unit="USD",
            spread=COST_TYPES,
            spread_expression="cost_amount",
            is_new=True,
        ),
        "usageByType": Measure(
            _PARTS.format("o.usage"),
            unit="units",
            spread=USAGE_TYPES,
            spread_expression="usage_amount",
            is_new=True,
        ),
    },
    metadata=Dimension(Kind.MAP, "o.metadata"),
)

_OF_SCORE = {
    "id": _text("s.id", many=True),
    "environment": _text("s.environment"),
    "name": _text("s.name"),
    "evaluatorId": _text("''", many=True),
    "source": _text("s.source"),
    "dataType": _text("s.data_type"),
    "traceId": _text("s.trace_id", many=True),
    "configId": _text("ifNull(s.config_id, '')"),
    "timestampMonth": _month("s.timestamp"),
    "timestampDay": Dimension(Kind.STRING, "formatDateTime(s.timestamp, '%Y-%m-%d', 'UTC')"),
    "observationId": _text("s.observation_id", many=True),
    **_OF_TRACE,
    "observationName": _text("o.name", _O),
    "observationModelName": _text("o.model", _O),
    "observationPromptName": _text("o.prompt_name", _O),
    "observationPromptVersion": Dimension(Kind.NUMBER, "o.prompt_version", _O),
    "datasetRunId": _new(_text("s.dataset_run_id"), many=True),
    "experimentName": _new(_text("o.experiment['name']", _O), many=True),
    # A run that was judged as a whole has the id of its experiment.
    "experimentId": _new(
        _text("if(s.dataset_run_id = '', o.experiment['id'], s.dataset_run_id)", _O), many=True
    ),
}
_VALUE = Measure("s.value", unit="score")
_OF_METADATA = Dimension(Kind.MAP, "s.metadata")


def _scores(
    name: ViewName, value: dict[str, Dimension], measures: dict[str, Measure], *, is_new: bool = False
) -> View:
    editions = frozenset({"v2", "free"} if is_new else {"v1", "v2", "free"})
    return View(
        name,
        time="s.timestamp",
        time_column="timestamp",
        dimensions={**_OF_SCORE, **value},
        measures=measures,
        metadata=_OF_METADATA,
        editions=editions,
    )


VIEWS: dict[ViewName, View] = {
    view.name: view
    for view in (
        TRACES,
        OBSERVATIONS,
        _scores(
            ViewName.SCORES_NUMERIC,
            {"value": Dimension(Kind.NUMBER, "s.value")},
            {"count": _COUNT, "value": _VALUE},
        ),
        _scores(
            ViewName.SCORES_CATEGORICAL,
            {"stringValue": _text("ifNull(s.string_value, '')")},
            {"count": _COUNT},
        ),
        _scores(
            ViewName.SCORES_BOOLEAN,
            {"booleanValue": Dimension(Kind.BOOLEAN, "(s.value = 1)")},
            {"count": _COUNT, "value": _VALUE},
            is_new=True,
        ),
    )
}
DATA_TYPES: dict[ViewName, tuple[str, ...]] = {
    ViewName.SCORES_NUMERIC: ("NUMERIC", "BOOLEAN"),
    ViewName.SCORES_CATEGORICAL: ("CATEGORICAL",),
    ViewName.SCORES_BOOLEAN: ("BOOLEAN",),
}
