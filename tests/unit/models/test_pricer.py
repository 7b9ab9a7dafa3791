"""The pricing stage over a batch of columns: what wins, what is kept, and in any order of rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lumenspan.models.domain import ModelDefinition, Tokenizer
from lumenspan.models.matching import Matcher
from lumenspan.models.pricer import Batch, Counted
from lumenspan.observations.rows import COLUMNS, PRICING_COLUMNS, ObservationColumns
from tests.unit.models.build import NO_BUILTIN, NOW, model, tier

NOW_NS = int(NOW.timestamp()) * 1_000_000_000


def columns_of(rows: Sequence[dict[str, Any]]) -> ObservationColumns:
    columns = ObservationColumns()
    for row in rows:
        given = {"start_time": NOW_NS, "level": "DEFAULT", **row}
        empty: dict[str, Any] = {"usage": {}, "cost": {}, "provided_cost": {}, "metadata": {}}
        names = [name for name in COLUMNS if name not in PRICING_COLUMNS]
        columns.append(tuple(given.get(name, empty.get(name, "")) for name in names))
    return columns


def by_name(columns: ObservationColumns) -> dict[str, list[Any]]:
    return dict(zip(COLUMNS, columns.values, strict=True))


def priced(rows: Sequence[dict[str, Any]], *own: ModelDefinition) -> list[dict[str, Any]]:
    columns = columns_of(rows)
    Batch(by_name(columns), Matcher(own, NO_BUILTIN)).price()
    return [dict(zip(COLUMNS, values, strict=True)) for values in zip(*columns.values, strict=True)]


class TestBatch:
    def test_vector_52_prices_apply_where_no_cost_was_sent(self) -> None:
        [row] = priced([{"model": "m", "usage": {"input": 10, "output": 5, "total": 15}}], model())
        assert row["cost"] == {
            "input": Decimal("0.01"),
            "output": Decimal("0.01"),
            "total": Decimal("0.02"),
        }
        assert {name: row[name] for name in PRICING_COLUMNS} == {
            "model_id": "m",
            "price_tier_id": "Standard",
            "price_tier_name": "Standard",
            "price_source": "project revision 1",
            "usage_source": "provided",
            "cost_source": "calculated",
        }

    def test_a_clients_cost_wins(self) -> None:
        cost = {"foo": Decimal(1)}
        [row] = priced(
            [{"model": "m", "usage": {"input": 1}, "provided_cost": cost, "cost": cost}], model()
        )
        assert row["cost"] == cost
        assert (row["model_id"], row["cost_source"], row["price_tier_id"]) == ("m", "provided", "")

    def test_an_unknown_model_has_no_cost(self) -> None:
        [row] = priced([{"model": "n", "usage": {"input": 1}}], model())
        assert (row["cost"], row["model_id"], row["cost_source"]) == ({}, "", "")

    def test_usage_without_a_price_names_no_tier(self) -> None:
        [row] = priced([{"model": "m", "usage": {"seconds": 1}}], model())
        assert (row["cost"], row["model_id"], row["price_tier_id"]) == ({}, "m", "")

    def test_the_start_of_each_row_decides_between_definitions(self) -> None:
        old, new = model("old", "^m$"), model("new", "^m$", start_date=NOW)
        rows = [{"model": "m", "usage": {"input": 1}, "start_time": NOW_NS + shift} for shift in (-1, 0, 1)]
        assert [row["model_id"] for row in priced(rows, old, new)] == ["old", "new", "new"]

    def test_order_of_rows_and_definitions_does_not_matter(self) -> None:
        own = [model(f"d{at}", "^m[0-5]$", start_date=NOW + timedelta(hours=at)) for at in range(5)]
        rows = [
            {
                "id": str(at),
                "model": f"m{at % 8}",
                "usage": {"input": at, "output": 2 * at},
                "start_time": NOW_NS + at * 600_000_000_000,
            }
            for at in range(60)
        ]
        expected = {row["id"]: row for row in priced(rows, *own)}
        random.Random(1).shuffle(rows)
        random.Random(2).shuffle(own)
        assert {row["id"]: row for row in priced(rows, *own)} == expected

    @pytest.mark.parametrize(
        ("row", "is_counted"),
        [
            ({"input": "hello"}, True),
            ({"output": "hello", "type": "SPAN"}, True),
            ({}, False),
            ({"input": "hello", "level": "ERROR"}, False),
            ({"input": "hello", "usage": {"input": 0, "total": 0}}, False),
            ({"input": "hello", "provided_cost": {"total": Decimal(1)}}, False),
        ],
    )
    def test_what_is_counted(self, row: dict[str, Any], is_counted: bool) -> None:
        batch = Batch(by_name(columns_of([{"model": "m", **row}])), Matcher([_countable()], NO_BUILTIN))
        batch.price()
        assert bool(batch.uncounted) == is_counted

    def test_counts_are_priced_and_marked(self) -> None:
        columns = columns_of([{"model": "m", "input": text} for text in ("one", "two", "three")])
        batch = Batch(by_name(columns), Matcher([_countable()], NO_BUILTIN))
        batch.price()
        batch.apply([Counted({"input": 3, "output": 1}, True), None, Counted({"input": 5}, False)])
        found = by_name(columns)
        assert found["usage"] == [{"input": 3, "output": 1, "total": 4}, {}, {"input": 5, "total": 5}]
        assert found["usage_source"] == ["tokenizer", "", "estimated"]
        assert [cost.get("total") for cost in found["cost"]] == [Decimal("0.005"), None, Decimal("0.005")]


def _countable() -> ModelDefinition:
    return model("m", tokenizer=Tokenizer.CLAUDE, tiers=[tier()])
