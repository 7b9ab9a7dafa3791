"""REST routes of traces."""

import asyncio
from collections import defaultdict
from typing import Annotated, Any

from litestar import Request, Response, delete, get
from litestar.params import FromPath
from pydantic import BaseModel, ConfigDict, Field

from lumenspan.errors import NotFound
from lumenspan.filters import find_column, parse_conditions
from lumenspan.ids import ProjectId, TraceId
from lumenspan.observations.domain import Observation
from lumenspan.scores.domain import Score
from lumenspan.traces.deletion import MAX_AT_ONCE
from lumenspan.traces.domain import Trace, TraceFilter, TraceOrder, TraceOrderField, TraceSums, TraceTexts
from lumenspan.traces.filters import COLUMNS
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query, json_response
from lumenspan_server.json_body import read_json
from lumenspan_server.observations.rows import to_v1_row
from lumenspan_server.params import QueryParams
from lumenspan_server.rows import iso, number, parsed, parsed_metadata, seconds
from lumenspan_server.scores.rows import to_row as to_score_row
from lumenspan_server.services import Services

_GROUPS = frozenset({"core", "io", "scores", "observations", "metrics"})
_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**9
_LEFT_OUT = -1
_ORDERS = {
    "id": TraceOrderField.ID,
    "timestamp": TraceOrderField.TIMESTAMP,
    "name": TraceOrderField.NAME,
    "userId": TraceOrderField.USER_ID,
    "release": TraceOrderField.RELEASE,
    "version": TraceOrderField.VERSION,
    "public": TraceOrderField.PUBLIC,
    "bookmarked": TraceOrderField.BOOKMARKED,
    "sessionId": TraceOrderField.SESSION_ID,
}


@get("/api/public/traces", summary="Traces of the project, page by page")
async def list_traces(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [trace], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    groups = _groups(params)
    where, order = _filter(params), _order(params)
    services: Services = request.app.state.services
    project_id = principal.project_id
    traces, total = await services.traces.numbered_page(project_id, where, order, page, limit)
    known = await Known.of(services, project_id, traces, groups)
    return json_response(
        {
            "data": [known.row(trace, groups) | {"externalId": None} for trace in traces],
            "meta": {
                "page": page,
                "limit": limit,
                "totalItems": total,
                "totalPages": -(-total // limit),
            },
        }
    )


@get("/api/public/traces/{trace_id:str}", summary="One trace with its observations and scores")
async def get_trace(request: Request[Any, Any, Any], trace_id: FromPath[str]) -> Response[bytes]:
    """The trace, its observations in order of start, its scores."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    groups = _groups(params)
    services: Services = request.app.state.services
    trace = await services.traces.get(principal.project_id, trace_id)
    if trace is None:
        raise NotFound(f"Trace {trace_id} not found within authorized project")
    known, observations = await asyncio.gather(
        Known.of(services, principal.project_id, [trace], groups - {"observations"}),
        _observations(services, trace, groups),
    )
    row = known.row(trace, groups)
    prices = await services.models.default_prices(
        principal.project_id, (each.pricing.model_id for each in observations)
    )
    row["observations"] = [to_v1_row(each, prices) for each in observations]
    row["scores"] = [to_score_row(score) for score in known.scores.get(trace.id, ())]
    return json_response(row)


async def _observations(services: Services, trace: Trace, groups: frozenset[str]) -> list[Observation]:
    if "observations" not in groups:
        return []
    return await services.observations.whole_trace(trace.project_id, trace.key, has_texts="io" in groups)


class Known:
    """What a page of traces shows besides the traces themselves, read in one query a kind."""

    def __init__(
        self,
        sums: dict[TraceId, TraceSums],
        texts: dict[TraceId, TraceTexts],
        metadata: dict[TraceId, dict[str, str]],
        scores: list[Score],
    ) -> None:
        self._sums = sums
        self._texts = texts
        self._metadata = metadata
        self.scores: dict[str, list[Score]] = defaultdict(list)
        for score in scores:
            self.scores[score.trace_id].append(score)

    @classmethod
    async def of(
        cls, services: Services, project_id: ProjectId, traces: list[Trace], groups: frozenset[str]
    ) -> "Known":
        """Read what these groups of fields need."""
        reader, keys = services.traces, [trace.key for trace in traces]
        for_sums = keys if groups & {"observations", "metrics"} else []
        for_texts = keys if "io" in groups else []
        for_scores = [trace.id for trace in traces] if "scores" in groups else []
        return cls(
            *await asyncio.gather(
                reader.sums(project_id, for_sums),
                reader.texts(project_id, for_texts),
                reader.metadata(project_id, for_texts),
                services.scores.by_traces(project_id, for_scores),
            )
        )

    def row(self, trace: Trace, groups: frozenset[str]) -> dict[str, Any]:
        """A trace; a group that was not asked for is filled as documented."""
        sums = self._sums.get(trace.id, TraceSums())
        texts = self._texts.get(trace.id, TraceTexts())
        has_metrics = "metrics" in groups
        return {
            "id": trace.id,
            "projectId": trace.project_id,
            "name": trace.name or None,
            "timestamp": iso(trace.start_ns),
            "environment": trace.environment,
            "tags": list(trace.tags),
            "bookmarked": trace.is_bookmarked,
            "release": trace.release or None,
            "version": trace.version or None,
            "userId": trace.user_id or None,
            "sessionId": trace.session_id or None,
            "public": trace.is_public,
            "input": parsed(texts.input),
            "output": parsed(texts.output),
            "metadata": parsed_metadata(self._metadata.get(trace.id, {})),
            "createdAt": iso(trace.created_us * 1_000),
            "updatedAt": iso(trace.updated_ns),
            "htmlPath": f"/project/{trace.project_id}/traces/{trace.id}",
            "latency": seconds(trace.latency_ns) if has_metrics else _LEFT_OUT,
            "totalCost": (number(sums.total_cost) or 0) if has_metrics else _LEFT_OUT,
            "scores": [score.id for score in self.scores.get(trace.id, ())],
            "observations": list(sums.observation_ids) if "observations" in groups else [],
        }


def _groups(params: QueryParams) -> frozenset[str]:
    """The documented groups among those asked for; all where none of them is known."""
    return (params.names("fields") & _GROUPS) or _GROUPS


def _order(params: QueryParams) -> TraceOrder:
    text = params.text("orderBy")
    if not text:
        return TraceOrder()
    column, _, direction = text.partition(".")
    field = _ORDERS.get(column)
    if field is None or direction.lower() not in ("asc", "desc"):
        message = f"Expected one of {', '.join(_ORDERS)}, followed by .asc or .desc"
        raise invalid_query("orderBy", message)
    return TraceOrder(field, is_descending=direction.lower() == "desc")


def _filter(params: QueryParams) -> TraceFilter:
    """What the parameters and the filter ask for; the filter wins where both name a column."""
    conditions = parse_conditions(params.text("filter"))
    touched = {find_column(COLUMNS, condition).canonical for condition in conditions}

    def only(name: str, column: str = "") -> tuple[str, ...]:
        value = params.text(name)
        return (value,) if value and (column or name) not in touched else ()

    has_times = "timestamp" not in touched
    from_ns, to_ns = params.time_ns("fromTimestamp"), params.time_ns("toTimestamp")
    return TraceFilter(
        from_ns=from_ns if has_times else None,
        to_ns=to_ns if has_times else None,
        names=only("name"),
        user_ids=only("userId"),
        session_ids=only("sessionId"),
        versions=only("version"),
        releases=only("release"),
        tags=params.texts("tags") if "tags" not in touched else (),
        environments=params.texts("environment") if "environment" not in touched else (),
        conditions=tuple(conditions),
    )


class _Ids(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    trace_ids: Annotated[list[str], Field(alias="traceIds", min_length=1, max_length=MAX_AT_ONCE)]


@delete(
    "/api/public/traces/{trace_id:str}",
    status_code=200,
    summary="Delete a trace and all that belongs to it",
)
async def delete_trace(request: Request[Any, Any, Any], trace_id: FromPath[str]) -> Response[bytes]:
    """It is hidden when this answers, and gone soon after; an unknown id is no error."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.deletion.delete(principal.project_id, [trace_id])
    return json_response({"message": "Trace deleted successfully"})


@delete(
    "/api/public/traces", status_code=200, summary="Delete up to 1,000 traces and all that belongs to them"
)
async def delete_traces(request: Request[Any, Any, Any]) -> Response[bytes]:
    """They are hidden when this answers, and gone soon after; unknown ids are no error."""
    principal = await require_project_key(request)
    body = await read_json(request, _Ids)
    services: Services = request.app.state.services
    await services.deletion.delete(principal.project_id, body.trace_ids)
    return json_response({"message": "Traces deleted successfully"})


routes = [delete_trace, delete_traces, list_traces, get_trace]
