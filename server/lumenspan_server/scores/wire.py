"""Scores and score configs on the wire: what their routes take and answer."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from lumenspan.scores.domain import DataType, ScoreSource
from lumenspan_server.operations import Finite, Instant, Nanos, PageMeta, PageQuery, StrictWire, Wire

MaybeText = str | None | UnsetType
Operator = Literal["<", ">", "<=", ">=", "!=", "="]
ConfigDataType = Literal["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT"]


class ScoreQueryV1(PageQuery):
    """What ``GET /scores`` takes; ``operator`` and ``value`` count together."""

    user_id: str | None = None
    name: str | None = None
    from_timestamp: Nanos | None = None
    to_timestamp: Nanos | None = None
    environment: tuple[str, ...] = ()
    source: ScoreSource | None = None
    operator: Operator | None = None
    value: Finite | None = None
    score_ids: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    data_type: DataType | None = None
    trace_tags: tuple[str, ...] = ()
    fields: str | None = None
    filter: str | None = None


class ScoreQueryV2(ScoreQueryV1):
    """What ``GET /v2/scores`` takes."""

    session_id: str | None = None
    dataset_run_id: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None


class ScoreQueryV3(StrictWire):
    """What ``GET /v3/scores`` takes, and nothing else; texts are lists with commas, any of which fits."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: str | None = None
    fields: str | None = None
    id: str | None = None
    name: str | None = None
    source: str | None = None
    data_type: str | None = None
    environment: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    author_user_id: str | None = None
    value: str | None = None
    value_min: Finite | None = None
    value_max: Finite | None = None
    trace_id: str | None = None
    session_id: str | None = None
    observation_id: str | None = None
    experiment_id: str | None = None
    from_timestamp: Nanos | None = None
    to_timestamp: Nanos | None = None


class NewScore(Wire):
    """A score to take in; it is about a trace (and an observation of it), a session or a run."""

    name: str
    value: float | str
    id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None
    observation_id: str | None = None
    dataset_run_id: str | None = None
    comment: str | None = None
    metadata: dict[str, Any] | None = None
    environment: str | None = None
    queue_id: str | None = None
    data_type: DataType | None = None
    config_id: str | None = None
    source: Literal["API", "ANNOTATION"] | None = None
    timestamp: Instant | None = None


class ScoreId(Wire):
    """The id of the score that was taken in."""

    id: str


class Refusal(Wire):
    """Why a score was refused."""

    message: str


class ScoreResults(Wire):
    """Of a list of which some were refused: how many, and why."""

    accepted: int
    rejected: int
    errors: list[Refusal]


class ScoreTrace(Wire):
    """What a score's row says of its trace."""

    user_id: str | None
    tags: list[str]
    environment: str
    session_id: str | None


class _Base(Wire):
    id: str
    project_id: str
    timestamp: Instant
    name: str
    source: ScoreSource
    observation_id: str | None
    comment: str | None
    metadata: Any
    config_id: str | None
    queue_id: str | None
    author_user_id: str | None
    environment: str
    created_at: Instant
    updated_at: Instant


class _BaseV1(_Base, tag_field="dataType"):
    trace_id: str
    session_id: str | None
    dataset_run_id: str | None


class NumericScoreV1(_BaseV1, tag="NUMERIC"):
    """A number."""

    value: float


class CategoricalScoreV1(_BaseV1, tag="CATEGORICAL"):
    """A category by its label, with its number."""

    value: float
    string_value: str


class BooleanScoreV1(_BaseV1, tag="BOOLEAN"):
    """0 or 1, with ``False`` or ``True``."""

    value: float
    string_value: str


class TextScoreV1(_BaseV1, tag="TEXT"):
    """A text."""

    string_value: str


ScoreV1 = NumericScoreV1 | CategoricalScoreV1 | BooleanScoreV1 | TextScoreV1


class _BaseV2(_Base, tag_field="dataType"):
    trace_id: str | None
    session_id: str | None
    dataset_run_id: str | None
    trace: ScoreTrace | UnsetType | None = UNSET


class NumericScore(_BaseV2, tag="NUMERIC", kw_only=True):
    """A number."""

    value: float


class CategoricalScore(_BaseV2, tag="CATEGORICAL", kw_only=True):
    """A category by its label, with its number."""

    value: float
    string_value: str


class BooleanScore(_BaseV2, tag="BOOLEAN", kw_only=True):
    """0 or 1, with ``False`` or ``True``."""

    value: float
    string_value: str


class CorrectionScore(_BaseV2, tag="CORRECTION", kw_only=True):
    """What the output should have been."""

    value: float
    string_value: str


class TextScore(_BaseV2, tag="TEXT", kw_only=True):
    """A text."""

    string_value: str


Score = NumericScore | CategoricalScore | BooleanScore | CorrectionScore | TextScore


class Scores(Wire):
    """A page of scores."""

    data: list[Score]
    meta: PageMeta


class TraceSubject(Wire, tag_field="kind", tag="trace"):
    """The score is about a trace."""

    id: str


class ObservationSubject(Wire, tag_field="kind", tag="observation"):
    """The score is about an observation."""

    id: str
    trace_id: str


class SessionSubject(Wire, tag_field="kind", tag="session"):
    """The score is about a session."""

    id: str


class ExperimentSubject(Wire, tag_field="kind", tag="experiment"):
    """The score is about a run as a whole."""

    id: str


Subject = TraceSubject | ObservationSubject | SessionSubject | ExperimentSubject


class _BaseV3(Wire, tag_field="dataType"):
    id: str
    project_id: str
    name: str
    source: ScoreSource
    timestamp: Instant
    environment: str
    created_at: Instant
    updated_at: Instant
    comment: MaybeText = UNSET
    config_id: MaybeText = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    subject: Subject | UnsetType = UNSET
    author_user_id: MaybeText = UNSET
    queue_id: MaybeText = UNSET


class NumericScoreV3(_BaseV3, tag="NUMERIC", kw_only=True):
    """A number."""

    value: float


class BooleanScoreV3(_BaseV3, tag="BOOLEAN", kw_only=True):
    """True or false."""

    value: bool


class CategoricalScoreV3(_BaseV3, tag="CATEGORICAL", kw_only=True):
    """The label of a category."""

    value: str


class TextScoreV3(_BaseV3, tag="TEXT", kw_only=True):
    """A text."""

    value: str


class CorrectionScoreV3(_BaseV3, tag="CORRECTION", kw_only=True):
    """What the output should have been."""

    value: str


ScoreV3 = NumericScoreV3 | BooleanScoreV3 | CategoricalScoreV3 | TextScoreV3 | CorrectionScoreV3


class LimitCursorMeta(Wire, omit_defaults=True):
    """``cursor`` leads to the next page; absent on the last."""

    limit: int
    cursor: str | None = None


class ScoresV3(Wire):
    """A page; a missing cursor means that it is the last."""

    data: list[ScoreV3]
    meta: LimitCursorMeta


class ConfigCategory(Wire):
    """One choice of a categorical config."""

    value: float
    label: str


class NewScoreConfig(Wire):
    """What scores may be."""

    name: str
    data_type: ConfigDataType
    categories: list[ConfigCategory] | None = None
    min_value: float | None = None
    max_value: float | None = None
    description: str | None = None


class ScoreConfigUpdate(Wire):
    """What to change; at least one member."""

    is_archived: bool | None = None
    name: str | None = None
    categories: list[ConfigCategory] | None = None
    min_value: float | None = None
    max_value: float | None = None
    description: str | None = None


class ScoreConfigRow(Wire):
    """A config as the routes answer it."""

    id: str
    name: str
    created_at: Instant
    updated_at: Instant
    project_id: str
    data_type: ConfigDataType
    is_archived: bool
    min_value: float | None
    max_value: float | None
    categories: list[ConfigCategory] | None
    description: str | None


class ScoreConfigs(Wire):
    """A page of configs."""

    data: list[ScoreConfigRow]
    meta: PageMeta
