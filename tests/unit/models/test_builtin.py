"""The built-in table and how it is made of litellm's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import regex

from lumenspan.errors import InvalidInput
from lumenspan.models.builtin import BuiltinModels, builtin_models
from lumenspan.models.domain import ModelDefinition, Tokenizer
from lumenspan.models.pricing import TierChooser
from lumenspan.models.refresh import refresh


def found(name: str) -> ModelDefinition:
    match = builtin_models().match(name)
    assert match is not None
    return match


class TestTable:
    def test_every_definition_is_whole(self) -> None:
        builtin = builtin_models()
        ids = set()
        for at in range(len(builtin)):
            model = builtin.at(at)
            ids.add(model.id)
            assert builtin.by_id(model.id) is model
            assert model.default_tier is not None
            kinds = set(model.default_tier.prices)
            assert all(set(tier.prices) == kinds for tier in model.tiers), model.name
            assert all(tier.conditions for tier in model.tiers if not tier.is_default), model.name
            assert len({tier.name for tier in model.tiers}) == len(model.tiers), model.name
            assert len({tier.id for tier in model.tiers}) == len(model.tiers), model.name
            assert all(price >= 0 for tier in model.tiers for price in tier.prices.values()), model.name
        assert len(ids) == len(builtin) > 3_000

    def test_the_pattern_means_the_same_as_the_lookup(self) -> None:
        builtin = builtin_models()
        for name in list(builtin.names())[::37]:
            match = builtin.match(name)
            assert match is not None
            pattern = regex.compile(match.match_pattern)
            assert pattern.search(name)
            assert pattern.search(name.upper())
            assert not pattern.search(name + "x")

    def test_the_source_is_named(self) -> None:
        assert regex.fullmatch(r"litellm \d+\.\d+\.\d+", found("gpt-4o").provenance)

    @pytest.mark.parametrize(
        ("name", "tokenizer"),
        [
            ("gpt-4o", Tokenizer.OPENAI),
            ("text-embedding-3-small", Tokenizer.OPENAI),
            ("claude-sonnet-4-5", Tokenizer.CLAUDE),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Tokenizer.CLAUDE),
            ("o3", None),
            ("gpt-5", None),
            ("gemini-2.5-pro", None),
        ],
    )
    def test_tokenizers(self, name: str, tokenizer: Tokenizer | None) -> None:
        assert found(name).tokenizer is tokenizer

    def test_every_name_of_a_quantity_has_its_price(self) -> None:
        prices = found("claude-sonnet-4-5").default_tier.prices  # type: ignore[union-attr]
        assert prices["input"] == prices["input_tokens"] == Decimal("0.000003")
        assert prices["input_cached_tokens"] == prices["cache_read_input_tokens"] == Decimal("3E-7")
        assert prices["input_cache_creation"] == Decimal("0.00000375")
        assert prices["input_cache_creation_1h"] == Decimal("0.000006")
        assert prices["output_reasoning_tokens"] == prices["output"] == Decimal("0.000015")

    def test_large_context_and_service_tiers(self) -> None:
        chooser = TierChooser(found("gemini-2.5-pro"))
        names = {
            (units, parameters): chooser.choose({"input": units}, parameters).name  # type: ignore[union-attr]
            for units in (200_000, 200_001)
            for parameters in ("", '{"service_tier":"priority"}')
        }
        assert list(names.values()) == [
            "Standard",
            "Priority",
            "Large Context (over 200K)",
            "Large Context (over 200K), Priority",
        ]


class TestRefresh:
    def test_a_table_is_made(self, tmp_path: Path) -> None:
        source, target = tmp_path / "litellm.json", tmp_path / "made.json"
        tiered = [
            {"input_cost_per_token": 1e-7, "range": [0, 1000]},
            {"input_cost_per_token": 2e-7, "range": [1000.0, 2000]},
        ]
        entries = {
            "sample_spec": {"input_cost_per_token": 1},
            "gpt-x": {
                "litellm_provider": "openai",
                "mode": "chat",
                "input_cost_per_token": 1.1e-07,
                "output_cost_per_token": 4e-07,
                "input_cost_per_token_above_200k_tokens": 2e-07,
                "input_cost_per_token_flex": 5e-08,
            },
            "free": {"input_cost_per_token": 0.0, "output_cost_per_token": 0},
            "by-second": {"input_cost_per_second": 1},
            "steps": {"tiered_pricing": tiered},
        }
        source.write_text(json.dumps(entries), "utf-8")
        assert refresh(source, "9.9.9", target) == (target, 2, "9.9.9")
        table = BuiltinModels(json.loads(target.read_text("utf-8")))
        assert table.source == "litellm 9.9.9"
        made = table.match("OpenAI/GPT-X")
        assert made is not None
        assert [(tier.name, tier.prices["input"]) for tier in made.tiers] == [
            ("Standard", Decimal("0.00000011")),
            ("Flex", Decimal("0.00000005")),
            ("Large Context (over 200K)", Decimal("0.0000002")),
        ]
        steps = table.match("steps")
        assert steps is not None
        assert TierChooser(steps).choose({"input": 1_001}).prices["input"] == Decimal("2E-7")  # type: ignore[union-attr]

    @pytest.mark.parametrize("content", ["{", "[]", "{}"])
    def test_what_is_no_table_is_refused(self, tmp_path: Path, content: str) -> None:
        source = tmp_path / "litellm.json"
        source.write_text(content, "utf-8")
        with pytest.raises(InvalidInput):
            refresh(source, "1", tmp_path / "made.json")
        assert not (tmp_path / "made.json").exists()
