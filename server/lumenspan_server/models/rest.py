"""REST routes of model definitions (contract, section 8)."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.clock import datetime_to_iso
from lumenspan.models.domain import Condition, ModelDefinition, PricingTier, UsageCondition
from lumenspan_server.access import require_project_key
from lumenspan_server.models import wire
from lumenspan_server.operations import (
    Message,
    PageQuery,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.rows import instant_or_none, number, numbers
from lumenspan_server.services import Services

_ROUTE = "/api/public/models"


@get(
    _ROUTE,
    summary="Model definitions: those of the project and the built-in ones",
    **operation(query=PageQuery, answer=wire.Models),
)
async def list_models(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [model], meta: {page, limit, totalItems, totalPages}}`` by name, unit and newest start."""
    principal = await require_project_key(request, is_admin_allowed=True)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    offset = (query.page - 1) * query.limit
    found = await services.models.page(principal.project_id, offset=offset, limit=query.limit)
    rows = [to_row(model) for model in found.models]
    return answer(wire.Models(data=rows, meta=page_meta(query, found.total)))


@post(
    _ROUTE,
    summary="Define a model of the project",
    **operation(body=wire.ModelBody, answer=wire.ModelRow),
)
async def create_model(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The definition."""
    principal = await require_project_key(request, is_admin_allowed=True)
    body = await read_body(request, wire.ModelBody)
    services: Services = request.app.state.services
    return answer(to_row(await services.models.create(principal.project_id, body.to_model())))


@get(_ROUTE + "/{model_id:str}", summary="One definition", **operation(answer=wire.ModelRow))
async def get_model(request: Request[Any, Any, Any], model_id: FromPath[str]) -> Response[bytes]:
    """The definition, built-in ones included."""
    principal = await require_project_key(request, is_admin_allowed=True)
    services: Services = request.app.state.services
    return answer(to_row(await services.models.get(principal.project_id, model_id)))


@put(
    _ROUTE + "/{model_id:str}",
    summary="Replace a definition of the project, or make it",
    **operation(body=wire.ModelBody, answer=wire.ModelRow),
)
async def replace_model(request: Request[Any, Any, Any], model_id: FromPath[str]) -> Response[bytes]:
    """The definition; what it priced before keeps its cost until history is priced again."""
    principal = await require_project_key(request, is_admin_allowed=True)
    body = await read_body(request, wire.ModelBody)
    services: Services = request.app.state.services
    return answer(to_row(await services.models.replace(principal.project_id, model_id, body.to_model())))


@delete(
    _ROUTE + "/{model_id:str}", summary="Delete a definition of the project", **operation(answer=Message)
)
async def delete_model(request: Request[Any, Any, Any], model_id: FromPath[str]) -> Response[bytes]:
    """``{message}``; built-in definitions cannot be deleted."""
    principal = await require_project_key(request, is_admin_allowed=True)
    services: Services = request.app.state.services
    await services.models.delete(principal.project_id, model_id)
    return answer(Message(message="Model successfully deleted"))


def to_row(model: ModelDefinition) -> wire.ModelRow:
    """A definition as the routes answer it; the flat prices are those of the default tier."""
    prices = model.default_tier.prices if model.default_tier else {}
    config = model.tokenizer_config
    return wire.ModelRow(
        id=model.id,
        model_name=model.name,
        match_pattern=model.match_pattern,
        start_date=instant_or_none(model.start_date),
        unit=model.unit,
        input_price=number(prices.get("input")),
        output_price=number(prices.get("output")),
        total_price=number(prices.get("total")),
        prices={kind: wire.ModelPrice(price=float(price)) for kind, price in prices.items()},
        pricing_tiers=[_tier(tier) for tier in model.tiers],
        tokenizer_id=model.tokenizer,
        tokenizer_config=None
        if config is None
        else wire.TokenizerConfigBody(
            tokenizer_model=config.tokenizer_model,
            tokens_per_message=config.tokens_per_message,
            tokens_per_name=config.tokens_per_name,
        ),
        is_langfuse_managed=model.is_builtin,
        created_at=datetime_to_iso(model.created_at),
    )


def _tier(tier: PricingTier) -> wire.TierRow:
    return wire.TierRow(
        id=tier.id,
        name=tier.name,
        is_default=tier.is_default,
        priority=tier.priority,
        conditions=[_condition(condition) for condition in tier.conditions],
        prices=numbers(dict(tier.prices)),
    )


def _condition(condition: Condition) -> wire.ConditionRow:
    if isinstance(condition, UsageCondition):
        return wire.ConditionRow(
            usage_detail_pattern=condition.pattern,
            operator=condition.operator,
            value=float(condition.value),
            case_sensitive=condition.is_case_sensitive,
        )
    return wire.ConditionRow(
        source=condition.source, key=condition.key, operator="in", values=list(condition.values)
    )


routes: list[ControllerRouterHandler] = [list_models, create_model, get_model, replace_model, delete_model]
