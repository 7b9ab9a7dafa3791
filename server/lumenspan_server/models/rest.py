"""REST routes of model definitions (contract, section 8)."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath

from lumenspan.clock import datetime_to_nanos
from lumenspan.models.domain import Condition, ModelDefinition, PricingTier, UsageCondition
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import json_response
from lumenspan_server.json_body import read_json
from lumenspan_server.models.bodies import ModelBody
from lumenspan_server.params import QueryParams
from lumenspan_server.rows import iso, number, numbers
from lumenspan_server.services import Services

_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**9


@get("/api/public/models", summary="Model definitions: those of the project and the built-in ones")
async def list_models(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [model], meta: {page, limit, totalItems, totalPages}}`` by name, unit and newest start."""
    principal = await require_project_key(request, is_admin_allowed=True)
    params = QueryParams(request)
    page = params.number("page", 1, 1, _MAX_PAGE)
    limit = params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
    services: Services = request.app.state.services
    found = await services.models.page(principal.project_id, offset=(page - 1) * limit, limit=limit)
    pages = -(-found.total // limit)
    meta = {"page": page, "limit": limit, "totalItems": found.total, "totalPages": pages}
    return json_response({"data": [to_row(model) for model in found.models], "meta": meta})


@post("/api/public/models", status_code=200, summary="Define a model of the project")
async def create_model(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The definition."""
    principal = await require_project_key(request, is_admin_allowed=True)
    body = await read_json(request, ModelBody)
    services: Services = request.app.state.services
    return json_response(to_row(await services.models.create(principal.project_id, body.to_model())))


@get("/api/public/models/{model_id:str}", summary="One definition")
async def get_model(request: Request[Any, Any, Any], model_id: FromPath[str]) -> Response[bytes]:
    """The definition, built-in ones included."""
    principal = await require_project_key(request, is_admin_allowed=True)
    services: Services = request.app.state.services
    return json_response(to_row(await services.models.get(principal.project_id, model_id)))


@put("/api/public/models/{model_id:str}", summary="Replace a definition of the project, or make it")
async def replace_model(request: Request[Any, Any, Any], model_id: FromPath[str]) -> Response[bytes]:
    """The definition; what it priced before keeps its cost until history is priced again."""
    principal = await require_project_key(request, is_admin_allowed=True)
    body = await read_json(request, ModelBody)
    services: Services = request.app.state.services
    replaced = await services.models.replace(principal.project_id, model_id, body.to_model())
    return json_response(to_row(replaced))


@delete("/api/public/models/{model_id:str}", status_code=200, summary="Delete a definition of the project")
async def delete_model(request: Request[Any, Any, Any], model_id: FromPath[str]) -> Response[bytes]:
    """``{message}``; built-in definitions cannot be deleted."""
    principal = await require_project_key(request, is_admin_allowed=True)
    services: Services = request.app.state.services
    await services.models.delete(principal.project_id, model_id)
    return json_response({"message": "Model successfully deleted"})


def to_row(model: ModelDefinition) -> dict[str, Any]:
    """A definition as the routes answer it; the flat prices are those of the default tier."""
    prices = model.default_tier.prices if model.default_tier else {}
    config = model.tokenizer_config
    return {
        "id": model.id,
        "modelName": model.name,
        "matchPattern": model.match_pattern,
        "startDate": iso(datetime_to_nanos(model.start_date)) if model.start_date else None,
        "unit": model.unit,
        **{f"{kind}Price": number(prices.get(kind)) for kind in ("input", "output", "total")},
        "prices": {kind: {"price": float(price)} for kind, price in prices.items()},
        "pricingTiers": [_tier(tier) for tier in model.tiers],
        "tokenizerId": model.tokenizer,
        "tokenizerConfig": config
        and {
            "tokenizerModel": config.tokenizer_model,
            "tokensPerMessage": config.tokens_per_message,
            "tokensPerName": config.tokens_per_name,
        },
        "isLangfuseManaged": model.is_builtin,
        "createdAt": iso(datetime_to_nanos(model.created_at)),
    }


def _tier(tier: PricingTier) -> dict[str, Any]:
    return {
        "id": tier.id,
        "name": tier.name,
        "isDefault": tier.is_default,
        "priority": tier.priority,
        "conditions": [_condition(condition) for condition in tier.conditions],
        "prices": numbers(dict(tier.prices)),
    }


def _condition(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, UsageCondition):
        return {
            "usageDetailPattern": condition.pattern,
            "operator": condition.operator,
            "value": float(condition.value),
            "caseSensitive": condition.is_case_sensitive,
        }
    return {
        "source": condition.source,
        "key": condition.key,
        "operator": "in",
        "values": list(condition.values),
    }


routes = [list_models, create_model, get_model, replace_model, delete_model]
