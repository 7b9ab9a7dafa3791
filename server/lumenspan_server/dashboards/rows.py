"""Dashboards and widgets between their domain and the wire."""

from collections.abc import Sequence
from typing import Any

import msgspec

from lumenspan.clock import datetime_to_iso
from lumenspan.dashboards import domain
from lumenspan.dashboards.domain import ChartType, Dashboard, PlacementType, Widget
from lumenspan.metrics.domain import Metric
from lumenspan_server.dashboards.bodies import (
    AnyNewPlacement,
    AnyPlacement,
    ChartConfig,
    ChartConfigInput,
    DashboardAnswer,
    DefaultSort,
    Definition,
    Dimension,
    Filter,
    NewWidgetPlacement,
    PresetPlacement,
    WidgetAnswer,
    WidgetMetric,
    WidgetPlacement,
)


def to_widget(widget: Widget) -> WidgetAnswer:
    """A widget as the routes answer it."""
    content = widget.content
    return WidgetAnswer(
        id=widget.id,
        created_at=datetime_to_iso(widget.created_at),
        updated_at=datetime_to_iso(widget.updated_at),
        name=content.name,
        description=content.description,
        view=content.view,
        dimensions=[Dimension(field=name) for name in content.dimensions],
        metrics=[WidgetMetric(measure=each.measure, agg=each.aggregation) for each in content.metrics],
        filters=_to_filters(content.filters),
        chart_type=content.chart_type,
        chart_config=_to_config(content.chart_type, content.chart_config),
    )


def to_dashboard(dashboard: Dashboard) -> DashboardAnswer:
    """A dashboard as the routes answer it."""
    return DashboardAnswer(
        id=dashboard.id,
        created_at=datetime_to_iso(dashboard.created_at),
        updated_at=datetime_to_iso(dashboard.updated_at),
        name=dashboard.name,
        description=dashboard.description,
        definition=Definition(widgets=[to_placement(each) for each in dashboard.placements]),
        filters=_to_filters(dashboard.filters),
    )


def to_placement(each: domain.Placement) -> AnyPlacement:
    """A tile as the routes answer it."""
    place = {"id": each.id, "x": each.x, "y": each.y, "width": each.width, "height": each.height}
    if each.type is PlacementType.PRESET:
        return PresetPlacement(preset_id=each.content_id, **place)  # type: ignore[arg-type]
    return WidgetPlacement(widget_id=each.content_id, **place)  # type: ignore[arg-type]


def of_placements(given: Sequence[AnyPlacement]) -> tuple[domain.Placement, ...]:
    """The tiles of a definition."""
    return tuple(
        domain.Placement(*_content(each), each.x, each.y, each.width, each.height) for each in given
    )


def of_new_placement(given: AnyNewPlacement) -> domain.NewPlacement:
    """A tile to add."""
    is_widget = isinstance(given, NewWidgetPlacement)
    return domain.NewPlacement(
        type=PlacementType.WIDGET if is_widget else PlacementType.PRESET,
        content_id=given.widget_id if isinstance(given, NewWidgetPlacement) else given.preset_id,
        id=given.id,
        x=given.x,
        y=given.y,
        width=given.width,
        height=given.height,
    )


def of_dimensions(given: Sequence[Dimension]) -> tuple[str, ...]:
    """Names of dimensions."""
    return tuple(each.field for each in given)


def of_metrics(given: Sequence[WidgetMetric]) -> tuple[Metric, ...]:
    """Measures with their aggregation."""
    return tuple(Metric(each.measure, each.agg) for each in given)


def of_filters(given: Sequence[Filter]) -> tuple[domain.Filter, ...]:
    """Conditions as they were sent, without what was left out."""
    return tuple(msgspec.to_builtins(each) for each in given)


def of_config(given: ChartConfigInput | None) -> domain.ChartConfig | None:
    """How a chart is to be drawn."""
    if given is None:
        return None
    sort = given.default_sort
    return domain.ChartConfig(
        for_type=given.type,
        row_limit=given.row_limit,
        show_value_labels=given.show_value_labels,
        bins=given.bins,
        sort_column=sort.column if sort else None,
        sort_order=sort.order if sort else None,
    )


def _content(each: AnyPlacement) -> tuple[PlacementType, str, str]:
    if isinstance(each, WidgetPlacement):
        return PlacementType.WIDGET, each.id, each.widget_id
    return PlacementType.PRESET, each.id, each.preset_id


def _to_filters(filters: Sequence[domain.Filter]) -> list[Filter]:
    made: list[Any] = list(filters)
    return msgspec.convert(made, list[Filter])


def _to_config(chart_type: ChartType, config: domain.ChartConfig) -> ChartConfig:
    made = ChartConfig(type=chart_type)
    if config.row_limit is not None:
        made.row_limit = config.row_limit
    if config.show_value_labels is not None:
        made.show_value_labels = config.show_value_labels
    if config.bins is not None:
        made.bins = config.bins
    if config.sort_column is not None and config.sort_order is not None:
        made.default_sort = DefaultSort(column=config.sort_column, order=config.sort_order)
    return made
