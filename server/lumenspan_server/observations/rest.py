"""REST routes of observations."""

from typing import Any

from litestar import Request, Response, get

from lumenspan.filters import Condition, any_of, parse_conditions, within, without_overridden
from lumenspan.observations.domain import ObservationParts, ObservationPosition
from lumenspan.observations.filters import COLUMNS
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query
from lumenspan_server.observations.rows import GROUPS, to_v2_row
from lumenspan_server.observations.wire import ObservationQueryV2, ObservationsV2
from lumenspan_server.operations import CursorMeta, answer, operation, read_query
from lumenspan_server.rows import listed
from lumenspan_server.services import Services

_DEFAULT_GROUPS = frozenset({"core", "basic"})
_METADATA_PREVIEW_CHARS = 200


@get(
    "/api/public/v2/observations",
    summary="Observations of the project, newest first, by cursor",
    **operation(query=ObservationQueryV2, answer=ObservationsV2),
)
async def list_observations_v2(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [observation], meta: {cursor?}}``; a missing cursor means that this is the last page."""
    principal = await require_project_key(request)
    query = read_query(request, ObservationQueryV2)
    if query.parse_io_as_json:
        raise invalid_query("parseIoAsJson", "Input and output are always returned as texts")
    groups = _groups(query)
    services: Services = request.app.state.services
    conditions, position = _conditions(query), ObservationPosition.of_cursor(query.cursor or "")
    page = await services.observations.search(
        principal.project_id, conditions, query.limit, position, _parts(query, groups)
    )
    ids = (each.pricing.model_id for each in page.observations) if "model" in groups else ()
    prices = await services.models.default_prices(principal.project_id, ids)
    meta = CursorMeta()
    if page.has_more:
        meta.cursor = page.observations[-1].position.cursor
    return answer(
        ObservationsV2(data=[to_v2_row(each, groups, prices) for each in page.observations], meta=meta)
    )


def _groups(query: ObservationQueryV2) -> frozenset[str]:
    """The documented groups among those asked for; unknown ones are ignored."""
    asked = frozenset(listed(query.fields))
    return asked & GROUPS if asked else _DEFAULT_GROUPS


def _parts(query: ObservationQueryV2, groups: frozenset[str]) -> ObservationParts:
    has_texts = "io" in groups
    if "metadata" not in groups:
        return ObservationParts(has_texts, metadata_chars=0)
    is_whole = has_texts or bool(listed(query.expand_metadata))
    return ObservationParts(has_texts, metadata_chars=None if is_whole else _METADATA_PREVIEW_CHARS)


def _conditions(query: ObservationQueryV2) -> list[Condition]:
    """What the parameters and the filter ask for; the filter wins where both name a column."""
    texts = (
        ("name", query.name),
        ("userId", query.user_id),
        ("sessionId", query.session_id),
        ("traceId", query.trace_id),
        ("version", query.version),
        ("type", query.type),
        ("level", query.level),
        # Given and empty asks for observations without a parent.
        ("parentObservationId", query.parent_observation_id),
    )
    simple = [Condition("string", column, "=", str(value)) for column, value in texts if value is not None]
    if query.is_root_observation is not None:
        simple.append(Condition("boolean", "isRootObservation", "=", query.is_root_observation))
    simple += any_of("environment", query.environment)
    simple += within("startTime", query.from_start_time, query.to_start_time)
    return without_overridden(simple, parse_conditions(query.filter or ""), COLUMNS)


routes = [list_observations_v2]
