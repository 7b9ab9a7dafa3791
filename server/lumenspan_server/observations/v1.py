"""REST routes of observations as of the first version, which older SDKs read."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.filters import Condition, any_of, parse_conditions, within, without_overridden
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import Level, Observation, ObservationType
from lumenspan.observations.filters import COLUMNS
from lumenspan.settings import Settings
from lumenspan_server.access import require_project_key
from lumenspan_server.date_ranges import start_of
from lumenspan_server.observations.rows import to_v1_row
from lumenspan_server.observations.wire import ObservationV1
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


class ObservationQueryV1(PageQuery):
    """What the list takes; times are ISO-8601 with an offset."""

    name: str | None = None
    user_id: str | None = None
    type: ObservationType | None = None
    trace_id: str | None = None
    level: Level | None = None
    parent_observation_id: str | None = None
    environment: tuple[str, ...] = ()
    from_start_time: Nanos | None = None
    to_start_time: Nanos | None = None
    version: str | None = None
    filter: str | None = None


class ObservationsV1(Wire):
    """A page of observations."""

    data: list[ObservationV1]
    meta: PageMeta


@get(
    "/api/public/observations",
    summary="Observations of the project, newest first, page by page",
    **operation(query=ObservationQueryV1, answer=ObservationsV1, resource="public-api-legacy"),
)
async def list_observations_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [observation], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    query = read_query(request, ObservationQueryV1)
    services: Services = request.app.state.services
    found, total = await services.observations.numbered_page(
        principal.project_id, _conditions(query, services.settings), query.page, query.limit
    )
    rows = await _rows(services, principal.project_id, found)
    return answer(ObservationsV1(data=rows, meta=page_meta(query, total)))


@get(
    "/api/public/observations/{observation_id:str}",
    summary="One observation",
    **operation(answer=ObservationV1, resource="public-api-legacy"),
)
async def get_observation(
    request: Request[Any, Any, Any], observation_id: FromPath[str]
) -> Response[bytes]:
    """The observation; 404 where the project has none of that id."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    found = await services.observations.find(principal.project_id, observation_id)
    (row,) = await _rows(services, principal.project_id, [found])
    return answer(row)


async def _rows(services: Services, project_id: ProjectId, found: list[Observation]) -> list[ObservationV1]:
    prices = await services.models.default_prices(project_id, (each.pricing.model_id for each in found))
    return [to_v1_row(each, prices) for each in found]


def _conditions(query: ObservationQueryV1, settings: Settings) -> list[Condition]:
    """What the parameters and the filter ask for; the filter wins where both name a column."""
    texts = (
        ("name", query.name),
        ("userId", query.user_id),
        ("type", query.type),
        ("traceId", query.trace_id),
        ("level", query.level),
        ("parentObservationId", query.parent_observation_id),
        ("version", query.version),
    )
    simple = [Condition("string", column, "=", str(value)) for column, value in texts if value is not None]
    simple += any_of("environment", query.environment)
    simple += within("startTime", query.from_start_time, query.to_start_time)
    found = without_overridden(simple, parse_conditions(query.filter or ""), COLUMNS)
    times = [(each.operator, each.value) for each in found if COLUMNS[each.column].canonical == "startTime"]
    start = start_of(settings, "fromStartTime", times)
    return [*found, *within("startTime", start, None)]


routes: list[ControllerRouterHandler] = [list_observations_v1, get_observation]
