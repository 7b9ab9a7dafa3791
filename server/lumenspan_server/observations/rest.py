"""REST routes of observations."""

from typing import Any

from litestar import Request, Response, get

from lumenspan.cursors import decode_cursor, encode_cursor
from lumenspan.filters import Condition, parse_conditions, without_overridden
from lumenspan.observations.domain import LEVELS, ObservationParts, ObservationPosition, ObservationType
from lumenspan.observations.filters import COLUMNS
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query, json_response
from lumenspan_server.observations.rows import GROUPS, to_v2_row
from lumenspan_server.params import QueryParams
from lumenspan_server.services import Services

_DEFAULT_LIMIT, _MAX_LIMIT = 50, 1_000
_DEFAULT_GROUPS = frozenset({"core", "basic"})
_METADATA_PREVIEW_CHARS = 200
_EQUAL = (
    ("name", "name"),
    ("userId", "userId"),
    ("sessionId", "sessionId"),
    ("traceId", "traceId"),
    ("version", "version"),
)


@get("/api/public/v2/observations", summary="Observations of the project, newest first, by cursor")
async def list_observations_v2(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [observation], meta: {cursor?}}``; a missing cursor means that this is the last page."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    if params.flag("parseIoAsJson"):
        raise invalid_query("parseIoAsJson", "Input and output are always returned as texts")
    limit = params.number("limit", _DEFAULT_LIMIT, 0, _MAX_LIMIT)
    groups = _groups(params)
    services: Services = request.app.state.services
    page = await services.observations.search(
        principal.project_id, _conditions(params), limit, _position(params), _parts(params, groups)
    )
    ids = (each.pricing.model_id for each in page.observations) if "model" in groups else ()
    prices = await services.models.default_prices(principal.project_id, ids)
    meta = {}
    if page.has_more:
        last = page.observations[-1]
        meta["cursor"] = encode_cursor((last.start_ns, last.trace_id, last.id))
    return json_response(
        {"data": [to_v2_row(each, groups, prices) for each in page.observations], "meta": meta}
    )


def _groups(params: QueryParams) -> frozenset[str]:
    """The documented groups among those asked for; unknown ones are ignored."""
    asked = params.names("fields")
    return asked & GROUPS if asked else _DEFAULT_GROUPS


def _parts(params: QueryParams, groups: frozenset[str]) -> ObservationParts:
    has_texts = "io" in groups
    if "metadata" not in groups:
        return ObservationParts(has_texts, metadata_chars=0)
    is_whole = has_texts or bool(params.names("expandMetadata"))
    return ObservationParts(has_texts, metadata_chars=None if is_whole else _METADATA_PREVIEW_CHARS)


def _position(params: QueryParams) -> ObservationPosition | None:
    text = params.text("cursor")
    if not text:
        return None
    start_ns, trace_id, id_ = decode_cursor(text, (int, str, str))
    return ObservationPosition(int(start_ns), str(trace_id), str(id_))


def _conditions(params: QueryParams) -> list[Condition]:
    """What the parameters and the filter ask for; the filter wins where both name a column."""
    simple = [
        Condition("string", column, "=", params.text(name)) for name, column in _EQUAL if params.text(name)
    ]
    for name, allowed in (("type", tuple(ObservationType)), ("level", LEVELS)):
        value = params.choice(name, allowed)
        if value:
            simple.append(Condition("string", name, "=", value))
    if params.is_given("parentObservationId"):
        # Given and empty asks for observations without a parent.
        simple.append(Condition("string", "parentObservationId", "=", params.text("parentObservationId")))
    is_root = params.flag("isRootObservation")
    if is_root is not None:
        simple.append(Condition("boolean", "isRootObservation", "=", is_root))
    environments = params.texts("environment")
    if environments:
        simple.append(Condition("stringOptions", "environment", "any of", environments))
    for name, operator in (("fromStartTime", ">="), ("toStartTime", "<")):
        bound = params.time_ns(name)
        if bound is not None:
            simple.append(Condition("datetime", "startTime", operator, bound))
    return without_overridden(simple, parse_conditions(params.text("filter")), COLUMNS)


routes = [list_observations_v2]
