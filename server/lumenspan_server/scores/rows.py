"""Scores and their configs as the routes answer them (contract, section 3)."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from lumenspan.clock import datetime_to_iso, nanos_to_iso
from lumenspan.scores.domain import DataType, Score, ScoreConfig
from lumenspan.traces.domain import Trace
from lumenspan_server.scores import wire

_V1: Final[Mapping[DataType, Callable[..., wire.ScoreV1]]] = {
    DataType.NUMERIC: wire.NumericScoreV1,
    DataType.CATEGORICAL: wire.CategoricalScoreV1,
    DataType.BOOLEAN: wire.BooleanScoreV1,
    DataType.TEXT: wire.TextScoreV1,
}
_V2: Final[Mapping[DataType, Callable[..., wire.Score]]] = {
    DataType.NUMERIC: wire.NumericScore,
    DataType.CATEGORICAL: wire.CategoricalScore,
    DataType.BOOLEAN: wire.BooleanScore,
    DataType.CORRECTION: wire.CorrectionScore,
    DataType.TEXT: wire.TextScore,
}
_V3: Final[Mapping[DataType, Callable[..., wire.ScoreV3]]] = {
    DataType.NUMERIC: wire.NumericScoreV3,
    DataType.CATEGORICAL: wire.CategoricalScoreV3,
    DataType.BOOLEAN: wire.BooleanScoreV3,
    DataType.CORRECTION: wire.CorrectionScoreV3,
    DataType.TEXT: wire.TextScoreV3,
}


def to_v1_row(score: Score) -> wire.ScoreV1:
    """A score of a trace that is no correction, as the first version answers it."""
    return _V1[score.data_type](trace_id=score.trace_id, **_fields(score))


def to_row(score: Score) -> wire.Score:
    """A score as the second version answers it."""
    return _V2[score.data_type](trace_id=score.trace_id or None, **_fields(score))


def _fields(score: Score) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": score.id,
        "project_id": score.project_id,
        "timestamp": nanos_to_iso(score.timestamp_ns, 3),
        "name": score.name,
        "source": score.source,
        "observation_id": score.observation_id or None,
        "session_id": score.session_id or None,
        "dataset_run_id": score.dataset_run_id or None,
        "comment": score.comment,
        "metadata": score.metadata,
        "config_id": score.config_id,
        "queue_id": score.queue_id,
        "author_user_id": score.author_user_id,
        "environment": score.environment,
        "created_at": nanos_to_iso(score.created_us * 1000, 3),
        "updated_at": nanos_to_iso(score.updated_ns, 3),
    }
    if score.data_type != DataType.TEXT:
        found["value"] = score.value
    if score.data_type != DataType.NUMERIC:
        found["string_value"] = score.string_value or ""
    return found


def to_trace_part(trace: Trace | None) -> wire.ScoreTrace | None:
    """What a score's row says of its trace."""
    if trace is None:
        return None
    return wire.ScoreTrace(
        user_id=trace.user_id or None,
        tags=list(trace.tags),
        environment=trace.environment,
        session_id=trace.session_id or None,
    )


def to_v3_row(score: Score, groups: frozenset[str]) -> wire.ScoreV3:
    """A score as the third version answers it: the value is of the score's own kind."""
    row = _V3[score.data_type](
        id=score.id,
        project_id=score.project_id,
        name=score.name,
        value=_value(score),
        source=score.source,
        timestamp=nanos_to_iso(score.timestamp_ns, 3),
        environment=score.environment,
        created_at=nanos_to_iso(score.created_us * 1000, 3),
        updated_at=nanos_to_iso(score.updated_ns, 3),
    )
    if "details" in groups:
        row.comment, row.config_id, row.metadata = score.comment, score.config_id, score.metadata
    if "subject" in groups:
        row.subject = _subject(score)
    if "annotation" in groups:
        row.author_user_id, row.queue_id = score.author_user_id, score.queue_id
    return row


def _value(score: Score) -> float | bool | str:
    if score.data_type == DataType.NUMERIC:
        return score.value
    if score.data_type == DataType.BOOLEAN:
        return score.value == 1
    return score.string_value or ""


def _subject(score: Score) -> wire.Subject:
    if score.observation_id:
        return wire.ObservationSubject(id=score.observation_id, trace_id=score.trace_id)
    if score.trace_id:
        return wire.TraceSubject(id=score.trace_id)
    if score.session_id:
        return wire.SessionSubject(id=score.session_id)
    return wire.ExperimentSubject(id=score.dataset_run_id)


def to_config_row(config: ScoreConfig) -> wire.ScoreConfigRow:
    """A config as the routes answer it."""
    categories = [wire.ConfigCategory(value=each.value, label=each.label) for each in config.categories]
    return wire.ScoreConfigRow(
        id=config.id,
        name=config.name,
        created_at=datetime_to_iso(config.created_at),
        updated_at=datetime_to_iso(config.updated_at),
        project_id=config.project_id,
        data_type=cast(wire.ConfigDataType, config.data_type.value),
        is_archived=config.is_archived,
        min_value=config.min_value,
        max_value=config.max_value,
        categories=categories or None,
        description=config.description,
    )
