"""REST routes of metrics: the query language in its two versions, and the daily summary."""

from typing import Any

from litestar import Request, Response, get

from lumenspan.filters import Condition, any_of, within
from lumenspan.metrics.domain import DailyMetrics, Edition
from lumenspan.metrics.parsing import parse_query
from lumenspan_server.access import require_project_key
from lumenspan_server.operations import (
    Nanos,
    PageMeta,
    PageQuery,
    Wire,
    answer,
    operation,
    page_meta,
    read_query,
)
from lumenspan_server.services import Services


class MetricsQuery(Wire):
    """``query``: the question as JSON."""

    query: str


class Metrics(Wire):
    """Rows of dimensions, ``time_dimension`` and ``{aggregation}_{measure}``."""

    data: list[dict[str, Any]]


class DailyMetricsQuery(PageQuery):
    """What ``GET /metrics/daily`` takes."""

    trace_name: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    from_timestamp: Nanos | None = None
    to_timestamp: Nanos | None = None


class DailyUsage(Wire):
    """What a model was used for within a day."""

    model: str | None
    input_usage: int
    output_usage: int
    total_usage: int
    count_observations: int
    count_traces: int
    total_cost: float


class Day(Wire):
    """Sums of a day in UTC."""

    date: str
    count_traces: int
    count_observations: int
    total_cost: float
    usage: list[DailyUsage]


class Days(Wire):
    """A page of days."""

    data: list[Day]
    meta: PageMeta


async def _answer(request: Request[Any, Any, Any], edition: Edition) -> Response[bytes]:
    principal = await require_project_key(request)
    text = read_query(request, MetricsQuery).query
    services: Services = request.app.state.services
    rows = await services.metrics.query(principal.project_id, parse_query(text), edition)
    return answer(Metrics(data=rows))


@get(
    "/api/public/metrics",
    summary="Numbers of traces, observations or scores, as of the first version",
    **operation(query=MetricsQuery, answer=Metrics, resource="public-api-metrics"),
)
async def query_metrics_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [row]}``: dimensions, ``time_dimension`` and ``{aggregation}_{measure}``."""
    return await _answer(request, Edition.V1)


@get(
    "/api/public/v2/metrics",
    summary="Numbers of observations or scores",
    **operation(query=MetricsQuery, answer=Metrics, resource="public-api-v2-metrics"),
)
async def query_metrics_v2(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [row]}``, 100 rows unless ``config.row_limit`` says otherwise."""
    return await _answer(request, Edition.V2)


@get(
    "/api/public/metrics/daily",
    summary="Traces, observations, cost and usage of each day, newest first",
    **operation(query=DailyMetricsQuery, answer=Days, resource="public-api-daily-metrics-legacy"),
)
async def daily_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [day], meta}``; days are those of the traces' beginnings in UTC."""
    principal = await require_project_key(request)
    query = read_query(request, DailyMetricsQuery)
    services: Services = request.app.state.services
    days, total = await services.metrics.daily(
        principal.project_id, _conditions(query), query.page, query.limit
    )
    return answer(Days(data=[_day(each) for each in days], meta=page_meta(query, total)))


def _conditions(query: DailyMetricsQuery) -> list[Condition]:
    texts = (("traceName", query.trace_name), ("userId", query.user_id))
    found = [Condition("string", name, "=", text) for name, text in texts if text]
    if query.tags:
        found.append(Condition("arrayOptions", "tags", "all of", query.tags))
    found += any_of("environment", query.environment)
    return found + within("timestamp", query.from_timestamp, query.to_timestamp)


def _day(day: DailyMetrics) -> Day:
    return Day(
        date=day.date,
        count_traces=day.trace_count,
        count_observations=day.observation_count,
        total_cost=day.total_cost,
        usage=[
            DailyUsage(
                model=each.model,
                input_usage=each.input_usage,
                output_usage=each.output_usage,
                total_usage=each.total_usage,
                count_observations=each.observation_count,
                count_traces=each.trace_count,
                total_cost=each.total_cost,
            )
            for each in day.usage
        ],
    )


routes = [query_metrics_v1, query_metrics_v2, daily_metrics]
