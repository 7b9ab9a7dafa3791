"""Lists of scores in their three versions, and deletion (contract, section 3)."""

import math
from typing import Any

from litestar import Request, Response, delete, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.cursors import encode_cursor, number_and_id
from lumenspan.filters import Condition, any_of, parse_conditions, within, without_overridden
from lumenspan.ids import ProjectId
from lumenspan.scores.domain import DataType, Score, ScoreSource
from lumenspan.scores.filters import COLUMNS
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query
from lumenspan_server.operations import Message, answer, operation, page_meta, read_query
from lumenspan_server.rows import listed
from lumenspan_server.scores import wire
from lumenspan_server.scores.rows import to_row, to_trace_part, to_v3_row
from lumenspan_server.services import Services

_PARTS = frozenset({"score", "trace"})
# The first version knows scores of traces only, and no corrections.
_V1 = (
    Condition("null", "traceId", "is not null"),
    Condition("null", "sessionId", "is null"),
    Condition("null", "datasetRunId", "is null"),
    Condition("stringOptions", "dataType", "none of", ("CORRECTION",)),
)
_V3_GROUPS = frozenset({"details", "subject", "annotation"})


def _equal(column: str, value: str | None) -> list[Condition]:
    return [Condition("string", column, "=", value)] if value else []


def _conditions(query: wire.ScoreQueryV1) -> list[Condition]:
    """What the parameters ask for that both older versions take."""
    found = [
        *within("timestamp", query.from_timestamp, query.to_timestamp),
        *_equal("userId", query.user_id),
        *_equal("name", query.name),
        *_equal("configId", query.config_id),
        *_equal("queueId", query.queue_id),
        *_equal("source", query.source),
        *_equal("dataType", query.data_type),
        *any_of("environment", query.environment),
        *any_of("id", listed(query.score_ids)),
    ]
    tags = tuple(tag for text in query.trace_tags for tag in listed(text))
    if tags:
        found.append(Condition("arrayOptions", "traceTags", "all of", tags))
    # One without the other is ignored.
    if query.operator and query.value is not None:
        found.append(Condition("number", "value", query.operator, query.value))
    return found


def _with_filter(query: wire.ScoreQueryV1, simple: list[Condition]) -> list[Condition]:
    """What the parameters and the filter ask for; the filter wins where both name a column."""
    return without_overridden(simple, parse_conditions(query.filter or ""), COLUMNS)


def _conditions_v2(query: wire.ScoreQueryV2) -> list[Condition]:
    simple = [
        *_conditions(query),
        *_equal("sessionId", query.session_id),
        *_equal("datasetRunId", query.dataset_run_id),
        *_equal("traceId", query.trace_id),
        *any_of("observationId", listed(query.observation_id)),
    ]
    return _with_filter(query, simple)


def _parts(query: wire.ScoreQueryV1) -> frozenset[str]:
    parts = (frozenset(listed(query.fields)) & _PARTS) or _PARTS
    if "score" not in parts:
        raise invalid_query("fields", "Scores are always part of the answer: add score")
    if "trace" not in parts and (query.user_id or query.trace_tags):
        raise invalid_query("fields", "userId and traceTags need trace among the fields")
    return parts


@get(
    "/api/public/scores",
    summary="Scores of traces of the project, newest first",
    **operation(query=wire.ScoreQueryV1, answer=wire.Scores, resource="public-api-legacy"),
)
async def list_scores_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [score], meta: {page, limit, totalItems, totalPages}}``; without corrections."""
    principal = await require_project_key(request)
    query = read_query(request, wire.ScoreQueryV1)
    conditions = [*_with_filter(query, _conditions(query)), *_V1]
    return await _page(request, principal.project_id, query, conditions)


@get(
    "/api/public/v2/scores",
    summary="Scores of the project, newest first",
    **operation(query=wire.ScoreQueryV2, answer=wire.Scores, resource="public-api-legacy"),
)
async def list_scores_v2(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [score], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    query = read_query(request, wire.ScoreQueryV2)
    return await _page(request, principal.project_id, query, _conditions_v2(query))


async def _page(
    request: Request[Any, Any, Any],
    project_id: ProjectId,
    query: wire.ScoreQueryV1,
    conditions: list[Condition],
) -> Response[bytes]:
    parts = _parts(query)
    services: Services = request.app.state.services
    scores, total = await services.scores.numbered_page(project_id, conditions, query.page, query.limit)
    rows = [to_row(score) for score in scores]
    if "trace" in parts:
        await _add_traces(services, project_id, scores, rows)
    return answer(wire.Scores(data=rows, meta=page_meta(query, total)))


async def _add_traces(
    services: Services, project_id: ProjectId, scores: list[Score], rows: list[wire.Score]
) -> None:
    ids = sorted({score.trace_id for score in scores if score.trace_id})
    found = {str(trace.id): trace for trace in await services.traces.by_ids(project_id, ids)}
    for score, row in zip(scores, rows, strict=True):
        row.trace = to_trace_part(found.get(score.trace_id)) if score.trace_id else None


@get(
    "/api/public/v3/scores",
    summary="Scores of the project, newest first, by cursor",
    **operation(query=wire.ScoreQueryV3, answer=wire.ScoresV3),
)
async def list_scores_v3(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [score], meta: {limit, cursor?}}``; a missing cursor means that this is the last page."""
    principal = await require_project_key(request)
    query = read_query(request, wire.ScoreQueryV3)
    groups = frozenset(listed(query.fields))
    unknown = sorted(groups - _V3_GROUPS - {"core"})
    if unknown:
        raise invalid_query(
            "fields", f"Unknown field {unknown[0]}: there are {', '.join(sorted(_V3_GROUPS))}"
        )
    position = number_and_id(query.cursor or None)
    services: Services = request.app.state.services
    scores, has_more = await services.scores.after(
        principal.project_id, _v3_conditions(query), query.limit, position
    )
    meta = wire.LimitCursorMeta(limit=query.limit)
    if has_more:
        meta.cursor = encode_cursor((scores[-1].timestamp_ns, scores[-1].id))
    return answer(wire.ScoresV3(data=[to_v3_row(score, groups) for score in scores], meta=meta))


def _v3_conditions(query: wire.ScoreQueryV3) -> list[Condition]:
    types = _choices("dataType", query.data_type, tuple(DataType))
    found = [
        *within("timestamp", query.from_timestamp, query.to_timestamp),
        *any_of("id", listed(query.id)),
        *any_of("name", listed(query.name)),
        *any_of("environment", listed(query.environment)),
        *any_of("configId", listed(query.config_id)),
        *any_of("queueId", listed(query.queue_id)),
        *any_of("authorUserId", listed(query.author_user_id)),
        *any_of("dataType", types),
        *any_of("source", _choices("source", query.source, tuple(ScoreSource))),
    ]
    subjects = [
        (name, column, text)
        for name, column, text in (
            ("traceId", "traceId", query.trace_id),
            ("sessionId", "sessionId", query.session_id),
            ("experimentId", "datasetRunId", query.experiment_id),
        )
        if text
    ]
    if len(subjects) > 1:
        names = " and ".join(name for name, _, _ in subjects)
        raise invalid_query(subjects[1][0], f"{names} exclude each other")
    for _, column, text in subjects:
        found += any_of(column, listed(text))
    if query.observation_id:
        if not query.trace_id:
            raise invalid_query("observationId", "observationId needs traceId")
        found += any_of("observationId", listed(query.observation_id))
    return found + _v3_values(query, types)


def _v3_values(query: wire.ScoreQueryV3, types: tuple[str, ...]) -> list[Condition]:
    found: list[Condition] = []
    for name, operator, bound in (("valueMin", ">=", query.value_min), ("valueMax", "<=", query.value_max)):
        if bound is not None:
            if types != ("NUMERIC",):
                raise invalid_query(name, f"{name} needs dataType NUMERIC")
            found.append(Condition("number", "value", operator, bound))
    values = listed(query.value)
    return [*found, *_v3_value(values, types)] if values else found


def _v3_value(values: tuple[str, ...], types: tuple[str, ...]) -> list[Condition]:
    if types == ("CATEGORICAL",):
        return any_of("stringValue", values)
    if types == ("BOOLEAN",) and set(values) <= {"true", "false"}:
        wanted = {value == "true" for value in values}
        return [] if len(wanted) == 2 else [Condition("boolean", "booleanValue", "=", wanted.pop())]
    if types == ("NUMERIC",) and len(values) == 1:
        return [Condition("number", "value", "=", _number(values[0]))]
    message = (
        "value needs a single dataType: one number of NUMERIC, true or false of BOOLEAN, or CATEGORICAL"
    )
    raise invalid_query("value", message)


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise invalid_query("value", "Expected a number", "invalid_type")
    return found


def _choices(name: str, text: str | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    values = tuple(value.upper() for value in listed(text))
    for value in values:
        if value not in allowed:
            raise invalid_query(name, f"Expected one of {', '.join(allowed)}", "invalid_enum_value")
    return values


@delete(
    "/api/public/scores/{score_id:str}",
    summary="Delete a score",
    **operation(answer=Message, status=202, resource="score-delete"),
)
async def delete_score(request: Request[Any, Any, Any], score_id: FromPath[str]) -> Response[bytes]:
    """It is hidden when this answers; an unknown id is no error."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.scores.delete(principal.project_id, score_id)
    return answer(Message(message="Score deletion queued successfully"), 202)


routes: list[ControllerRouterHandler] = [list_scores_v1, list_scores_v2, list_scores_v3, delete_score]
