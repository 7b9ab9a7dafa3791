"""A score, and the config that says what scores of a name may look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lumenspan.ids import ProjectId, ScoreConfigId, ScoreId


class DataType(StrEnum):
    """What the value of a score is."""

    NUMERIC = "NUMERIC"
    BOOLEAN = "BOOLEAN"
    CATEGORICAL = "CATEGORICAL"
    TEXT = "TEXT"
    CORRECTION = "CORRECTION"


class ScoreSource(StrEnum):
    """Who judged."""

    API = "API"
    EVAL = "EVAL"
    ANNOTATION = "ANNOTATION"


@dataclass(frozen=True, slots=True)
class Category:
    """One of the answers of a categorical config."""

    label: str
    value: float


# What a boolean config always has.
BOOLEAN_CATEGORIES = (Category("True", 1), Category("False", 0))


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    """What scores that refer to it must be.

    Attributes:
        data_type: never CORRECTION.
        min_value, max_value: of NUMERIC ones, both inclusive; None for no limit.
        categories: of CATEGORICAL and BOOLEAN ones.
        is_archived: no new score may refer to it.
    """

    id: ScoreConfigId
    project_id: ProjectId
    name: str
    data_type: DataType
    is_archived: bool
    min_value: float | None
    max_value: float | None
    categories: tuple[Category, ...]
    description: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ScoreConfigChange:
    """What to change of a config; None leaves it as it is."""

    name: str | None = None
    is_archived: bool | None = None
    min_value: float | None = None
    max_value: float | None = None
    categories: tuple[Category, ...] | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The newest write of one score.

    Attributes:
        value: 0 where the judgement is a text; of a category the number that its config gives it.
        string_value: label or text; None of a NUMERIC score.
        timestamp_ns, updated_ns: nanoseconds since the epoch.
        created_us: microseconds since the epoch.
    """

    project_id: ProjectId
    id: ScoreId
    timestamp_ns: int
    name: str
    data_type: DataType
    source: ScoreSource
    value: float
    string_value: str | None
    trace_id: str
    observation_id: str
    session_id: str
    dataset_run_id: str
    comment: str | None
    config_id: str | None
    queue_id: str | None
    author_user_id: str | None
    execution_trace_id: str | None
    environment: str
    created_us: int
    updated_ns: int
    metadata: dict[str, str] = field(default_factory=dict)
