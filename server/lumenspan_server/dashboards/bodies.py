"""What the routes of dashboards and widgets read and answer (contract, section 10)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lumenspan.dashboards.domain import GRID_COLUMNS, ChartType, SortOrder
from lumenspan.metrics.domain import Aggregation, ViewName
from lumenspan_server.operations import Instant, PageMeta, StrictWire, Wire

# Far more than anybody scrolls, and nothing that a column cannot hold.
_MOST_ROWS = 100_000
X = Annotated[int, Meta(ge=0, lt=GRID_COLUMNS)]
Y = Annotated[int, Meta(ge=0, le=_MOST_ROWS)]
Width = Annotated[int, Meta(ge=1, le=GRID_COLUMNS)]
Height = Annotated[int, Meta(ge=1, le=_MOST_ROWS)]
PlacementId = Annotated[str, Meta(min_length=1, max_length=255)]
RowLimit = Annotated[int, Meta(ge=1, le=1_000)]
Bins = Annotated[int, Meta(ge=1, le=100)]
View = Literal["observations", "scores-numeric", "scores-boolean", "scores-categorical"]


class Dimension(Wire):
    """What rows are grouped by."""

    field: str


class WidgetMetric(Wire):
    """A measure and how it is aggregated."""

    measure: str
    agg: Aggregation


class Filter(Wire):
    """A condition of the filter grammar."""

    column: str
    operator: str
    type: str
    value: Any = UNSET
    key: str | UnsetType | None = UNSET


class DefaultSort(Wire):
    """Order of the rows of a pivot table."""

    column: str
    order: SortOrder


Dimensions = list[Dimension]
Metrics = list[WidgetMetric]
Filters = list[Filter]


class ChartConfigInput(Wire):
    """``type`` may be left out, and must else be the widget's chart type."""

    type: ChartType | None = None
    row_limit: RowLimit | None = msgspec.field(name="row_limit", default=None)
    show_value_labels: bool | None = msgspec.field(name="show_value_labels", default=None)
    bins: Bins | None = None
    default_sort: DefaultSort | None = None


class ChartConfig(Wire):
    """How the chart is drawn; what was left open is absent."""

    type: ChartType
    row_limit: int | UnsetType | None = msgspec.field(name="row_limit", default=UNSET)
    show_value_labels: bool | UnsetType | None = msgspec.field(name="show_value_labels", default=UNSET)
    bins: int | UnsetType | None = UNSET
    default_sort: DefaultSort | UnsetType | None = UNSET


class NewWidget(Wire):
    """A widget to make."""

    name: str
    view: View
    dimensions: Dimensions
    metrics: Metrics
    filters: Filters
    chart_type: ChartType
    description: str | None = None
    chart_config: ChartConfigInput | None = None


class WidgetUpdate(Wire):
    """What to change of a widget; null is as good as absent."""

    name: str | None = None
    description: str | None = None
    view: View | None = None
    dimensions: Dimensions | None = None
    metrics: Metrics | None = None
    filters: Filters | None = None
    chart_type: ChartType | None = None
    chart_config: ChartConfigInput | None = None


class WidgetAnswer(Wire):
    """A widget; ``traces`` is a view of old ones."""

    id: str
    created_at: Instant
    updated_at: Instant
    name: str
    description: str
    view: ViewName
    dimensions: Dimensions
    metrics: Metrics
    filters: Filters
    chart_type: ChartType
    chart_config: ChartConfig


class WidgetPage(Wire):
    """A page of widgets."""

    data: list[WidgetAnswer]
    meta: PageMeta


class WidgetPlacement(Wire, tag_field="type", tag="widget"):
    """A tile with a widget."""

    id: PlacementId
    widget_id: str
    x: X
    y: Y
    width: Width
    height: Height


class PresetPlacement(Wire, tag_field="type", tag="preset"):
    """A tile with a ready-made chart."""

    id: PlacementId
    preset_id: str
    x: X
    y: Y
    width: Width
    height: Height


AnyPlacement = WidgetPlacement | PresetPlacement


class NewWidgetPlacement(Wire, tag_field="type", tag="widget"):
    """A tile with a widget to add."""

    widget_id: str
    id: PlacementId | None = None
    x: X | None = None
    y: Y | None = None
    width: Width | None = None
    height: Height | None = None


class NewPresetPlacement(Wire, tag_field="type", tag="preset"):
    """A tile with a ready-made chart to add."""

    preset_id: str
    id: PlacementId | None = None
    x: X | None = None
    y: Y | None = None
    width: Width | None = None
    height: Height | None = None


AnyNewPlacement = NewWidgetPlacement | NewPresetPlacement


class PlacementUpdate(StrictWire):
    """Where to move a tile and how to size it; what it shows cannot be changed."""

    x: X | None = None
    y: Y | None = None
    width: Width | None = None
    height: Height | None = None


class Definition(Wire):
    """What stands on a dashboard."""

    widgets: list[AnyPlacement]


class NewDashboard(Wire):
    """A dashboard to make."""

    name: str
    description: str | None = None
    definition: Definition | None = None
    filters: Filters | None = None


class DashboardUpdate(Wire):
    """What to change of a dashboard; null is as good as absent."""

    name: str | None = None
    description: str | None = None
    definition: Definition | None = None
    filters: Filters | None = None


class DashboardAnswer(Wire):
    """A dashboard; its filters hold for every tile."""

    id: str
    created_at: Instant
    updated_at: Instant
    name: str
    description: str
    definition: Definition
    filters: Filters


class DashboardPage(Wire):
    """A page of dashboards."""

    data: list[DashboardAnswer]
    meta: PageMeta


class ErrorIssue(Wire):
    """One place of a request that does not fit."""

    code: str
    message: str
    path: list[Any]


class ErrorDetails(Wire):
    """What else is known of an error."""

    issues: list[ErrorIssue] | UnsetType | None = UNSET
    field: str | UnsetType | None = UNSET
    allowed_values: list[str] | UnsetType | None = UNSET


class StructuredError(Wire):
    """An error of these routes."""

    message: str
    code: str
    details: ErrorDetails | UnsetType | None = UNSET
