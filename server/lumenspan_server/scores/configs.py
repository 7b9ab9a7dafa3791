"""REST routes of score configs (contract, section 3)."""

from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, ConfigDict, Field

from lumenspan.scores.domain import Category, DataType, ScoreConfigChange
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import json_response
from lumenspan_server.json_body import read_json
from lumenspan_server.params import QueryParams
from lumenspan_server.scores.rows import to_config_row
from lumenspan_server.services import Services

_ROUTE = "/api/public/score-configs"
_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**6


class _Category(BaseModel):
    model_config = ConfigDict(strict=True)

    label: str
    value: Annotated[float, Field(strict=False)]

    def to_domain(self) -> Category:
        return Category(self.label, self.value)


class _Create(BaseModel):
    name: str
    data_type: DataType = Field(alias="dataType")
    min_value: float | None = Field(None, alias="minValue")
    max_value: float | None = Field(None, alias="maxValue")
    categories: list[_Category] | None = None
    description: str | None = None


class _Update(BaseModel):
    name: str | None = None
    is_archived: bool | None = Field(None, alias="isArchived")
    min_value: float | None = Field(None, alias="minValue")
    max_value: float | None = Field(None, alias="maxValue")
    categories: list[_Category] | None = None
    description: str | None = None


@post(_ROUTE, status_code=200, summary="Make a score config")
async def create_config(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The config."""
    principal = await require_project_key(request)
    body = await read_json(request, _Create)
    services: Services = request.app.state.services
    made = await services.score_configs.create(
        principal.project_id,
        body.name,
        body.data_type,
        min_value=body.min_value,
        max_value=body.max_value,
        categories=None if body.categories is None else [each.to_domain() for each in body.categories],
        description=body.description,
    )
    return json_response(to_config_row(made))


@get(_ROUTE, summary="Score configs of the project, newest first")
async def list_configs(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [config], meta: {page, limit, totalItems, totalPages}}``."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    services: Services = request.app.state.services
    configs, total = await services.score_configs.page(principal.project_id, page, limit)
    meta = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
    return json_response({"data": [to_config_row(each) for each in configs], "meta": meta})


@get(_ROUTE + "/{config_id:str}", summary="One score config")
async def get_config(request: Request[Any, Any, Any], config_id: FromPath[str]) -> Response[bytes]:
    """The config; 404 where the project has none of that id."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return json_response(to_config_row(await services.score_configs.get(principal.project_id, config_id)))


@patch(_ROUTE + "/{config_id:str}", summary="Change or archive a score config")
async def update_config(request: Request[Any, Any, Any], config_id: FromPath[str]) -> Response[bytes]:
    """The changed config; at least one member has to be given."""
    principal = await require_project_key(request)
    body = await read_json(request, _Update)
    categories = None if body.categories is None else tuple(each.to_domain() for each in body.categories)
    change = ScoreConfigChange(
        name=body.name,
        is_archived=body.is_archived,
        min_value=body.min_value,
        max_value=body.max_value,
        categories=categories,
        description=body.description,
    )
    services: Services = request.app.state.services
    changed = await services.score_configs.update(principal.project_id, config_id, change)
    return json_response(to_config_row(changed))


routes: list[ControllerRouterHandler] = [create_config, list_configs, get_config, update_config]
