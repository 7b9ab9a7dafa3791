"""The columns of observations that the filter grammar may name."""

from __future__ import annotations

from lumenspan.filters import Column, Kind


def sum_of(map_column: str, part: str) -> str:
    """SQL of the sum of the values whose kind contains ``part``: input also counts what was cached."""
    return f"arraySum(mapValues(mapFilter((kind, amount) -> position(kind, '{part}') > 0, {map_column})))"


_LATENCY = "(toUnixTimestamp64Nano(end_time) - toUnixTimestamp64Nano(start_time)) / 1e9"
_FIRST_TOKEN = "(toUnixTimestamp64Nano(completion_start_time) - toUnixTimestamp64Nano(start_time)) / 1e9"  # noqa: S105

_DEFINITIONS: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (Kind.STRING, "id", ("id",)),
    (Kind.STRING, "type", ("type",)),
    (Kind.STRING, "name", ("name",)),
    (Kind.STRING, "trace_id", ("traceId",)),
    (Kind.STRING, "parent_id", ("parentObservationId",)),
    (Kind.DATETIME, "start_time", ("startTime",)),
    (Kind.DATETIME, "end_time", ("endTime",)),
    (Kind.NUMBER, _FIRST_TOKEN, ("timeToFirstToken",)),
    (Kind.NUMBER, _LATENCY, ("latency",)),
    (Kind.NUMBER, f"output_tokens / nullIf({_LATENCY}, 0)", ("tokensPerSecond",)),
    (Kind.NUMBER, f"toFloat64({sum_of('cost', 'input')})", ("inputCost",)),
    (Kind.NUMBER, f"toFloat64({sum_of('cost', 'output')})", ("outputCost",)),
    (Kind.NUMBER, "toFloat64(total_cost)", ("totalCost",)),
    (Kind.STRING, "level", ("level",)),
    (Kind.STRING, "status_message", ("statusMessage",)),
    (Kind.STRING, "model", ("model", "providedModelName")),
    (Kind.STRING, "model_id", ("modelId",)),
    (Kind.NUMBER, "input_tokens", ("inputTokens",)),
    (Kind.NUMBER, "output_tokens", ("outputTokens",)),
    (Kind.NUMBER, "total_tokens", ("totalTokens", "tokens")),
    (Kind.MAP, "metadata", ("metadata",)),
    (Kind.STRING, "version", ("version",)),
    (Kind.STRING, "release", ("release",)),
    (Kind.STRING, "prompt_name", ("promptName",)),
    (Kind.NUMBER, "prompt_version", ("promptVersion",)),
    (Kind.NUMBER, "length(tool_definitions)", ("toolDefinitions",)),
    (Kind.NUMBER, "length(tool_calls)", ("toolCalls",)),
    (Kind.STRINGS, "mapKeys(tool_definitions)", ("toolNames",)),
    (Kind.STRINGS, "tool_call_names", ("calledToolNames",)),
    (Kind.STRINGS, "tags", ("traceTags", "tags")),
    (Kind.STRING, "user_id", ("userId",)),
    (Kind.STRING, "session_id", ("sessionId",)),
    (Kind.STRING, "trace_name", ("traceName",)),
    (Kind.STRING, "environment", ("environment", "traceEnvironment")),
    (Kind.TEXT, "input", ("input",)),
    (Kind.TEXT, "output", ("output",)),
    (Kind.BOOLEAN, "parent_id != ''", ("hasParentObservation",)),
    (Kind.BOOLEAN, "(parent_id = '' OR is_app_root)", ("isRootObservation",)),
    (Kind.BOOLEAN, "input != ''", ("hasInput",)),
    (Kind.BOOLEAN, "output != ''", ("hasOutput",)),
    (Kind.STRING, "experiment['id']", ("experimentId",)),
    (Kind.STRING, "experiment['name']", ("experimentName",)),
    (Kind.STRING, "experiment['dataset.id']", ("experimentDatasetId",)),
    (Kind.STRING, "experiment['item.id']", ("experimentItemId",)),
    (Kind.BOOLEAN, "(root_of_experiment != '')", ("isExperimentItemRootSpan",)),
)

COLUMNS = {
    name: Column(kind, expression, names[0]) for kind, expression, names in _DEFINITIONS for name in names
}
