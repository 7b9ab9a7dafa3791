"""Metrics: what is asked of a view, and the rows that answer it (contract, section 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lumenspan.filters import Condition


class ViewName(StrEnum):
    """What a query counts."""

    TRACES = "traces"
    OBSERVATIONS = "observations"
    SCORES_NUMERIC = "scores-numeric"
    SCORES_CATEGORICAL = "scores-categorical"
    SCORES_BOOLEAN = "scores-boolean"


class Aggregation(StrEnum):
    """How the values of a measure become one."""

    SUM = "sum"
    AVG = "avg"
    COUNT = "count"
    MAX = "max"
    MIN = "min"
    P50 = "p50"
    P75 = "p75"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    HISTOGRAM = "histogram"
    UNIQ = "uniq"


class Granularity(StrEnum):
    """Length of a time bucket, in UTC; weeks begin on Monday. AUTO depends on the range."""

    AUTO = "auto"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Edition(StrEnum):
    """Which rules hold: those of the first REST version, of the second, or none but the limits."""

    V1 = "v1"
    V2 = "v2"
    FREE = "free"


TIME_DIMENSION = "time_dimension"


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure and how it is aggregated."""

    measure: str
    aggregation: Aggregation

    @property
    def key(self) -> str:
        """Its name in the rows of the answer."""
        return f"{self.aggregation}_{self.measure}"


@dataclass(frozen=True, slots=True)
class Order:
    """By a queried dimension, a metric's key or ``time_dimension``."""

    field: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class MetricsQuery:
    """A question about one project.

    Attributes:
        from_ns, to_ns: both inclusive, nanoseconds since the epoch.
        granularity: None for no time buckets.
        row_limit: None where none was given.
        bins: of histograms.
    """

    view: ViewName
    metrics: tuple[Metric, ...]
    from_ns: int
    to_ns: int
    dimensions: tuple[str, ...] = ()
    filters: tuple[Condition, ...] = ()
    granularity: Granularity | None = None
    order: tuple[Order, ...] = ()
    row_limit: int | None = None
    bins: int = 10


@dataclass(frozen=True, slots=True)
class DailyModelUsage:
    """What one model did on one day."""

    model: str | None
    input_usage: int
    output_usage: int
    total_usage: int
    observation_count: int
    trace_count: int
    total_cost: float


@dataclass(frozen=True, slots=True)
class DailyMetrics:
    """One day in UTC, ``date`` as YYYY-MM-DD; cost in US dollars."""

    date: str
    trace_count: int
    observation_count: int
    total_cost: float
    usage: list[DailyModelUsage] = field(default_factory=list)


Row = dict[str, Any]
