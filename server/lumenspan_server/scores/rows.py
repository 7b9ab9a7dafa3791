"""Scores and their configs as the routes answer them (contract, section 3)."""

from typing import Any

from lumenspan.clock import datetime_to_nanos, nanos_to_iso
from lumenspan.scores.domain import DataType, Score, ScoreConfig
from lumenspan.traces.domain import Trace


def to_row(score: Score) -> dict[str, Any]:
    """A score as the first two versions answer it."""
    row: dict[str, Any] = {
        "id": score.id,
        "projectId": score.project_id,
        "timestamp": nanos_to_iso(score.timestamp_ns, 3),
        "name": score.name,
        "source": score.source,
        "dataType": score.data_type,
        "traceId": score.trace_id or None,
        "observationId": score.observation_id or None,
        "sessionId": score.session_id or None,
        "datasetRunId": score.dataset_run_id or None,
        "comment": score.comment,
        "metadata": score.metadata,
        "configId": score.config_id,
        "queueId": score.queue_id,
        "authorUserId": score.author_user_id,
        "environment": score.environment,
        "createdAt": nanos_to_iso(score.created_us * 1000, 3),
        "updatedAt": nanos_to_iso(score.updated_ns, 3),
    }
    if score.data_type != DataType.TEXT:
        row["value"] = score.value
    if score.string_value is not None:
        row["stringValue"] = score.string_value
    return row


def to_trace_part(trace: Trace | None) -> dict[str, Any] | None:
    """What a score's row says of its trace."""
    if trace is None:
        return None
    return {
        "userId": trace.user_id or None,
        "tags": list(trace.tags),
        "environment": trace.environment,
        "sessionId": trace.session_id or None,
    }


def to_v3_row(score: Score, groups: frozenset[str]) -> dict[str, Any]:
    """A score as the third version answers it: the value is of the score's own kind."""
    row: dict[str, Any] = {
        "id": score.id,
        "projectId": score.project_id,
        "name": score.name,
        "value": _value(score),
        "dataType": score.data_type,
        "source": score.source,
        "timestamp": nanos_to_iso(score.timestamp_ns, 3),
        "environment": score.environment,
        "createdAt": nanos_to_iso(score.created_us * 1000, 3),
        "updatedAt": nanos_to_iso(score.updated_ns, 3),
    }
    if "details" in groups:
        row |= {"comment": score.comment, "configId": score.config_id, "metadata": score.metadata}
    if "subject" in groups:
        row["subject"] = _subject(score)
    if "annotation" in groups:
        row |= {"authorUserId": score.author_user_id, "queueId": score.queue_id}
    return row


def _value(score: Score) -> float | bool | str:
    if score.data_type == DataType.NUMERIC:
        return score.value
    if score.data_type == DataType.BOOLEAN:
        return score.value == 1
    return score.string_value or ""


def _subject(score: Score) -> dict[str, Any]:
    if score.observation_id:
        return {"kind": "observation", "id": score.observation_id, "traceId": score.trace_id}
    if score.trace_id:
        return {"kind": "trace", "id": score.trace_id}
    if score.session_id:
        return {"kind": "session", "id": score.session_id}
    return {"kind": "experiment", "id": score.dataset_run_id}


def to_config_row(config: ScoreConfig) -> dict[str, Any]:
    """A config as the routes answer it."""
    categories = [{"label": each.label, "value": each.value} for each in config.categories]
    return {
        "id": config.id,
        "projectId": config.project_id,
        "name": config.name,
        "dataType": config.data_type,
        "isArchived": config.is_archived,
        "minValue": config.min_value,
        "maxValue": config.max_value,
        "categories": categories or None,
        "description": config.description,
        "createdAt": nanos_to_iso(datetime_to_nanos(config.created_at), 3),
        "updatedAt": nanos_to_iso(datetime_to_nanos(config.updated_at), 3),
    }
