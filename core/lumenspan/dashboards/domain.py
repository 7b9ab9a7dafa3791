"""Dashboards: charts over the metrics of a project, each defined once as a widget and placed on grids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lumenspan.ids import ProjectId
from lumenspan.metrics.domain import Metric, ViewName

GRID_COLUMNS = 12
DEFAULT_SIZE = 6
MAX_PLACEMENTS = 500
# Ready-made tiles that a client draws by itself.
PRESETS = (
    "home-traces",
    "home-model-costs",
    "home-scores-table",
    "home-traces-obs-time-series",
    "home-model-usage",
    "home-users",
    "home-chart-scores",
    "home-latency-table-traces",
    "home-latency-table-generations",
    "home-latency-table-observations",
    "home-generation-latency",
    "home-score-analytics",
)
# A condition of the filter grammar as it was sent: ``{column, operator, type, value?, key?}``.
Filter = dict[str, Any]


class ChartType(StrEnum):
    """How a widget is drawn."""

    LINE_TIME_SERIES = "LINE_TIME_SERIES"
    AREA_TIME_SERIES = "AREA_TIME_SERIES"
    BAR_TIME_SERIES = "BAR_TIME_SERIES"
    HORIZONTAL_BAR = "HORIZONTAL_BAR"
    VERTICAL_BAR = "VERTICAL_BAR"
    PIE = "PIE"
    NUMBER = "NUMBER"
    HISTOGRAM = "HISTOGRAM"
    PIVOT_TABLE = "PIVOT_TABLE"


class SortOrder(StrEnum):
    """Of the rows of a pivot table."""

    ASC = "ASC"
    DESC = "DESC"


class PlacementType(StrEnum):
    """What stands on a tile."""

    WIDGET = "widget"
    PRESET = "preset"


@dataclass(frozen=True, slots=True)
class ChartConfig:
    """What a chart is drawn with; None for what was left open.

    Attributes:
        for_type: the chart type that it was given for; it must be that of its widget.
        row_limit: of charts of totals and of pivot tables.
        bins: of histograms.
        sort_column, sort_order: of pivot tables, both or none.
    """

    for_type: ChartType | None = None
    row_limit: int | None = None
    show_value_labels: bool | None = None
    bins: int | None = None
    sort_column: str | None = None
    sort_order: SortOrder | None = None


@dataclass(frozen=True, slots=True)
class WidgetContent:
    """What a widget shows."""

    name: str
    description: str
    view: ViewName
    dimensions: tuple[str, ...]
    metrics: tuple[Metric, ...]
    filters: tuple[Filter, ...]
    chart_type: ChartType
    chart_config: ChartConfig


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget of a project."""

    id: str
    project_id: ProjectId
    content: WidgetContent
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WidgetChange:
    """What to change; None leaves it. A new chart type alone takes the configuration away."""

    name: str | None = None
    description: str | None = None
    view: ViewName | None = None
    dimensions: tuple[str, ...] | None = None
    metrics: tuple[Metric, ...] | None = None
    filters: tuple[Filter, ...] | None = None
    chart_type: ChartType | None = None
    chart_config: ChartConfig | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A tile of the grid of twelve columns; ``y`` grows downwards. Tiles may overlap.

    Attributes:
        content_id: of a widget of the project, or one of ``PRESETS``.
    """

    type: PlacementType
    id: str
    content_id: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class NewPlacement:
    """A tile to add; None is made up: a new id, the left edge, below all others, a quarter of a screen."""

    type: PlacementType
    content_id: str
    id: str | None = None
    x: int | None = None
    y: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class PlacementChange:
    """Where to move a tile, how to size it; None leaves it."""

    x: int | None = None
    y: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; ``filters`` hold for every tile."""

    id: str
    project_id: ProjectId
    name: str
    description: str
    placements: tuple[Placement, ...]
    filters: tuple[Filter, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DashboardChange:
    """What to say of a dashboard; None leaves it, or is empty for a new one."""

    name: str | None = None
    description: str | None = None
    placements: tuple[Placement, ...] | None = None
    filters: tuple[Filter, ...] | None = None
