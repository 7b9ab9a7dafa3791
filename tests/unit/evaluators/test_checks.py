"""Variables of prompts, mappings and what conditions say of their target."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.errors import InvalidInput
from lumenspan.evaluators import checks, conditions
from lumenspan.evaluators.domain import Mapping, Message, Role, Source
from lumenspan.evaluators.rules import Target
from lumenspan.filters import Condition

NAMES = st.lists(st.text("abc_ é", min_size=1).filter(str.strip), max_size=5)


def prompt(*texts: str) -> list[Message]:
    return [Message(Role.USER, each) for each in texts]


class TestVariables:
    @given(names=NAMES, between=st.text("x {}", max_size=3).filter(lambda text: "{" not in text))
    def test_each_comes_once_in_order(self, names: list[str], between: str) -> None:
        texts = ["{{" + name + "}}" + between for name in names]
        wanted = tuple(dict.fromkeys(name.strip() for name in names))
        assert checks.variables_of(prompt("".join(texts))) == wanted
        assert checks.variables_of(prompt(*texts)) == wanted

    def test_what_is_no_variable(self) -> None:
        assert checks.variables_of(prompt("{{}} {{ }} { {a}} {{a} } {b}")) == ()


class TestMapping:
    @given(path=st.text("$.[]*?@'\"ab01-:,()=~/ \0", max_size=30))
    def test_a_path_is_taken_or_refused(self, path: str) -> None:
        mapping = [Mapping("a", Source.INPUT, path)]
        refusal = None
        try:
            checks.check_mapping(mapping, ["a"], "mapping", is_experiment=False)
        except InvalidInput as error:
            refusal = (error.reason, error.details["field"])
        assert refusal in (None, ("invalid_json_path", "mapping[0].jsonPath"))
        assert refusal or path.startswith("$")

    @pytest.mark.parametrize("source", [Source.EXPECTED_OUTPUT, Source.EXPERIMENT_ITEM_METADATA, None])
    def test_sources_of_experiments(self, source: Source | None) -> None:
        with pytest.raises(InvalidInput) as caught:
            checks.check_mapping([Mapping("a", source)], ["a"], "mapping", is_experiment=False)
        assert caught.value.reason == "invalid_variable_mapping"
        if source is not None:
            checks.check_mapping([Mapping("a", source)], ["a"], "mapping", is_experiment=True)


def item(operator: str, value: bool) -> Condition:
    return Condition("boolean", "isExperimentItemRootSpan", operator, value)


class TestTarget:
    @pytest.mark.parametrize(
        ("operator", "value", "target"),
        [
            ("=", True, Target.EXPERIMENT),
            ("<>", False, Target.EXPERIMENT),
            ("=", False, Target.OBSERVATION),
            ("<>", True, Target.OBSERVATION),
        ],
    )
    def test_conditions_say_it(self, operator: str, value: bool, target: Target) -> None:
        assert conditions.target_of([item(operator, value)]) is target

    @pytest.mark.parametrize("target", [Target.OBSERVATION, Target.EXPERIMENT])
    def test_a_scope_can_be_put_on_and_taken_off(self, target: Target) -> None:
        given_ = (Condition("stringOptions", "datasetId", "any of", ("d",)),)
        there = conditions.scoped(given_, target)
        assert conditions.target_of(there) is target
        assert conditions.scoped(there, target) == there
        assert conditions.unscoped(there) == given_

    @pytest.mark.parametrize("value", [float("inf"), float("nan"), True, "1", None])
    def test_numbers_that_are_none(self, value: Any) -> None:
        with pytest.raises(InvalidInput) as caught:
            conditions.check([Condition("number", "toolCalls", "=", value)], None)
        assert caught.value.reason == "invalid_filter_value"
