"""What the routes of experiments read and answer (contract, section 5)."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lumenspan.observations.domain import Level
from lumenspan_server.operations import CursorMeta, Instant, Nanos, Wire
from lumenspan_server.scores.wire import ScoreV3

Limit = Annotated[int, Meta(ge=1, le=100)]
ScoreLimit = Annotated[int, Meta(ge=1, le=50)]


class RangeQuery(Wire):
    """A page of what started within a range."""

    from_start_time: Nanos
    to_start_time: Nanos | None = None
    fields: str | None = None
    limit: Limit = 50
    score_limit: ScoreLimit = 50
    cursor: str | None = None


class ExperimentsQuery(RangeQuery):
    """Lists separated by commas; ``fields`` of core, metadata, scores."""

    id: str | None = None
    name: str | None = None
    dataset_id: str | None = None
    filter: str | None = None


class ExperimentItemsQuery(RangeQuery):
    """``fields`` of core, dataset, io, metadata, itemMetadata, experimentMetadata, scores."""

    experiment_id: str | None = None
    experiment_name: str | None = None
    experiment_item_id: str | None = None
    dataset_id: str | None = None
    filter: str | None = None


class ExperimentRow(Wire):
    """An experiment within the range that was asked for."""

    id: str
    name: str
    description: str | None
    start_time: Instant
    end_time: Instant
    item_count: int
    dataset_id: str | None
    metadata: dict[str, Any] | UnsetType | None = UNSET
    scores: list[ScoreV3] | UnsetType | None = UNSET


class ExperimentsAnswer(Wire):
    """A page of experiments."""

    data: list[ExperimentRow]
    meta: CursorMeta


class ExperimentItemRow(Wire):
    """What an experiment did with an item; texts as they were stored."""

    id: str
    trace_id: str
    start_time: Instant
    end_time: Instant | None
    level: Level
    environment: str
    experiment_id: str
    experiment_name: str
    experiment_item_id: str
    experiment_dataset_id: str | UnsetType | None = UNSET
    experiment_item_version: Instant | UnsetType | None = UNSET
    input: Any | UnsetType = UNSET
    output: Any | UnsetType = UNSET
    expected_output: Any | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    experiment_item_metadata: dict[str, Any] | UnsetType | None = UNSET
    experiment_metadata: dict[str, Any] | UnsetType | None = UNSET
    experiment_description: str | UnsetType | None = UNSET
    scores: list[ScoreV3] | UnsetType | None = UNSET


class ExperimentItemsAnswer(Wire):
    """A page of items."""

    data: list[ExperimentItemRow]
    meta: CursorMeta
