"""Lists of scores in their three versions, and deletion (contract, section 3)."""

from typing import Any

from litestar import Request, Response, delete, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.cursors import decode_cursor, encode_cursor
from lumenspan.filters import Condition, parse_conditions, without_overridden
from lumenspan.ids import ProjectId
from lumenspan.scores.domain import DataType, Score, ScoreSource
from lumenspan.scores.filters import COLUMNS
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query, json_response
from lumenspan_server.params import QueryParams
from lumenspan_server.scores.rows import to_row, to_trace_part, to_v3_row
from lumenspan_server.services import Services

_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**9
_OPERATORS = ("<", ">", "<=", ">=", "!=", "=")
_PARTS = frozenset({"score", "trace"})
# The first version knows scores of traces only, and no corrections.
_V1 = (
    Condition("null", "traceId", "is not null"),
    Condition("null", "sessionId", "is null"),
    Condition("null", "datasetRunId", "is null"),
    Condition("stringOptions", "dataType", "none of", ("CORRECTION",)),
)
_V3_GROUPS = frozenset({"details", "subject", "annotation"})
_V3_LISTS = ("id", "name", "environment", "configId", "queueId", "authorUserId")
_V3_SUBJECTS = {"traceId": "traceId", "sessionId": "sessionId", "experimentId": "datasetRunId"}
_V3_PARAMS = frozenset(
    {
        *_V3_LISTS,
        *_V3_SUBJECTS,
        "source",
        "dataType",
        "observationId",
        "value",
        "valueMin",
        "valueMax",
        "fromTimestamp",
        "toTimestamp",
        "limit",
        "cursor",
        "fields",
    }
)


def _equal(column: str, value: str) -> Condition:
    return Condition("string", column, "=", value)


def _any_of(column: str, values: tuple[str, ...]) -> Condition:
    return Condition("stringOptions", column, "any of", values)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _times(params: QueryParams) -> list[Condition]:
    found = []
    for name, operator in (("fromTimestamp", ">="), ("toTimestamp", "<")):
        bound = params.time_ns(name)
        if bound is not None:
            found.append(Condition("datetime", "timestamp", operator, bound))
    return found


def _number(params: QueryParams, name: str) -> float:
    try:
        return float(params.text(name))
    except ValueError:
        raise invalid_query(name, "Expected a number", "invalid_type") from None


def _conditions(params: QueryParams, *, is_first: bool) -> list[Condition]:
    simple = _times(params)
    for name in ("userId", "name", "configId", "queueId"):
        if params.text(name):
            simple.append(_equal(name, params.text(name)))
    source = params.choice("source", tuple(ScoreSource))
    data_type = params.choice("dataType", tuple(DataType))
    simple += [
        _equal(name, value) for name, value in (("source", source), ("dataType", data_type)) if value
    ]
    lists = (("environment", params.texts("environment")), ("id", _listed(params.text("scoreIds"))))
    simple += [_any_of(name, values) for name, values in lists if values]
    tags = tuple(tag for text in params.texts("traceTags") for tag in _listed(text))
    if tags:
        simple.append(Condition("arrayOptions", "traceTags", "all of", tags))
    simple += _values(params)
    if is_first:
        return [*simple, *_V1]
    for name in ("sessionId", "datasetRunId", "traceId"):
        if params.text(name):
            simple.append(_equal(name, params.text(name)))
    if params.text("observationId"):
        simple.append(_any_of("observationId", _listed(params.text("observationId"))))
    return without_overridden(simple, parse_conditions(params.text("filter")), COLUMNS)


def _values(params: QueryParams) -> list[Condition]:
    operator = params.choice("operator", _OPERATORS)
    # One without the other is ignored.
    if not operator or not params.text("value"):
        return []
    return [Condition("number", "value", operator, _number(params, "value"))]


def _parts(params: QueryParams) -> frozenset[str]:
    parts = (params.names("fields") & _PARTS) or _PARTS
    if "score" not in parts:
        raise invalid_query("fields", "Scores are always part of the answer: add score")
    if "trace" not in parts and (params.text("userId") or params.texts("traceTags")):
        raise invalid_query("fields", "userId and traceTags need trace among the fields")
    return parts


@get(["/api/public/scores", "/api/public/v2/scores"], summary="Scores of the project, newest first")
async def list_scores(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [score], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    parts = _parts(params)
    conditions = _conditions(params, is_first=not request.url.path.startswith("/api/public/v2/"))
    services: Services = request.app.state.services
    project_id = principal.project_id
    scores, total = await services.scores.numbered_page(project_id, conditions, page, limit)
    rows = [to_row(score) for score in scores]
    if "trace" in parts:
        await _add_traces(services, project_id, scores, rows)
    meta = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
    return json_response({"data": rows, "meta": meta})


async def _add_traces(
    services: Services, project_id: ProjectId, scores: list[Score], rows: list[dict[str, Any]]
) -> None:
    ids = sorted({score.trace_id for score in scores if score.trace_id})
    found = {str(trace.id): trace for trace in await services.traces.by_ids(project_id, ids)}
    for score, row in zip(scores, rows, strict=True):
        row["trace"] = to_trace_part(found.get(score.trace_id)) if score.trace_id else None


@get("/api/public/v3/scores", summary="Scores of the project, newest first, by cursor")
async def list_scores_v3(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [score], meta: {limit, cursor?}}``; a missing cursor means that this is the last page."""
    principal = await require_project_key(request)
    for name in request.query_params:
        if name not in _V3_PARAMS:
            raise invalid_query(name, "Unknown parameter", "unrecognized_keys")
    params = QueryParams(request)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    groups = params.names("fields")
    unknown = sorted(groups - _V3_GROUPS - {"core"})
    if unknown:
        raise invalid_query(
            "fields", f"Unknown field {unknown[0]}: there are {', '.join(sorted(_V3_GROUPS))}"
        )
    position: tuple[int, str] | None = None
    if params.text("cursor"):
        nanos, id_ = decode_cursor(params.text("cursor"), (int, str))
        position = int(nanos), str(id_)
    services: Services = request.app.state.services
    scores, has_more = await services.scores.after(
        principal.project_id, _v3_conditions(params), limit, position
    )
    meta: dict[str, Any] = {"limit": limit}
    if has_more:
        meta["cursor"] = encode_cursor((scores[-1].timestamp_ns, scores[-1].id))
    return json_response({"data": [to_v3_row(score, groups) for score in scores], "meta": meta})


def _v3_conditions(params: QueryParams) -> list[Condition]:
    found = _times(params)
    found += [_any_of(name, _listed(params.text(name))) for name in _V3_LISTS if params.text(name)]
    types = _choices(params, "dataType", tuple(DataType))
    sources = _choices(params, "source", tuple(ScoreSource))
    found += [_any_of(name, each) for name, each in (("dataType", types), ("source", sources)) if each]
    subjects = [name for name in _V3_SUBJECTS if params.text(name)]
    if len(subjects) > 1:
        raise invalid_query(subjects[1], f"{' and '.join(subjects)} exclude each other")
    found += [_any_of(_V3_SUBJECTS[name], _listed(params.text(name))) for name in subjects]
    if params.text("observationId"):
        if not params.text("traceId"):
            raise invalid_query("observationId", "observationId needs traceId")
        found.append(_any_of("observationId", _listed(params.text("observationId"))))
    return found + _v3_values(params, types)


def _v3_values(params: QueryParams, types: tuple[str, ...]) -> list[Condition]:
    found: list[Condition] = []
    for name, operator in (("valueMin", ">="), ("valueMax", "<=")):
        if params.text(name):
            if types != ("NUMERIC",):
                raise invalid_query(name, f"{name} needs dataType NUMERIC")
            found.append(Condition("number", "value", operator, _number(params, name)))
    values = _listed(params.text("value"))
    if not values:
        return found
    if types == ("CATEGORICAL",):
        return [*found, _any_of("stringValue", values)]
    if types == ("BOOLEAN",) and set(values) <= {"true", "false"}:
        wanted = {value == "true" for value in values}
        return (
            found if len(wanted) == 2 else [*found, Condition("boolean", "booleanValue", "=", wanted.pop())]
        )
    if types == ("NUMERIC",) and len(values) == 1:
        return [*found, Condition("number", "value", "=", _number(params, "value"))]
    message = (
        "value needs a single dataType: one number of NUMERIC, true or false of BOOLEAN, or CATEGORICAL"
    )
    raise invalid_query("value", message)


def _choices(params: QueryParams, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    values = tuple(value.upper() for value in _listed(params.text(name)))
    for value in values:
        if value not in allowed:
            raise invalid_query(name, f"Expected one of {', '.join(allowed)}", "invalid_enum_value")
    return values


@delete("/api/public/scores/{score_id:str}", status_code=202, summary="Delete a score")
async def delete_score(request: Request[Any, Any, Any], score_id: FromPath[str]) -> Response[bytes]:
    """It is hidden when this answers; an unknown id is no error."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.scores.delete(principal.project_id, score_id)
    return json_response({"message": "Score deletion queued successfully"}, 202)


routes: list[ControllerRouterHandler] = [list_scores, list_scores_v3, delete_score]
