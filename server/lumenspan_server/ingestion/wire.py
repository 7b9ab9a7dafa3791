"""Events on the wire, as they are documented.

Bodies are read by ``lumenspan.ingest.events``, which refuses one event and takes its neighbours; these
structs say what it knows, and no request is decoded with them.
"""

from typing import Any

from msgspec import UNSET, UnsetType

from lumenspan.observations.domain import Level, ObservationType
from lumenspan_server.operations import Instant, Wire
from lumenspan_server.scores.wire import NewScore

MaybeText = str | None
Parameters = dict[str, str | int | float | bool | list[str] | None]


class EventUsage(Wire):
    """Units and cost of a model call; of the older clients under the names that end in ``Tokens``."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    unit: str | None = None
    input_cost: float | None = None
    output_cost: float | None = None
    total_cost: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class TraceBody(Wire):
    """A trace; the same id again changes the members that are given."""

    id: MaybeText = None
    timestamp: Instant | None = None
    name: MaybeText = None
    user_id: MaybeText = None
    input: Any = None
    output: Any = None
    session_id: MaybeText = None
    release: MaybeText = None
    version: MaybeText = None
    metadata: Any = None
    tags: list[str] | None = None
    environment: MaybeText = None
    public: bool | None = None


class _Observation(Wire):
    trace_id: MaybeText = None
    name: MaybeText = None
    start_time: Instant | None = None
    metadata: Any = None
    input: Any = None
    output: Any = None
    level: Level | None = None
    status_message: MaybeText = None
    parent_observation_id: MaybeText = None
    version: MaybeText = None
    environment: MaybeText = None


class EventBody(_Observation):
    """An event: an observation without an end."""

    id: MaybeText = None


class SpanBody(EventBody):
    """A span."""

    end_time: Instant | None = None


class SpanUpdate(_Observation, kw_only=True):
    """What to change of the span ``id``."""

    id: str
    end_time: Instant | None = None


class GenerationBody(SpanBody):
    """A call of a model."""

    completion_start_time: Instant | None = None
    model: MaybeText = None
    model_parameters: Parameters | None = None
    usage: EventUsage | None = None
    usage_details: dict[str, Any] | None = None
    cost_details: dict[str, float] | None = None
    prompt_name: MaybeText = None
    prompt_version: int | None = None


class GenerationUpdate(SpanUpdate):
    """What to change of the generation ``id``."""

    completion_start_time: Instant | None = None
    model: MaybeText = None
    model_parameters: Parameters | None = None
    usage: EventUsage | None = None
    usage_details: dict[str, Any] | None = None
    cost_details: dict[str, float] | None = None
    prompt_name: MaybeText = None
    prompt_version: int | None = None


class ObservationBody(_Observation, kw_only=True):
    """An observation of the type that it names."""

    type: ObservationType
    id: MaybeText = None
    end_time: Instant | None = None
    completion_start_time: Instant | None = None
    model: MaybeText = None
    model_parameters: Parameters | None = None
    usage: EventUsage | None = None


class LogBody(Wire):
    """What an SDK noted of itself; it is not kept."""

    log: Any


class _Event(Wire, tag_field="type"):
    id: str
    timestamp: str
    metadata: Any = None


class TraceEvent(_Event, tag="trace-create", kw_only=True):
    """Makes or changes a trace."""

    body: TraceBody


class ScoreEvent(_Event, tag="score-create", kw_only=True):
    """Makes or changes a score."""

    body: NewScore


class SpanCreateEvent(_Event, tag="span-create", kw_only=True):
    """Makes a span."""

    body: SpanBody


class SpanUpdateEvent(_Event, tag="span-update", kw_only=True):
    """Changes a span."""

    body: SpanUpdate


class GenerationCreateEvent(_Event, tag="generation-create", kw_only=True):
    """Makes a generation."""

    body: GenerationBody


class GenerationUpdateEvent(_Event, tag="generation-update", kw_only=True):
    """Changes a generation."""

    body: GenerationUpdate


class EventCreateEvent(_Event, tag="event-create", kw_only=True):
    """Makes an event."""

    body: EventBody


class LogEvent(_Event, tag="sdk-log", kw_only=True):
    """What an SDK noted of itself."""

    body: LogBody


class ObservationCreateEvent(_Event, tag="observation-create", kw_only=True):
    """Makes an observation."""

    body: ObservationBody


class ObservationUpdateEvent(_Event, tag="observation-update", kw_only=True):
    """Changes an observation."""

    body: ObservationBody


Event = (
    TraceEvent
    | ScoreEvent
    | SpanCreateEvent
    | SpanUpdateEvent
    | GenerationCreateEvent
    | GenerationUpdateEvent
    | EventCreateEvent
    | LogEvent
    | ObservationCreateEvent
    | ObservationUpdateEvent
)


class Batch(Wire):
    """Events in the order in which they happened."""

    batch: list[Event]
    metadata: Any = None


class EventSuccess(Wire):
    """An event that was taken."""

    id: str
    status: int


class EventFailure(Wire):
    """An event that was not, and why."""

    id: str
    status: int
    message: str | UnsetType = UNSET
    error: Any = None


class BatchResults(Wire):
    """A result for each event."""

    successes: list[EventSuccess]
    errors: list[EventFailure]


class EventId(Wire):
    """The id of what was made or changed."""

    id: str
