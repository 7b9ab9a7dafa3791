"""Observations as rows of the REST API: the first version's shape, and the second's field groups."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from lumenspan.observations.domain import Observation
from lumenspan_server.observations.wire import ObservationV1, ObservationV2, Usage
from lumenspan_server.rows import (
    iso,
    iso_or_none,
    number,
    numbers,
    parsed,
    parsed_metadata,
    seconds,
)

# Prices of a unit by kind, by id of the model definition.
ModelPrices = Mapping[str, Mapping[str, Decimal]]


def to_v1_row(each: Observation, prices: ModelPrices) -> ObservationV1:
    """An observation as ``GET /traces/{id}`` lists it; texts that are JSON come as JSON."""
    price = prices.get(each.pricing.model_id, {})
    usage, cost = each.usage, each.cost
    used_input, used_output, total = _sum(usage, "input"), _sum(usage, "output"), usage.get("total", 0)
    return ObservationV1(
        id=each.id,
        trace_id=each.trace_id,
        project_id=each.project_id,
        type=each.type,
        name=each.name or None,
        start_time=iso(each.start_ns),
        end_time=iso_or_none(each.end_ns),
        completion_start_time=iso_or_none(each.completion_start_ns),
        model=each.model or None,
        model_parameters=parsed(each.model_parameters),
        input=parsed(each.input),
        output=parsed(each.output),
        metadata=parsed_metadata(each.metadata),
        version=each.version or None,
        level=each.level,
        status_message=each.status_message or None,
        parent_observation_id=each.parent_id or None,
        environment=each.environment,
        usage=Usage(unit="TOKENS", input=used_input, output=used_output, total=total),
        prompt_tokens=used_input,
        completion_tokens=used_output,
        total_tokens=total,
        usage_details=usage,
        cost_details=numbers(cost),
        prompt_id=None,
        prompt_name=each.prompt_name or None,
        prompt_version=each.prompt_version,
        model_id=each.pricing.model_id or None,
        input_price=number(price.get("input")),
        output_price=number(price.get("output")),
        total_price=number(price.get("total")),
        calculated_input_cost=_cost(cost, "input"),
        calculated_output_cost=_cost(cost, "output"),
        calculated_total_cost=number(each.total_cost),
        latency=seconds(each.latency_ns),
        time_to_first_token=seconds(each.time_to_first_token_ns),
        created_at=iso(each.created_us * 1_000),
        updated_at=iso(each.updated_ns),
    )


def to_v2_row(each: Observation, groups: frozenset[str], prices: ModelPrices) -> ObservationV2:
    """An observation of ``GET /v2/observations`` with the groups of fields that were asked for."""
    # The model's fields stand in every row, and are filled where the group was asked for.
    model_id = each.pricing.model_id if "model" in groups else ""
    price = prices.get(model_id, {})
    row = ObservationV2(
        id=each.id,
        trace_id=each.trace_id,
        start_time=iso(each.start_ns),
        end_time=iso_or_none(each.end_ns),
        project_id=each.project_id,
        parent_observation_id=each.parent_id or None,
        type=each.type,
        latency=seconds(each.latency_ns),
        time_to_first_token=seconds(each.time_to_first_token_ns),
        model_id=model_id or None,
        input_price=_text(price.get("input")),
        output_price=_text(price.get("output")),
        total_price=_text(price.get("total")),
    )
    for group, fill in _GROUPS.items():
        if group in groups:
            fill(row, each)
    return row


def _basic(row: ObservationV2, each: Observation) -> None:
    row.name = each.name or None
    row.level = each.level
    row.status_message = each.status_message or None
    row.version = each.version or None
    row.environment = each.environment
    row.bookmarked = each.is_bookmarked
    row.public = each.is_public
    row.user_id = each.user_id or None
    row.session_id = each.session_id or None
    row.is_root_observation = each.is_root


def _time(row: ObservationV2, each: Observation) -> None:
    row.completion_start_time = iso_or_none(each.completion_start_ns)
    row.created_at = iso(each.created_us * 1_000)
    row.updated_at = iso(each.updated_ns)


def _io(row: ObservationV2, each: Observation) -> None:
    row.input, row.output = each.input, each.output


def _metadata(row: ObservationV2, each: Observation) -> None:
    row.metadata = parsed_metadata(each.metadata)


def _model(row: ObservationV2, each: Observation) -> None:
    # Documented as providedModelName; the newest client reads model.
    row.model = row.provided_model_name = each.model or None
    row.internal_model_id = each.pricing.model_id or None
    row.model_parameters = parsed(each.model_parameters)


def _usage(row: ObservationV2, each: Observation) -> None:
    row.usage_details = each.usage
    row.cost_details = numbers(each.cost)
    row.total_cost = number(each.total_cost)
    row.usage_pricing_tier_name = each.pricing.tier_name or None


def _prompt(row: ObservationV2, each: Observation) -> None:
    row.prompt_id = None
    row.prompt_name = each.prompt_name or None
    row.prompt_version = each.prompt_version


def _trace_context(row: ObservationV2, each: Observation) -> None:
    row.tags = list(each.tags)
    row.release = each.release or None
    row.trace_name = each.trace_name or None


def _nothing(row: ObservationV2, each: Observation) -> None:
    """Latencies stand in every row."""


_GROUPS: Final[Mapping[str, Callable[[ObservationV2, Observation], None]]] = {
    "basic": _basic,
    "time": _time,
    "io": _io,
    "metadata": _metadata,
    "model": _model,
    "usage": _usage,
    "prompt": _prompt,
    "metrics": _nothing,
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
