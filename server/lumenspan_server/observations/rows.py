"""Observations as rows of the REST API: the first version's shape, and the second's field groups."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from lumenspan.observations.domain import Observation
from lumenspan_server.rows import (
    iso,
    iso_or_none,
    number,
    numbers,
    parsed,
    parsed_metadata,
    seconds,
)

_PRICED: Final = ("input", "output", "total")
# Prices of a unit by kind, by id of the model definition.
ModelPrices = Mapping[str, Mapping[str, Decimal]]


def to_v1_row(each: Observation, prices: ModelPrices) -> dict[str, Any]:
    """An observation as ``GET /traces/{id}`` lists it; texts that are JSON come as JSON."""
    price = prices.get(each.pricing.model_id, {})
    usage, cost = each.usage, each.cost
    used_input, used_output, total = _sum(usage, "input"), _sum(usage, "output"), usage.get("total", 0)
    return {
        "id": each.id,
        "traceId": each.trace_id,
        "projectId": each.project_id,
        "type": each.type,
        "name": each.name or None,
        "startTime": iso(each.start_ns),
        "endTime": iso_or_none(each.end_ns),
        "completionStartTime": iso_or_none(each.completion_start_ns),
        "model": each.model or None,
        "modelParameters": parsed(each.model_parameters),
        "input": parsed(each.input),
        "output": parsed(each.output),
        "metadata": parsed_metadata(each.metadata),
        "version": each.version or None,
        "level": each.level,
        "statusMessage": each.status_message or None,
        "parentObservationId": each.parent_id or None,
        "environment": each.environment,
        "usage": {"unit": "TOKENS", "input": used_input, "output": used_output, "total": total},
        "promptTokens": used_input,
        "completionTokens": used_output,
        "totalTokens": total,
        "usageDetails": usage,
        "costDetails": numbers(cost),
        "promptId": None,
        "promptName": each.prompt_name or None,
        "promptVersion": each.prompt_version,
        "modelId": each.pricing.model_id or None,
        **{f"{kind}Price": number(price.get(kind)) for kind in _PRICED},
        "calculatedInputCost": _cost(cost, "input"),
        "calculatedOutputCost": _cost(cost, "output"),
        "calculatedTotalCost": number(each.total_cost),
        "latency": seconds(each.latency_ns),
        "timeToFirstToken": seconds(each.time_to_first_token_ns),
        "createdAt": iso(each.created_us * 1_000),
        "updatedAt": iso(each.updated_ns),
    }


def to_v2_row(each: Observation, groups: frozenset[str], prices: ModelPrices) -> dict[str, Any]:
    """An observation of ``GET /v2/observations`` with the groups of fields that were asked for."""
    # The model's fields stand in every row, and are filled where the group was asked for.
    model_id = each.pricing.model_id if "model" in groups else ""
    price = prices.get(model_id, {})
    row: dict[str, Any] = {
        "id": each.id,
        "traceId": each.trace_id,
        "startTime": iso(each.start_ns),
        "endTime": iso_or_none(each.end_ns),
        "projectId": each.project_id,
        "parentObservationId": each.parent_id or None,
        "type": each.type,
        "latency": seconds(each.latency_ns),
        "timeToFirstToken": seconds(each.time_to_first_token_ns),
        "modelId": model_id or None,
        **{f"{kind}Price": _text(price.get(kind)) for kind in _PRICED},
    }
    for group, fields in _GROUPS.items():
        if group in groups:
            row |= fields(each)
    return row


def _basic(each: Observation) -> dict[str, Any]:
    return {
        "name": each.name or None,
        "level": each.level,
        "statusMessage": each.status_message or None,
        "version": each.version or None,
        "environment": each.environment,
        "bookmarked": each.is_bookmarked,
        "public": each.is_public,
        "userId": each.user_id or None,
        "sessionId": each.session_id or None,
        "isRootObservation": each.is_root,
    }


def _time(each: Observation) -> dict[str, Any]:
    return {
        "completionStartTime": iso_or_none(each.completion_start_ns),
        "createdAt": iso(each.created_us * 1_000),
        "updatedAt": iso(each.updated_ns),
    }


def _model(each: Observation) -> dict[str, Any]:
    # Documented as providedModelName; the newest client reads model.
    return {
        "model": each.model or None,
        "providedModelName": each.model or None,
        "internalModelId": each.pricing.model_id or None,
        "modelParameters": parsed(each.model_parameters),
    }


def _usage(each: Observation) -> dict[str, Any]:
    return {
        "usageDetails": each.usage,
        "costDetails": numbers(each.cost),
        "totalCost": number(each.total_cost),
        "usagePricingTierName": each.pricing.tier_name or None,
    }


def _prompt(each: Observation) -> dict[str, Any]:
    return {
        "promptId": None,
        "promptName": each.prompt_name or None,
        "promptVersion": each.prompt_version,
    }


def _trace_context(each: Observation) -> dict[str, Any]:
    return {
        "tags": list(each.tags),
        "release": each.release or None,
        "traceName": each.trace_name or None,
    }


_GROUPS = {
    "basic": _basic,
    "time": _time,
    "io": lambda each: {"input": each.input, "output": each.output},
    "metadata": lambda each: {"metadata": parsed_metadata(each.metadata)},
    "model": _model,
    "usage": _usage,
    "prompt": _prompt,
    "metrics": lambda _: {},
    "trace_context": _trace_context,
}
GROUPS = frozenset(("core", *_GROUPS))


def _text(price: Decimal | None) -> str | None:
    return None if price is None else format(price, "f")


def _sum(usage: dict[str, int], part: str) -> int:
    """Input also counts what was cached, and so on: every kind whose name holds ``part``."""
    return sum(amount for kind, amount in usage.items() if part in kind)


def _cost(cost: dict[str, Decimal], part: str) -> float | None:
    amounts = [amount for kind, amount in cost.items() if part in kind]
    return float(sum(amounts)) if amounts else None
