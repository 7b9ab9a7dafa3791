"""The events of ``POST /api/public/ingestion`` (contract, section 3): types, bodies, what they must hold.

A member that was not sent is ``UNSET``, an explicit null is ``None``: the two merge differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from lumenspan.clock import iso_to_nanos
from lumenspan.errors import InvalidInput
from lumenspan.ingest.otlp import MAX_NANOS
from lumenspan.observations.domain import ObservationType


class Kind(StrEnum):
    """What an event is about."""

    TRACE = "trace"
    OBSERVATION = "observation"
    SCORE = "score"


SCORE_CREATE: Final = "score-create"
# What was received until then of a trace, observation or score counts no more; written by deletions.
DELETED: Final = "deleted"
SDK_LOG: Final = "sdk-log"
_OBSERVATION_TYPES = {f"{each.lower()}-create": each.value for each in ObservationType} | {
    f"{each}-update": each.upper() for each in ("span", "generation", "event")
}
_BY_BODY = frozenset(("observation-create", "observation-update"))
_KINDS: Mapping[str, Kind] = {
    "trace-create": Kind.TRACE,
    SCORE_CREATE: Kind.SCORE,
    **dict.fromkeys((*_OBSERVATION_TYPES, *_BY_BODY), Kind.OBSERVATION),
}

Id = Annotated[str, Meta(max_length=800, pattern=r"\A[^\r]*\Z")]
Name = Annotated[str, Meta(max_length=1000)]
Text = str | None | UnsetType
OptionalId = Id | None | UnsetType
Any_ = Raw | UnsetType


class InvalidEvent(InvalidInput):
    """The event cannot be taken in; the message says what is wrong with which member."""


class _Body(msgspec.Struct, rename="camel"):
    id: OptionalId = UNSET
    environment: Any_ = UNSET
    metadata: Any_ = UNSET


class TraceBody(_Body):
    """Body of ``trace-create``."""

    timestamp: Text = UNSET
    name: Name | UnsetType | None = UNSET
    input: Any_ = UNSET
    output: Any_ = UNSET
    session_id: Text = UNSET
    user_id: Text = UNSET
    release: Text = UNSET
    version: Text = UNSET
    public: bool | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET


Level = Annotated[str, Meta(pattern=r"\A(?:DEBUG|DEFAULT|WARNING|ERROR)\Z")]
ParameterValue = str | bool | int | float | list[str] | dict[str, str] | None


class ObservationBody(_Body):
    """Body of every event about an observation; members that its type does not have are not read."""

    type: Text = UNSET
    trace_id: OptionalId = UNSET
    name: Text = UNSET
    start_time: Text = UNSET
    end_time: Text = UNSET
    completion_start_time: Text = UNSET
    input: Any_ = UNSET
    output: Any_ = UNSET
    level: Level | UnsetType | None = UNSET
    status_message: Text = UNSET
    parent_observation_id: OptionalId = UNSET
    version: Text = UNSET
    model: Text = UNSET
    model_parameters: dict[str, ParameterValue] | UnsetType | None = UNSET
    usage: Any_ = UNSET
    usage_details: dict[str, Any] | UnsetType | None = UNSET
    cost_details: dict[str, Any] | UnsetType | None = UNSET
    prompt_name: Text = UNSET
    prompt_version: int | UnsetType | None = UNSET


class Envelope(msgspec.Struct):
    """One event as it was sent; ``body`` and ``metadata`` are the bytes of their JSON."""

    id: Annotated[str, Meta(min_length=1)]
    type: str
    timestamp: str
    body: Raw


class Usage(msgspec.Struct, rename="camel"):
    """Body member ``usage``, both shapes of it in one."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    unit: (
        Annotated[str, Meta(pattern=r"\A(?:CHARACTERS|TOKENS|SECONDS|MILLISECONDS|IMAGES|REQUESTS)?\Z")]
        | None
    ) = None
    input_cost: float | int | None = None
    output_cost: float | int | None = None
    total_cost: float | int | None = None
    prompt_tokens: int | UnsetType | None = UNSET
    completion_tokens: int | UnsetType | None = UNSET
    total_tokens: int | UnsetType | None = UNSET


_decode_trace = msgspec.json.Decoder(TraceBody).decode
_decode_observation = msgspec.json.Decoder(ObservationBody).decode
_decode_usage = msgspec.json.Decoder(Usage).decode


def kind_of(type_: str) -> Kind | None:
    """What events of a type are about; None for a type that is not stored."""
    return _KINDS.get(type_)


def is_create(type_: str) -> bool:
    """Whether events of a type make the thing, rather than change it."""
    return not type_.endswith("-update")


def observation_type(type_: str, body: ObservationBody) -> str:
    """Type of the observation that an event speaks of; InvalidEvent when its body names none."""
    if type_ not in _BY_BODY:
        return _OBSERVATION_TYPES[type_]
    named = body.type.upper() if isinstance(body.type, str) else ""
    if named not in ObservationType.__members__:
        raise InvalidEvent(f"Invalid type of observation: {named or 'none'} - at `$.body.type`")
    return named


def trace_body(raw: bytes | str) -> TraceBody:
    """The checked body of ``trace-create``; InvalidEvent."""
    body: TraceBody = decode_body(_decode_trace, raw)
    instant(body.timestamp, "timestamp")
    return body


def observation_body(raw: bytes | str) -> ObservationBody:
    """The checked body of an event about an observation; InvalidEvent."""
    body: ObservationBody = decode_body(_decode_observation, raw)
    for value, name in (
        (body.start_time, "startTime"),
        (body.end_time, "endTime"),
        (body.completion_start_time, "completionStartTime"),
    ):
        instant(value, name)
    if (not isinstance(body.prompt_name, str)) != (not isinstance(body.prompt_version, int)):
        raise InvalidEvent("Both promptName and promptVersion must be provided or neither - at `$.body`")
    usage_of(body)
    return body


def usage_of(body: ObservationBody) -> Usage | None:
    """The member ``usage`` of a body, None where there is none; InvalidEvent."""
    if isinstance(body.usage, UnsetType) or bytes(body.usage).strip() == b"null":
        return None
    found: Usage = decode_body(_decode_usage, bytes(body.usage), ".usage")
    return found


def instant(value: Text, name: str) -> int | None:
    """Nanoseconds since the epoch of an ISO-8601 time with an offset; InvalidEvent."""
    if not isinstance(value, str):
        return None
    try:
        nanos = iso_to_nanos(value)
    except ValueError as error:
        raise InvalidEvent(f"Invalid date-time (ISO 8601 with an offset) - at `$.body.{name}`") from error
    if not 0 <= nanos < MAX_NANOS:
        raise InvalidEvent(f"Date-time before 1970 or after 2099 - at `$.body.{name}`")
    return nanos


def decode_body(decode: Any, raw: bytes | str, path: str = "") -> Any:
    """What ``decode`` makes of the JSON of a body; InvalidEvent with the place of what is wrong."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidEvent(str(error).replace("`$", f"`$.body{path}", 1)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"Malformed JSON - at `$.body{path}`") from error
