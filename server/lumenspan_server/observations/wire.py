"""Observations on the wire: what the lists take and what the rows hold, in both versions."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lumenspan.observations.domain import Level, ObservationType
from lumenspan_server.operations import CursorMeta, Instant, Nanos, Wire, keeps_empty

MaybeText = str | None | UnsetType


class ObservationQueryV2(Wire):
    """What ``GET /v2/observations`` takes; ``fields`` and ``expandMetadata`` are lists with commas."""

    fields: str | None = None
    expand_metadata: str | None = None
    limit: Annotated[int, Meta(ge=0, le=1_000)] = 50
    cursor: str | None = None
    parse_io_as_json: bool | None = None
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    type: ObservationType | None = None
    trace_id: str | None = None
    level: Level | None = None
    parent_observation_id: Annotated[str, keeps_empty()] | None = None
    is_root_observation: bool | None = None
    environment: tuple[str, ...] = ()
    from_start_time: Nanos | None = None
    to_start_time: Nanos | None = None
    version: str | None = None
    filter: str | None = None


class Usage(Wire):
    """Units of a model call in three sums."""

    unit: str | None
    input: int
    output: int
    total: int


class ObservationV1(Wire):
    """An observation of the first version; texts that are JSON come as JSON, latencies in seconds."""

    id: str
    trace_id: str | None
    project_id: str
    type: str
    name: str | None
    start_time: Instant
    end_time: Instant | None
    completion_start_time: Instant | None
    model: str | None
    model_parameters: Any
    input: Any
    output: Any
    metadata: Any
    version: str | None
    level: Level
    status_message: str | None
    parent_observation_id: str | None
    environment: str
    usage: Usage
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    usage_details: dict[str, int]
    cost_details: dict[str, float]
    prompt_id: str | None
    prompt_name: str | None
    prompt_version: int | None
    model_id: str | None
    input_price: float | None
    output_price: float | None
    total_price: float | None
    calculated_input_cost: float | None
    calculated_output_cost: float | None
    calculated_total_cost: float | None
    latency: float | None
    time_to_first_token: float | None
    created_at: Instant
    updated_at: Instant


class ObservationV2(Wire):
    """An observation of the second version: the fields of a group are there where it was asked for."""

    id: str
    trace_id: str | None
    start_time: Instant
    end_time: Instant | None
    project_id: str
    parent_observation_id: str | None
    type: str
    latency: float | None
    time_to_first_token: float | None
    model_id: str | None
    input_price: str | None
    output_price: str | None
    total_price: str | None
    name: MaybeText = UNSET
    level: Level | UnsetType = UNSET
    status_message: MaybeText = UNSET
    version: MaybeText = UNSET
    environment: str | UnsetType = UNSET
    bookmarked: bool | UnsetType = UNSET
    public: bool | UnsetType = UNSET
    user_id: MaybeText = UNSET
    session_id: MaybeText = UNSET
    is_root_observation: bool | UnsetType = UNSET
    completion_start_time: Instant | UnsetType | None = UNSET
    created_at: Instant | UnsetType = UNSET
    updated_at: Instant | UnsetType = UNSET
    input: MaybeText = UNSET
    output: MaybeText = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    model: MaybeText = UNSET
    provided_model_name: MaybeText = UNSET
    internal_model_id: MaybeText = UNSET
    model_parameters: Any | UnsetType = UNSET
    usage_details: dict[str, int] | UnsetType = UNSET
    cost_details: dict[str, float] | UnsetType = UNSET
    total_cost: float | UnsetType | None = UNSET
    usage_pricing_tier_name: MaybeText = UNSET
    prompt_id: MaybeText = UNSET
    prompt_name: MaybeText = UNSET
    prompt_version: int | UnsetType | None = UNSET
    tags: list[str] | UnsetType = UNSET
    release: MaybeText = UNSET
    trace_name: MaybeText = UNSET


class ObservationsV2(Wire):
    """A page; a missing cursor means that it is the last."""

    data: list[ObservationV2]
    meta: CursorMeta
