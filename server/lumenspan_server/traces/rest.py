"""REST routes of traces."""

import asyncio
from collections import defaultdict
from typing import Any

from litestar import Request, Response, delete, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.errors import NotFound
from lumenspan.filters import find_column, parse_conditions
from lumenspan.ids import ProjectId, TraceId
from lumenspan.observations.domain import Observation
from lumenspan.scores.domain import DataType, Score
from lumenspan.settings import Settings
from lumenspan.traces.domain import (
    FIELD_GROUPS,
    Trace,
    TraceFilter,
    TraceOrder,
    TraceOrderField,
    TraceSums,
    TraceTexts,
)
from lumenspan.traces.filters import COLUMNS
from lumenspan_server.access import require_project_key
from lumenspan_server.date_ranges import start_of
from lumenspan_server.errors import invalid_query
from lumenspan_server.observations.rows import to_v1_row
from lumenspan_server.operations import Message, answer, operation, page_meta, read_body, read_query
from lumenspan_server.rows import iso, listed, number, parsed, parsed_metadata, seconds
from lumenspan_server.scores.rows import to_v1_row as to_score_row
from lumenspan_server.services import Services
from lumenspan_server.traces.wire import (
    TraceDetail,
    TraceDetailQuery,
    TraceIds,
    TraceQuery,
    TraceRow,
    Traces,
)

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


@get(
    "/api/public/traces",
    summary="Traces of the project, page by page",
    **operation(query=TraceQuery, answer=Traces, resource="public-api-legacy"),
)
async def list_traces(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [trace], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    query = read_query(request, TraceQuery)
    services: Services = request.app.state.services
    groups = _groups(query.fields or services.settings.default_trace_fields)
    where, order = _filter(query, services.settings), _order(query.order_by)
    project_id = principal.project_id
    traces, total = await services.traces.numbered_page(project_id, where, order, query.page, query.limit)
    known = await Known.of(services, project_id, traces, groups)
    return answer(Traces(data=[known.row(trace, groups) for trace in traces], meta=page_meta(query, total)))


@get(
    "/api/public/traces/{trace_id:str}",
    summary="One trace with its observations and scores",
    **operation(query=TraceDetailQuery, answer=TraceDetail, resource="public-api-legacy"),
)
async def get_trace(request: Request[Any, Any, Any], trace_id: FromPath[str]) -> Response[bytes]:
    """The trace, its observations in order of start, its scores."""
    principal = await require_project_key(request)
    groups = _groups(read_query(request, TraceDetailQuery).fields)
    services: Services = request.app.state.services
    trace = await services.traces.get(principal.project_id, trace_id)
    if trace is None:
        raise NotFound(f"Trace {trace_id} not found within authorized project")
    known, observations = await asyncio.gather(
        Known.of(services, principal.project_id, [trace], groups - {"observations"}),
        _observations(services, trace, groups),
    )
    prices = await services.models.default_prices(
        principal.project_id, (each.pricing.model_id for each in observations)
    )
    return answer(
        TraceDetail(
            **known.fields(trace, groups),
            observations=[to_v1_row(each, prices) for each in observations],
            scores=[
                to_score_row(score)
                for score in known.scores.get(trace.id, ())
                # Clients of the first version know no corrections.
                if score.data_type != DataType.CORRECTION
            ],
        )
    )


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

    def row(self, trace: Trace, groups: frozenset[str]) -> TraceRow:
        """A trace of a list; a group that was not asked for is filled as documented."""
        sums = self._sums.get(trace.id, TraceSums())
        return TraceRow(
            **self.fields(trace, groups),
            scores=[score.id for score in self.scores.get(trace.id, ())],
            observations=list(sums.observation_ids) if "observations" in groups else [],
        )

    def fields(self, trace: Trace, groups: frozenset[str]) -> dict[str, Any]:
        """The fields that lists and details of a trace have in common."""
        sums = self._sums.get(trace.id, TraceSums())
        texts = self._texts.get(trace.id, TraceTexts())
        has_metrics = "metrics" in groups
        return {
            "id": trace.id,
            "project_id": trace.project_id,
            "name": trace.name or None,
            "timestamp": iso(trace.start_ns),
            "environment": trace.environment,
            "tags": list(trace.tags),
            "bookmarked": trace.is_bookmarked,
            "release": trace.release or None,
            "version": trace.version or None,
            "user_id": trace.user_id or None,
            "session_id": trace.session_id or None,
            "public": trace.is_public,
            "input": parsed(texts.input),
            "output": parsed(texts.output),
            "metadata": parsed_metadata(self._metadata.get(trace.id, {})),
            "created_at": iso(trace.created_us * 1_000),
            "updated_at": iso(trace.updated_ns),
            "html_path": f"/project/{trace.project_id}/traces/{trace.id}",
            "latency": seconds(trace.latency_ns) if has_metrics else _LEFT_OUT,
            "total_cost": (number(sums.total_cost) or 0) if has_metrics else _LEFT_OUT,
        }


def _groups(fields: str | None) -> frozenset[str]:
    """The documented groups among those asked for; all where none of them is known."""
    return (frozenset(listed(fields)) & FIELD_GROUPS) or FIELD_GROUPS


def _order(text: str | None) -> TraceOrder:
    if not text:
        return TraceOrder()
    column, _, direction = text.partition(".")
    field = _ORDERS.get(column)
    if field is None or direction.lower() not in ("asc", "desc"):
        message = f"Expected one of {', '.join(_ORDERS)}, followed by .asc or .desc"
        raise invalid_query("orderBy", message)
    return TraceOrder(field, is_descending=direction.lower() == "desc")


def _filter(query: TraceQuery, settings: Settings) -> TraceFilter:
    """What the parameters and the filter ask for; the filter wins where both name a column."""
    conditions = parse_conditions(query.filter or "")
    by_column = [(find_column(COLUMNS, condition).canonical, condition) for condition in conditions]
    touched = {column for column, _ in by_column}

    def only(column: str, value: str | None) -> tuple[str, ...]:
        return (value,) if value and column not in touched else ()

    has_times = "timestamp" not in touched
    from_ns = query.from_timestamp if has_times else None
    to_ns = query.to_timestamp if has_times else None
    times = [(each.operator, each.value) for column, each in by_column if column == "timestamp"]
    bounds = [*times, (">=", from_ns), ("<", to_ns)]
    return TraceFilter(
        from_ns=start_of(settings, "fromTimestamp", bounds) if from_ns is None else from_ns,
        to_ns=to_ns,
        names=only("name", query.name),
        user_ids=only("userId", query.user_id),
        session_ids=only("sessionId", query.session_id),
        versions=only("version", query.version),
        releases=only("release", query.release),
        tags=query.tags if "tags" not in touched else (),
        environments=query.environment if "environment" not in touched else (),
        conditions=tuple(conditions),
    )


@delete(
    "/api/public/traces/{trace_id:str}",
    summary="Delete a trace and all that belongs to it",
    **operation(answer=Message, resource="trace-delete"),
)
async def delete_trace(request: Request[Any, Any, Any], trace_id: FromPath[str]) -> Response[bytes]:
    """It is hidden when this answers, and gone soon after; an unknown id is no error."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.deletion.delete(principal.project_id, [trace_id])
    return answer(Message(message="Trace deleted successfully"))


@delete(
    "/api/public/traces",
    summary="Delete up to 1,000 traces and all that belongs to them",
    **operation(body=TraceIds, answer=Message, resource="trace-delete"),
)
async def delete_traces(request: Request[Any, Any, Any]) -> Response[bytes]:
    """They are hidden when this answers, and gone soon after; unknown ids are no error."""
    principal = await require_project_key(request)
    body = await read_body(request, TraceIds)
    services: Services = request.app.state.services
    await services.deletion.delete(principal.project_id, body.trace_ids)
    return answer(Message(message="Traces deleted successfully"))


routes: list[ControllerRouterHandler] = [delete_trace, delete_traces, list_traces, get_trace]
