"""Merged traces and observations as rows of ``observations``, events as rows of ``entity_events``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lumenspan.ingest import usage as usages
from lumenspan.ingest.attributes import to_json
from lumenspan.ingest.events import values
from lumenspan.ingest.events.frame import Event
from lumenspan.ingest.events.merge import TRACE_COLUMNS, MergedObservation, MergedTrace, Receipts
from lumenspan.observations.rows import COLUMN_TYPES, COLUMNS, PRICING_COLUMNS, ObservationColumns

SOURCE: Final = "ingestion-api"

EVENTS_TABLE: Final = "entity_events"
EVENT_TYPES: dict[str, str] = {
    "project_id": "String",
    "kind": "LowCardinality(String)",
    "entity_id": "String",
    "timestamp": "DateTime64(9, 'UTC')",
    "event_id": "String",
    "received_at": "DateTime64(9, 'UTC')",
    "type": "LowCardinality(String)",
    "body": "String",
    "blob_key": "String",
    "sdk_name": "LowCardinality(String)",
    "sdk_version": "LowCardinality(String)",
}

# Beyond what a span fills: of a partial update it is known when the first part came.
OBSERVATION_TYPES: dict[str, str] = {**COLUMN_TYPES, "created_at": "DateTime64(6, 'UTC')"}

TRACES_TABLE: Final = "trace_fields"
TRACE_TYPES: dict[str, str] = {
    "project_id": "String",
    "trace_id": "String",
    "timestamp": "DateTime64(9, 'UTC')",
    "name": "String",
    "user_id": "String",
    "session_id": "String",
    "environment": "LowCardinality(String)",
    "version": "String",
    "release": "String",
    "tags": "Array(String)",
    "is_public": "Nullable(Bool)",
    "input": "String",
    "output": "String",
    "metadata": "Map(String, String)",
    "cleared": "Array(LowCardinality(String))",
    "sdk_name": "LowCardinality(String)",
    "sdk_version": "LowCardinality(String)",
    "blob_key": "String",
    "created_at": "DateTime64(6, 'UTC')",
    "event_ts": "DateTime64(9, 'UTC')",
    "is_deleted": "UInt8",
}
# What a batch takes; pricing adds the rest.
_MAPPED = tuple(name for name in COLUMNS if name not in PRICING_COLUMNS)
_EMPTY: dict[str, Any] = {
    "String": "",
    "LowCardinality(String)": "",
    "Bool": False,
    "UInt8": 0,
    "UInt64": 0,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event came from."""

    blob_key: str = ""
    sdk_name: str = ""
    sdk_version: str = ""


def event_row(project_id: str, event: Event, origin: Origin) -> dict[str, Any]:
    """One row of ``entity_events``."""
    return {
        "project_id": project_id,
        "kind": event.kind.value,
        "entity_id": event.entity_id,
        "timestamp": event.timestamp,
        "event_id": event.id,
        "received_at": event.received_at,
        "type": event.type,
        "body": bytes(event.body).decode(),
        "blob_key": origin.blob_key,
        "sdk_name": origin.sdk_name,
        "sdk_version": origin.sdk_version,
    }


def trace_row(project_id: str, trace: MergedTrace, known: Receipts, origin: Origin) -> dict[str, Any]:
    """The row of what was said of a trace itself."""
    return {
        "project_id": project_id,
        "trace_id": trace.id,
        "timestamp": trace.timestamp,
        **{column: trace.fields.get(column) or "" for column in TRACE_COLUMNS.values()},
        "environment": trace.environment,
        "tags": trace.tags,
        "is_public": trace.is_public,
        "input": trace.input,
        "output": trace.output,
        "metadata": trace.metadata,
        "cleared": trace.cleared,
        **_common(known, origin),
    }


def observation_row(
    project_id: str, merged: MergedObservation, known: Receipts, origin: Origin
) -> dict[str, Any]:
    """The row of an observation."""
    parameters = values.parameters(merged.model_parameters)
    row = {name: _empty(type_) for name, type_ in OBSERVATION_TYPES.items()}
    return row | dict(
        project_id=project_id,
        trace_id=merged.trace_id,
        id=merged.id,
        parent_id=merged.parent_id,
        type=merged.type,
        name=merged.name,
        start_time=merged.start,
        end_time=merged.end,
        completion_start_time=merged.completion_start,
        level=merged.level,
        status_message=merged.status_message,
        environment=merged.environment,
        version=merged.version,
        input=merged.input,
        output=merged.output,
        metadata=merged.metadata,
        model=merged.model,
        model_parameters=to_json(parameters) if parameters else "",
        prompt_name=merged.prompt_name,
        prompt_version=_prompt_version(merged.prompt_version),
        provided_usage=merged.usage,
        usage=usages.with_total(merged.usage),
        provided_cost=merged.cost,
        cost=usages.with_total_cost(merged.cost),
        source=SOURCE,
        event_bytes=known.size_bytes,
        **_common(known, origin),
    )


def _common(known: Receipts, origin: Origin) -> dict[str, Any]:
    return {
        "blob_key": origin.blob_key,
        "sdk_name": origin.sdk_name,
        "sdk_version": origin.sdk_version,
        "created_at": known.first_ns // 1000,
        "event_ts": known.version,
        "is_deleted": 0,
    }


def _empty(type_: str) -> Any:
    if type_.startswith("Map("):
        return {}
    if type_.startswith("Array("):
        return []
    return _EMPTY.get(type_)


def _prompt_version(version: int | None) -> int | None:
    return version if version is not None and 0 <= version <= 65_535 else None


# Column of a trace's row, then where an observation holds the same of its trace.
_OF_TRACE = {"input": "trace_input", "output": "trace_output", "metadata": "metadata"}


def observation_columns(
    observations: Sequence[dict[str, Any]], traces: Sequence[dict[str, Any]]
) -> ObservationColumns:
    """The rows as a batch of observations; a trace has no id and its texts in columns of its own."""
    made = ObservationColumns()
    for row in observations:
        made.append(tuple(row[name] for name in _MAPPED))
    empty = {name: _empty(type_) for name, type_ in COLUMN_TYPES.items()}
    for trace in traces:
        said = {target: trace[name] for name, target in _OF_TRACE.items()}
        size = sum(len(trace[name]) for name in ("input", "output")) + sum(
            map(len, trace["metadata"].values())
        )
        row = {**empty, **said, "trace_id": trace["trace_id"], "event_bytes": size}
        made.append(tuple(row[name] for name in _MAPPED))
    return made


def take_back(
    changed: ObservationColumns,
    observations: Sequence[dict[str, Any]],
    traces: Sequence[dict[str, Any]],
) -> None:
    """Put what was changed in ``observation_columns`` of these rows back into them."""
    by_name = dict(zip(COLUMNS, changed.values, strict=True))
    for place, row in enumerate(observations):
        row.update((name, values[place]) for name, values in by_name.items())
    for place, trace in enumerate(traces, start=len(observations)):
        trace.update((name, by_name[target][place]) for name, target in _OF_TRACE.items())


def columns(rows: Sequence[dict[str, Any]], names: Iterable[str]) -> list[list[Any]]:
    """The rows by column, in the order of ``names``."""
    return [[row[name] for row in rows] for name in names]
