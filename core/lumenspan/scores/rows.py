"""Scores as rows of ClickHouse."""

from __future__ import annotations

from typing import Any, Final

from lumenspan.scores.domain import ScoreSource
from lumenspan.scores.merge import MergedScore

TABLE: Final = "scores"
COLUMN_TYPES: dict[str, str] = {
    "project_id": "String",
    "id": "String",
    "timestamp": "DateTime64(9, 'UTC')",
    "name": "String",
    "trace_id": "String",
    "observation_id": "String",
    "session_id": "String",
    "dataset_run_id": "String",
    "data_type": "LowCardinality(String)",
    "source": "LowCardinality(String)",
    "value": "Float64",
    "string_value": "Nullable(String)",
    "long_string_value": "String",
    "comment": "Nullable(String)",
    "metadata": "Map(String, String)",
    "author_user_id": "Nullable(String)",
    "config_id": "Nullable(String)",
    "queue_id": "Nullable(String)",
    "execution_trace_id": "Nullable(String)",
    "environment": "LowCardinality(String)",
    "sdk_name": "LowCardinality(String)",
    "sdk_version": "LowCardinality(String)",
    "blob_key": "String",
    "created_at": "DateTime64(6, 'UTC')",
    "event_ts": "DateTime64(9, 'UTC')",
    "is_deleted": "UInt8",
}


def score_row(project_id: str, merged: MergedScore, created_us: int, version: int) -> dict[str, Any]:
    """The row of a score, without its origin."""
    score = merged.score
    return {
        "project_id": project_id,
        "id": merged.id,
        "timestamp": merged.timestamp,
        "name": score.name,
        "trace_id": score.trace_id,
        "observation_id": score.observation_id,
        "session_id": score.session_id,
        "dataset_run_id": score.dataset_run_id,
        "data_type": score.data_type.value,
        "source": (score.source or ScoreSource.API).value,
        "value": score.value,
        "string_value": score.string_value,
        "long_string_value": score.long_string_value,
        "comment": score.comment,
        "metadata": score.metadata,
        "author_user_id": None,
        "config_id": score.config_id,
        "queue_id": score.queue_id,
        "execution_trace_id": score.execution_trace_id,
        "environment": merged.environment,
        "created_at": created_us,
        "event_ts": version,
        "is_deleted": 0,
    }
