"""A score as clients send it (contract, section 4), checked, and as it is kept until it is merged.

What can be known when a score arrives is answered then: its shape, its target, and what its config says.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from lumenspan.ingest.events import values
from lumenspan.ingest.events.schema import InvalidEvent, OptionalId, Text, decode_body, instant
from lumenspan.scores.domain import DataType, ScoreConfig, ScoreSource

_MAX_TEXT = 500
_CORRECTION_NAME = "output"
_TARGETS = "exactly one of traceId, sessionId and datasetRunId must be given"


class ScoreBody(msgspec.Struct, rename="camel"):
    """A score as it is sent."""

    name: Annotated[str, Meta(min_length=1)]
    value: int | float | str
    id: OptionalId = UNSET
    data_type: DataType | UnsetType | None = UNSET
    trace_id: OptionalId = UNSET
    observation_id: OptionalId = UNSET
    session_id: OptionalId = UNSET
    dataset_run_id: OptionalId = UNSET
    comment: Text = UNSET
    metadata: Raw | UnsetType = UNSET
    environment: Raw | UnsetType = UNSET
    config_id: Text = UNSET
    queue_id: Text = UNSET
    source: ScoreSource | UnsetType | None = UNSET
    execution_trace_id: Text = UNSET
    timestamp: Text = UNSET


class CheckedScore(msgspec.Struct, rename="camel", omit_defaults=True):
    """A score that fits its type, target and config; empty where nothing was sent.

    Attributes:
        timestamp: nanoseconds since the epoch; None where the score names none.
    """

    name: str
    data_type: DataType
    value: float
    source: ScoreSource | None = None
    string_value: str | None = None
    long_string_value: str = ""
    timestamp: int | None = None
    trace_id: str = ""
    observation_id: str = ""
    session_id: str = ""
    dataset_run_id: str = ""
    comment: str | None = None
    metadata: dict[str, str] = {}
    environment: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    execution_trace_id: str | None = None


_decode = msgspec.json.Decoder(ScoreBody).decode
_decode_checked = msgspec.json.Decoder(CheckedScore).decode
_encode = msgspec.json.Encoder().encode


def parse(raw: bytes | str, *, is_eval_allowed: bool) -> ScoreBody:
    """A score body whose shape and target are right; InvalidEvent.

    Args:
        is_eval_allowed: whether the source EVAL may be claimed.
    """
    body: ScoreBody = decode_body(_decode, raw)
    instant(body.timestamp, "timestamp")
    targets = [each for each in (body.trace_id, body.session_id, body.dataset_run_id) if each]
    if len(targets) != 1:
        raise InvalidEvent(f"Invalid target: {_TARGETS} - at `$.body`")
    if body.observation_id and not body.trace_id:
        raise InvalidEvent("observationId needs a traceId - at `$.body.observationId`")
    if body.source == ScoreSource.EVAL and not is_eval_allowed:
        raise InvalidEvent("Invalid enum value 'EVAL' - at `$.body.source`")
    if body.data_type == DataType.CORRECTION:
        if body.config_id or not body.trace_id:
            raise InvalidEvent(
                "A correction belongs to a trace or an observation and has no config - at `$.body`"
            )
    elif body.source == ScoreSource.ANNOTATION and not body.config_id:
        raise InvalidEvent("configId is required for source ANNOTATION - at `$.body.configId`")
    if not body.config_id:
        _value(body, data_type_of(body))
    return body


def data_type_of(body: ScoreBody) -> DataType:
    """The type that was sent, else the one that the value suggests."""
    if isinstance(body.data_type, DataType):
        return body.data_type
    return DataType.CATEGORICAL if isinstance(body.value, str) else DataType.NUMERIC


def check(body: ScoreBody, config: ScoreConfig | None) -> CheckedScore:
    """The score with all that its config fills in; InvalidEvent where it does not fit.

    Args:
        config: the config that ``body`` names within its project; None where it names none.
    """
    if config is None:
        data_type = data_type_of(body)
        value, text = _value(body, data_type)
        name = _CORRECTION_NAME if data_type == DataType.CORRECTION else body.name
    else:
        data_type = config.data_type
        value, text = _configured(body, config)
        name = config.name
    is_long = data_type == DataType.CORRECTION
    return CheckedScore(
        name=name,
        data_type=data_type,
        value=value,
        source=body.source or None,
        string_value=None if is_long else text,
        long_string_value=(text or "") if is_long else "",
        timestamp=instant(body.timestamp, "timestamp"),
        trace_id=body.trace_id or "",
        observation_id=body.observation_id or "",
        session_id=body.session_id or "",
        dataset_run_id=body.dataset_run_id or "",
        comment=body.comment or None,
        metadata=values.metadata_texts(values.as_metadata(body.metadata)),
        environment=values.environment(body.environment),
        config_id=body.config_id or None,
        queue_id=body.queue_id or None,
        execution_trace_id=body.execution_trace_id or None,
    )


def encode_checked(score: CheckedScore) -> Raw:
    """The body of the event that carries the score to its merge."""
    return Raw(_encode(score))


def decode_checked(raw: bytes) -> CheckedScore:
    """The score of such a body; InvalidEvent."""
    score: CheckedScore = decode_body(_decode_checked, raw)
    return score


def _value(body: ScoreBody, data_type: DataType) -> tuple[float, str | None]:
    """Number and text that are stored for the value; InvalidEvent where it is not of the type."""
    value = body.value
    is_text = isinstance(value, str)
    if is_text != (data_type not in (DataType.NUMERIC, DataType.BOOLEAN)):
        needed = "a number" if is_text else "a string"
        raise InvalidEvent(f"The value of a {data_type} score must be {needed} - at `$.body.value`")
    if isinstance(value, str):
        if data_type == DataType.TEXT and not 1 <= len(value) <= _MAX_TEXT:
            raise InvalidEvent(f"A TEXT score has 1 to {_MAX_TEXT} characters - at `$.body.value`")
        return 0.0, value
    if data_type == DataType.BOOLEAN:
        if value not in (0, 1):
            raise InvalidEvent("The value of a BOOLEAN score must be 0 or 1 - at `$.body.value`")
        return float(value), "True" if value else "False"
    try:
        return float(value), None
    except OverflowError as error:
        raise InvalidEvent("The value is no number of 64 bits - at `$.body.value`") from error


def _configured(body: ScoreBody, config: ScoreConfig) -> tuple[float, str | None]:
    if config.is_archived:
        raise InvalidEvent("The score config is archived - at `$.body.configId`")
    if isinstance(body.data_type, DataType) and body.data_type != config.data_type:
        raise InvalidEvent(
            f"Data type {body.data_type} is not the config's {config.data_type} - at `$.body.dataType`"
        )
    value, text = _value(body, config.data_type)
    if config.data_type == DataType.CATEGORICAL:
        found = next((each for each in config.categories if each.label == text), None)
        if found is None:
            raise InvalidEvent(f"Category {text!r} is not one of the config's - at `$.body.value`")
        return found.value, text
    if config.data_type == DataType.NUMERIC:
        if config.min_value is not None and value < config.min_value:
            raise InvalidEvent(
                f"Value is below the config's minimum {config.min_value} - at `$.body.value`"
            )
        if config.max_value is not None and value > config.max_value:
            raise InvalidEvent(
                f"Value is above the config's maximum {config.max_value} - at `$.body.value`"
            )
    return value, text
