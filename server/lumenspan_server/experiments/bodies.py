"""What the routes of experiments read and answer (contract, section 5)."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lumenspan.observations.domain import Level
from lumenspan.scores.domain import ScoreSource
from lumenspan_server.operations import CursorMeta, Instant, Nanos, Wire

Limit = Annotated[int, Meta(ge=1, le=100)]
ScoreLimit = Annotated[int, Meta(ge=1, le=50)]


class ExperimentsQuery(Wire):
    """Lists separated by commas; ``fields`` of core, metadata, scores."""

    from_start_time: Nanos
    to_start_time: Nanos | None = None
    fields: str | None = None
    limit: Limit = 50
    score_limit: ScoreLimit = 50
    cursor: str | None = None
    id: str | None = None
    name: str | None = None
    dataset_id: str | None = None
    filter: str | None = None


class ExperimentItemsQuery(Wire):
    """``fields`` of core, dataset, io, metadata, itemMetadata, experimentMetadata, scores."""

    from_start_time: Nanos
    to_start_time: Nanos | None = None
    fields: str | None = None
    limit: Limit = 50
    score_limit: ScoreLimit = 50
    cursor: str | None = None
    experiment_id: str | None = None
    experiment_name: str | None = None
    experiment_item_id: str | None = None
    dataset_id: str | None = None
    filter: str | None = None


class TraceSubject(Wire, tag_field="kind", tag="trace"):
    """A trace that was judged."""

    id: str


class ObservationSubject(Wire, tag_field="kind", tag="observation"):
    """An observation that was judged."""

    id: str
    trace_id: str | UnsetType | None = UNSET


class SessionSubject(Wire, tag_field="kind", tag="session"):
    """A session that was judged."""

    id: str


class ExperimentSubject(Wire, tag_field="kind", tag="experiment"):
    """An experiment that was judged."""

    id: str


Subject = TraceSubject | ObservationSubject | SessionSubject | ExperimentSubject


class _Score(Wire):
    id: str
    project_id: str
    name: str
    source: ScoreSource
    timestamp: Instant
    environment: str
    created_at: Instant
    updated_at: Instant
    subject: Subject | UnsetType | None = UNSET
    comment: str | UnsetType | None = UNSET
    config_id: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    author_user_id: str | UnsetType | None = UNSET
    queue_id: str | UnsetType | None = UNSET


class NumericScore(_Score, kw_only=True, tag_field="dataType", tag="NUMERIC"):
    """A number."""

    value: float


class BooleanScore(_Score, kw_only=True, tag_field="dataType", tag="BOOLEAN"):
    """Yes or no."""

    value: bool


class CategoricalScore(_Score, kw_only=True, tag_field="dataType", tag="CATEGORICAL"):
    """A label."""

    value: str


class TextScore(_Score, kw_only=True, tag_field="dataType", tag="TEXT"):
    """A text."""

    value: str


class CorrectionScore(_Score, kw_only=True, tag_field="dataType", tag="CORRECTION"):
    """What the output should have been."""

    value: str


AnyScore = NumericScore | BooleanScore | CategoricalScore | TextScore | CorrectionScore


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
    scores: list[AnyScore] | UnsetType | None = UNSET


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
    scores: list[AnyScore] | UnsetType | None = UNSET


class ExperimentItemsAnswer(Wire):
    """A page of items."""

    data: list[ExperimentItemRow]
    meta: CursorMeta
