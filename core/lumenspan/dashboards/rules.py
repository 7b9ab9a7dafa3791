"""What a widget may name: the views, dimensions and measures of the metrics, and filters that fit them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lumenspan.dashboards.domain import (
    MAX_PLACEMENTS,
    ChartType,
    Filter,
    NewPlacement,
    Placement,
    WidgetContent,
)
from lumenspan.errors import InvalidInput
from lumenspan.filters import check_conditions, find_column
from lumenspan.metrics.domain import Aggregation
from lumenspan.metrics.views import VIEWS, View

MAX_NAME = 255
_MAX_METRICS, _MAX_PIVOT_DIMENSIONS = 10, 2
_OF_TEXT = (Aggregation.COUNT, Aggregation.UNIQ)


def invalid(message: str, field: str, allowed: Iterable[str] | None = None) -> InvalidInput:
    """The error that says which field does not fit, and what would."""
    details: dict[str, object] = {"field": field}
    if allowed is not None:
        details["allowedValues"] = list(allowed)
    return InvalidInput(message, reason="invalid_request", details=details)


def check_name(name: str) -> str:
    """The name without blanks around it; InvalidInput where it cannot be one."""
    stripped = name.strip()
    if not 1 <= len(stripped) <= MAX_NAME:
        raise invalid(f"A name has 1 to {MAX_NAME} characters", "name")
    return stripped


def check_widget(content: WidgetContent) -> None:
    """Raises InvalidInput, whose details name the field, for what cannot be drawn."""
    view = VIEWS[content.view]
    if content.chart_config.for_type not in (None, content.chart_type):
        raise invalid("chartConfig.type must match chartType", "chartConfig.type", [content.chart_type])
    _check_counts(content)
    for at, name in enumerate(content.dimensions):
        if name not in view.dimensions:
            allowed = sorted(view.dimensions)
            message = f"Invalid dimension {name}. Must be one of {', '.join(allowed)}"
            raise invalid(message, f"dimensions[{at}].field", allowed)
    for at, metric in enumerate(content.metrics):
        measure = view.measures.get(metric.measure)
        if measure is None:
            allowed = sorted(view.measures)
            message = f"Invalid metric {metric.measure}. Must be one of {', '.join(allowed)}"
            raise invalid(message, f"metrics[{at}].measure", allowed)
        if not measure.is_numeric and metric.aggregation not in _OF_TEXT:
            message = f"Aggregation {metric.aggregation} is not valid for {metric.measure}"
            raise invalid(message, f"metrics[{at}].agg", _OF_TEXT)
    _check_columns(content.filters, view)


def check_filters(filters: Sequence[Filter]) -> None:
    """Each for itself; which columns there are depends on the widget."""
    for at, each in enumerate(filters):
        try:
            check_conditions([each])
        except InvalidInput as error:
            raise invalid(error.message, f"filters[{at}]") from None


def check_placements(placements: Sequence[Placement | NewPlacement]) -> None:
    """Raises InvalidInput where there are too many, or an id stands twice."""
    if len(placements) > MAX_PLACEMENTS:
        raise invalid(f"A dashboard has at most {MAX_PLACEMENTS} placements", "definition.widgets")
    seen = set()
    for at, each in enumerate(placements):
        if each.id in seen:
            raise invalid(f"Two placements have the id {each.id}", f"definition.widgets[{at}].id")
        seen.add(each.id)


def _check_counts(content: WidgetContent) -> None:
    most = _MAX_PIVOT_DIMENSIONS if content.chart_type is ChartType.PIVOT_TABLE else 1
    if len(content.dimensions) > most:
        raise invalid(f"{content.chart_type} has at most {most} dimensions", "dimensions")
    if not 1 <= len(content.metrics) <= _MAX_METRICS:
        raise invalid(f"A widget has 1 to {_MAX_METRICS} metrics", "metrics")


def _check_columns(filters: Sequence[Filter], view: View) -> None:
    check_filters(filters)
    for at, each in enumerate(filters):
        found = view.column(each["column"])
        if found is None:
            allowed = sorted([*view.dimensions, "metadata", view.time_column])
            message = f"Invalid filter column {each['column']}. Must be one of {', '.join(allowed)}"
            raise invalid(message, f"filters[{at}].column", allowed)
        (condition,) = check_conditions([each])
        try:
            find_column({condition.column: found[0]}, condition)
        except InvalidInput as error:
            raise invalid(error.message, f"filters[{at}].type") from None
