"""Tiers and costs: contract section 5 and its vectors 52 and 54, and that no cent is lost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.models.domain import AttributeCondition, AttributeSource, Operator, UsageCondition
from lumenspan.models.pricing import MAX_COST, TierChooser, price_list, scalar_text
from lumenspan.models.pricing import costs as costs_of
from tests.unit.models.build import model, tier


def costs(usage: Mapping[str, int], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return costs_of(usage, price_list(prices))


KINDS = st.sampled_from(["input", "output", "input_cached_tokens", "output_reasoning_tokens", "custom"])
USAGE = st.dictionaries(KINDS, st.integers(0, 10**9), max_size=5)
PRICES = st.dictionaries(
    KINDS, st.decimals(min_value=0, max_value=10, places=15, allow_nan=False), max_size=5
)


class TestCosts:
    def test_kinds_are_priced_by_their_exact_name(self) -> None:
        prices = {"input": Decimal("0.5"), "output": Decimal(2)}
        usage = {"input": 10, "output": 5, "input_tokens": 7, "total": 15}
        assert costs(usage, prices) == {"input": Decimal(5), "output": Decimal(10), "total": Decimal(15)}

    def test_a_priced_total_is_the_total(self) -> None:
        prices = {"input": Decimal(1), "total": Decimal(3)}
        assert costs({"input": 2, "total": 10}, prices) == {"input": Decimal(2), "total": Decimal(30)}

    def test_nothing_priced_is_no_cost(self) -> None:
        assert costs({"input": 2}, {"output": Decimal(1)}) == {}

    def test_amounts_are_clamped_to_the_column(self) -> None:
        found = costs({"input": 10**12, "output": 10**12}, {"input": Decimal(1), "output": Decimal(1)})
        assert found == {"input": MAX_COST, "output": MAX_COST, "total": MAX_COST}

    @given(USAGE, PRICES)
    def test_parts_sum_to_the_total_and_fit_the_column(
        self, usage: dict[str, int], prices: dict[str, Decimal]
    ) -> None:
        found = costs(usage, prices)
        total = found.pop("total", None)
        assert set(found) == set(usage) & set(prices)
        assert (total is None) == (not found)
        if total is not None:
            assert total == min(sum(found.values()), MAX_COST)
        for kind, amount in found.items():
            assert amount <= MAX_COST
            assert amount == round(amount, 12)
            assert amount == MAX_COST or abs(amount - usage[kind] * prices[kind]) <= Decimal("5e-13")

    @given(USAGE, PRICES, st.randoms())
    def test_order_of_kinds_does_not_matter(
        self, usage: dict[str, int], prices: dict[str, Decimal], random: Random
    ) -> None:
        shuffled = list(usage.items())
        random.shuffle(shuffled)
        assert costs(dict(shuffled), prices) == costs(usage, prices)


FAST = tier(
    "Fast",
    1,
    [AttributeCondition(AttributeSource.MODEL_PARAMETERS, "service_tier", ("fast", "priority"))],
)
LARGE = tier("Large", 2, [UsageCondition("input|prompt|cached", Operator.GREATER, Decimal(200_000))])


class TestTierChooser:
    """Vector 54: the tiers may be given in any order."""

    @pytest.mark.parametrize("tiers", [(tier(), FAST, LARGE), (LARGE, FAST, tier())])
    @pytest.mark.parametrize(
        ("usage", "parameters", "expected"),
        [
            ({"input": 200_000}, "", "Standard"),
            ({"input": 150_000, "input_cached_tokens": 50_001}, "", "Large"),
            ({"input": 1}, '{"service_tier":"priority"}', "Fast"),
            ({"input": 300_000}, '{"service_tier":"fast"}', "Fast"),
            ({"input": 1}, '{"service_tier":"Fast"}', "Standard"),
            ({"input": 1}, '{"nested":{"service_tier":"fast"}}', "Standard"),
            ({"input": 1}, '"service_tier fast"', "Standard"),
            ({"input": 1}, "{service_tier", "Standard"),
            ({"output": 300_000}, "", "Standard"),
        ],
    )
    def test_vector_54(self, tiers: tuple, usage: dict[str, int], parameters: str, expected: str) -> None:  # type: ignore[type-arg]
        chosen = TierChooser(model(tiers=tiers)).choose(usage, parameters)
        assert chosen is not None
        assert chosen.name == expected

    def test_no_usage_no_tier(self) -> None:
        assert TierChooser(model()).choose({}) is None

    def test_all_conditions_must_hold(self) -> None:
        both = tier("Both", 1, [*FAST.conditions, *LARGE.conditions])
        chooser = TierChooser(model(tiers=[tier(), both]))
        fast = '{"service_tier":"fast"}'
        assert chooser.choose({"input": 200_001}, fast) == both
        assert chooser.choose({"input": 200_001}) == tier()
        assert chooser.choose({"input": 1}, fast) == tier()

    @pytest.mark.parametrize(
        ("operator", "holds"),
        [
            (Operator.GREATER, (False, False, True)),
            (Operator.GREATER_OR_EQUAL, (False, True, True)),
            (Operator.LESS, (True, False, False)),
            (Operator.LESS_OR_EQUAL, (True, True, False)),
            (Operator.EQUAL, (False, True, False)),
            (Operator.NOT_EQUAL, (True, False, True)),
        ],
    )
    def test_operators(self, operator: Operator, holds: tuple[bool, ...]) -> None:
        special = tier("Special", 1, [UsageCondition("^input$", operator, Decimal(10))])
        chooser = TierChooser(model(tiers=[tier(), special]))
        assert tuple(chooser.choose({"input": units}) == special for units in (9, 10, 11)) == holds

    @pytest.mark.parametrize(("is_case_sensitive", "expected"), [(False, "Special"), (True, "Standard")])
    def test_case_of_the_usage_pattern(self, is_case_sensitive: bool, expected: str) -> None:
        condition = UsageCondition("INPUT", Operator.GREATER, Decimal(1), is_case_sensitive)
        chosen = TierChooser(model(tiers=[tier(), tier("Special", 1, [condition])])).choose({"input": 2})
        assert chosen is not None
        assert chosen.name == expected

    def test_metadata_is_compared_as_stored(self) -> None:
        condition = AttributeCondition(AttributeSource.METADATA, "speed", ("fast",))
        chooser = TierChooser(model(tiers=[tier(), tier("Special", 1, [condition])]))
        assert chooser.choose({"input": 1}, "", {"speed": "fast"}) != tier()
        assert chooser.choose({"input": 1}, "", {"speed": "slow"}) == tier()


@pytest.mark.parametrize(
    ("value", "text"), [("x", "x"), (1, "1"), (1.5, "1.5"), (True, "true"), (None, None), ([], None)]
)
def test_scalar_text(value: object, text: str | None) -> None:
    assert scalar_text(value) == text
