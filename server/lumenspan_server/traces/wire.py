"""Traces on the wire: what their routes take and answer."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.traces.deletion import MAX_AT_ONCE
from lumenspan_server.observations.wire import ObservationV1
from lumenspan_server.operations import Instant, Nanos, PageMeta, PageQuery, Wire
from lumenspan_server.scores.wire import ScoreV1


class TraceDetailQuery(Wire):
    """``fields``: groups with commas, of core, io, scores, observations and metrics; all by default."""

    fields: str | None = None


class TraceQuery(PageQuery):
    """What ``GET /traces`` takes; a trace has all the ``tags`` and one of the environments."""

    user_id: str | None = None
    name: str | None = None
    session_id: str | None = None
    from_timestamp: Nanos | None = None
    to_timestamp: Nanos | None = None
    order_by: str | None = None
    tags: tuple[str, ...] = ()
    version: str | None = None
    release: str | None = None
    environment: tuple[str, ...] = ()
    fields: str | None = None
    filter: str | None = None


class TraceIds(Wire):
    """Which traces to delete."""

    trace_ids: Annotated[list[str], Meta(min_length=1, max_length=MAX_AT_ONCE)]


class TraceFields(Wire):
    """What every row of a trace holds; latency in seconds and cost in US dollars, -1 where left out."""

    id: str
    project_id: str
    name: str | None
    timestamp: Instant
    environment: str
    tags: list[str]
    bookmarked: bool
    release: str | None
    version: str | None
    user_id: str | None
    session_id: str | None
    public: bool
    input: Any
    output: Any
    metadata: Any
    created_at: Instant
    updated_at: Instant
    html_path: str
    latency: float | None
    total_cost: float | None


class TraceRow(TraceFields):
    """A trace with the ids of its scores and observations."""

    scores: list[str]
    observations: list[str]
    external_id: str | None = None


class TraceDetail(TraceFields):
    """A trace with its scores and, in order of start, its observations."""

    scores: list[ScoreV1]
    observations: list[ObservationV1]


class Traces(Wire):
    """A page of traces."""

    data: list[TraceRow]
    meta: PageMeta
