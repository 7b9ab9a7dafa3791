"""REST routes of metrics: the query language in its two versions, and the daily summary."""

from typing import Any

from litestar import Request, Response, get

from lumenspan.filters import Condition
from lumenspan.metrics.domain import DailyMetrics, Edition
from lumenspan.metrics.parsing import parse_query
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query, json_response
from lumenspan_server.params import QueryParams
from lumenspan_server.services import Services

_DEFAULT_DAYS, _MAX_DAYS = 50, 100
_MAX_PAGE = 1_000_000


async def _answer(request: Request[Any, Any, Any], edition: Edition) -> Response[bytes]:
    principal = await require_project_key(request)
    text = QueryParams(request).text("query")
    if not text:
        raise invalid_query("query", "Required", "invalid_type")
    services: Services = request.app.state.services
    rows = await services.metrics.query(principal.project_id, parse_query(text), edition)
    return json_response({"data": rows})


@get("/api/public/metrics", summary="Numbers of traces, observations or scores, as of the first version")
async def query_metrics_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [row]}``: dimensions, ``time_dimension`` and ``{aggregation}_{measure}``."""
    return await _answer(request, Edition.V1)


@get("/api/public/v2/metrics", summary="Numbers of observations or scores")
async def query_metrics_v2(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [row]}``, 100 rows unless ``config.row_limit`` says otherwise."""
    return await _answer(request, Edition.V2)


@get("/api/public/metrics/daily", summary="Traces, observations, cost and usage of each day, newest first")
async def daily_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [day], meta}``; days are those of the traces' beginnings in UTC."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_DAYS, 1, _MAX_DAYS)
    services: Services = request.app.state.services
    days, total = await services.metrics.daily(principal.project_id, _conditions(params), page, limit)
    meta = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
    return json_response({"data": [_day(each) for each in days], "meta": meta})


def _conditions(params: QueryParams) -> list[Condition]:
    found = [
        Condition("string", name, "=", params.text(name))
        for name in ("traceName", "userId")
        if params.text(name)
    ]
    if params.texts("tags"):
        found.append(Condition("arrayOptions", "tags", "all of", params.texts("tags")))
    if params.texts("environment"):
        found.append(Condition("stringOptions", "environment", "any of", params.texts("environment")))
    for name, operator in (("fromTimestamp", ">="), ("toTimestamp", "<")):
        bound = params.time_ns(name)
        if bound is not None:
            found.append(Condition("datetime", "timestamp", operator, bound))
    return found


def _day(day: DailyMetrics) -> dict[str, Any]:
    return {
        "date": day.date,
        "countTraces": day.trace_count,
        "countObservations": day.observation_count,
        "totalCost": day.total_cost,
        "usage": [
            {
                "model": each.model,
                "inputUsage": each.input_usage,
                "outputUsage": each.output_usage,
                "totalUsage": each.total_usage,
                "countObservations": each.observation_count,
                "countTraces": each.trace_count,
                "totalCost": each.total_cost,
            }
            for each in day.usage
        ],
    }


routes = [query_metrics_v1, query_metrics_v2, daily_metrics]
