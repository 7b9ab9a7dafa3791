"""REST routes of score configs (contract, section 3)."""

from typing import Any

from litestar import Request, Response, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.scores.domain import Category, DataType, ScoreConfigChange
from lumenspan_server.access import require_project_key
from lumenspan_server.operations import PageQuery, answer, operation, page_meta, read_body, read_query
from lumenspan_server.scores.rows import to_config_row
from lumenspan_server.scores.wire import (
    ConfigCategory,
    NewScoreConfig,
    ScoreConfigRow,
    ScoreConfigs,
    ScoreConfigUpdate,
)
from lumenspan_server.services import Services

_ROUTE = "/api/public/score-configs"


def _categories(given: list[ConfigCategory] | None) -> list[Category] | None:
    return None if given is None else [Category(each.label, each.value) for each in given]


@post(_ROUTE, summary="Make a score config", **operation(body=NewScoreConfig, answer=ScoreConfigRow))
async def create_config(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The config."""
    principal = await require_project_key(request)
    body = await read_body(request, NewScoreConfig)
    services: Services = request.app.state.services
    made = await services.score_configs.create(
        principal.project_id,
        body.name,
        DataType(body.data_type),
        min_value=body.min_value,
        max_value=body.max_value,
        categories=_categories(body.categories),
        description=body.description,
    )
    return answer(to_config_row(made))


@get(
    _ROUTE,
    summary="Score configs of the project, newest first",
    **operation(query=PageQuery, answer=ScoreConfigs),
)
async def list_configs(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [config], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    configs, total = await services.score_configs.page(principal.project_id, query.page, query.limit)
    return answer(
        ScoreConfigs(data=[to_config_row(each) for each in configs], meta=page_meta(query, total))
    )


@get(_ROUTE + "/{config_id:str}", summary="One score config", **operation(answer=ScoreConfigRow))
async def get_config(request: Request[Any, Any, Any], config_id: FromPath[str]) -> Response[bytes]:
    """The config; 404 where the project has none of that id."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(to_config_row(await services.score_configs.get(principal.project_id, config_id)))


@patch(
    _ROUTE + "/{config_id:str}",
    summary="Change or archive a score config",
    **operation(body=ScoreConfigUpdate, answer=ScoreConfigRow),
)
async def update_config(request: Request[Any, Any, Any], config_id: FromPath[str]) -> Response[bytes]:
    """The changed config; at least one member has to be given."""
    principal = await require_project_key(request)
    body = await read_body(request, ScoreConfigUpdate)
    categories = _categories(body.categories)
    change = ScoreConfigChange(
        name=body.name,
        is_archived=body.is_archived,
        min_value=body.min_value,
        max_value=body.max_value,
        categories=None if categories is None else tuple(categories),
        description=body.description,
    )
    services: Services = request.app.state.services
    changed = await services.score_configs.update(principal.project_id, config_id, change)
    return answer(to_config_row(changed))


routes: list[ControllerRouterHandler] = [create_config, list_configs, get_config, update_config]
