"""The columns of traces that the filter grammar may name, in two groups.

Those of the rollup are known for every trace; sums and metadata are worked out from the observations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lumenspan.filters import Column, Condition, Kind, find_column, to_sql
from lumenspan.observations.filters import sum_of

_LEVEL = "transform(the_level, [1, 3, 4], ['DEBUG', 'WARNING', 'ERROR'], 'DEFAULT')"
# Which evaluator made a score is not kept yet.
_ROLLUP: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (Kind.BOOLEAN, "the_bookmarked", ("bookmarked",)),
    (Kind.BOOLEAN, "the_public", ("public",)),
    (Kind.STRING, "id", ("id", "traceId")),
    (Kind.STRING, "the_name", ("name", "traceName")),
    (Kind.STRING, "the_environment", ("environment",)),
    (Kind.DATETIME, "fromUnixTimestamp64Nano(start_ns, 'UTC')", ("timestamp",)),
    (Kind.STRING, "the_user", ("userId",)),
    (Kind.STRING, "the_session", ("sessionId",)),
    (Kind.STRING, "''", ("evaluatorId",)),
    (Kind.STRING, "''", ("ruleId",)),
    (Kind.STRING, "the_version", ("version",)),
    (Kind.STRING, "the_release", ("release",)),
    (Kind.STRING, _LEVEL, ("level",)),
    (Kind.STRINGS, "the_tags", ("tags", "traceTags")),
    (Kind.NUMBER, "(end_ns - start_ns) / 1e9", ("latency",)),
)
# Of scores by name: the types of data that count, and what must hold of a trace's scores of that name.
_SCORED: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (Kind.SCORE_NUMBERS, "data_type IN ('NUMERIC', 'BOOLEAN')", ("scores_avg", "scores")),
    (Kind.SCORE_CATEGORIES, "data_type = 'CATEGORICAL'", ("score_categories",)),
    (Kind.SCORE_BOOLEANS, "data_type = 'BOOLEAN'", ("score_booleans",)),
)
_SUMMED: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (Kind.MAP, "argMinIf(metadata, (start_time, id), parent_id = '' OR is_app_root)", ("metadata",)),
    (Kind.NUMBER, "sum(input_tokens)", ("inputTokens",)),
    (Kind.NUMBER, "sum(output_tokens)", ("outputTokens",)),
    (Kind.NUMBER, "sum(total_tokens)", ("totalTokens", "tokens")),
    (Kind.NUMBER, "countIf(level = 'ERROR')", ("errorCount",)),
    (Kind.NUMBER, "countIf(level = 'WARNING')", ("warningCount",)),
    (Kind.NUMBER, "countIf(level = 'DEFAULT')", ("defaultCount",)),
    (Kind.NUMBER, "countIf(level = 'DEBUG')", ("debugCount",)),
    (Kind.NUMBER, f"toFloat64(sum({sum_of('cost', 'input')}))", ("inputCost",)),
    (Kind.NUMBER, f"toFloat64(sum({sum_of('cost', 'output')}))", ("outputCost",)),
    (Kind.NUMBER, "toFloat64(sum(total_cost))", ("totalCost",)),
)
_SUMMED_COLUMNS = {
    name: Column(kind, expression, names[0]) for kind, expression, names in _SUMMED for name in names
}
COLUMNS = {
    name: Column(kind, expression, names[0])
    for kind, expression, names in (*_ROLLUP, *_SCORED)
    for name in names
} | _SUMMED_COLUMNS
_SCORE_KINDS = frozenset(kind for kind, _, _ in _SCORED)


def conditions_sql(conditions: Iterable[Condition]) -> tuple[list[str], dict[str, Any]]:
    """Conditions over the aggregated columns of ``queries``, and their parameters.

    Raises:
        InvalidInput: a condition names no column, or does not fit the one it names.
    """
    on_rollup: list[Condition] = []
    on_sums: list[Condition] = []
    on_scores: list[Condition] = []
    for condition in conditions:
        if find_column(COLUMNS, condition).kind in _SCORE_KINDS:
            on_scores.append(condition)
            continue
        (on_sums if condition.column in _SUMMED_COLUMNS else on_rollup).append(condition)
    texts, params = to_sql(on_rollup, COLUMNS)
    if on_sums:
        having, having_params = to_sql(on_sums, _SUMMED_COLUMNS, "sum_filter")
        texts.append(
            "id IN (SELECT trace_id FROM observations FINAL\n"  # noqa: S608
            "  WHERE project_id = {project_id:String} AND is_deleted = 0\n"
            f"  GROUP BY trace_id HAVING {' AND '.join(having)})"
        )
        params |= having_params
    for number, condition in enumerate(on_scores):
        text, score_params = _scored(condition, f"score_filter_{number}")
        texts.append(text)
        params |= score_params
    return texts, params


def _scored(condition: Condition, name: str) -> tuple[str, dict[str, Any]]:
    """Traces whose scores of a name, their observations' too, fulfil it; none without such a score."""
    column = COLUMNS[condition.column]
    params: dict[str, Any] = {f"{name}_key": condition.key}
    match column.kind:
        case Kind.SCORE_NUMBERS:
            params[name] = condition.value
            having = f"avg(value) {condition.operator} {{{name}:Float64}}"
        case Kind.SCORE_CATEGORIES:
            params[name] = list(condition.value)
            found = f"countIf(has({{{name}:Array(String)}}, ifNull(string_value, '')))"
            having = f"{found} {'>' if condition.operator == 'any of' else '='} 0"
        case _:
            params[name] = int(condition.value)
            having = f"countIf(value = {{{name}:UInt8}}) {'>' if condition.operator == '=' else '='} 0"
    return (
        "id IN (SELECT trace_id FROM scores FINAL\n"  # noqa: S608
        "  WHERE project_id = {project_id:String} AND is_deleted = 0 AND trace_id != ''\n"
        f"    AND name = {{{name}_key:String}} AND {column.expression}\n"
        f"  GROUP BY trace_id HAVING {having})",
        params,
    )
