"""Which definition a name means."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.errors import InvalidInput
from lumenspan.models.builtin import builtin_models
from lumenspan.models.matching import Matcher
from lumenspan.models.patterns import compile_pattern
from tests.unit.models.build import NO_BUILTIN, NOW, model


class TestMatcher:
    def test_own_definitions_win_over_built_in_ones(self) -> None:
        own = model("mine", "gpt-4o")
        assert Matcher([own], builtin_models()).match("gpt-4o", NOW) == own
        builtin = Matcher([], builtin_models()).match("GPT-4o", NOW)
        assert builtin is not None
        assert builtin.is_builtin

    def test_the_newest_start_date_wins_and_none_is_last(self) -> None:
        undated = model("undated", "^x$")
        old = model("old", "^x$", start_date=NOW)
        new = model("new", "^x$", start_date=NOW + timedelta(days=10))
        for given_order in ([undated, old, new], [new, undated, old], [old, new, undated]):
            matcher = Matcher(given_order, NO_BUILTIN)
            assert matcher.match("x", NOW + timedelta(days=11)) == new
            assert matcher.match("x", NOW + timedelta(days=10)) == new
            assert matcher.match("x", NOW + timedelta(days=9)) == old
            assert matcher.match("x", NOW - timedelta(days=1)) == undated

    def test_before_an_own_one_starts_the_built_in_one_applies(self) -> None:
        own = model("mine", "^gpt-4o$", start_date=NOW)
        before = Matcher([own], builtin_models()).match("gpt-4o", NOW - timedelta(seconds=1))
        assert before is not None
        assert before.is_builtin

    def test_a_pattern_is_searched_anywhere(self) -> None:
        assert Matcher([model("m", "gpt")], NO_BUILTIN).match("my-gpt-x", NOW) is not None

    def test_a_runaway_pattern_matches_nothing_and_soon(self) -> None:
        matcher = Matcher([model("m", r"^(a|a|aa)+$")], NO_BUILTIN)
        started = time.monotonic()
        assert matcher.match("a" * 60 + "!", NOW) is None
        # It would go on for centuries.
        assert time.monotonic() - started < 20

    @given(st.text(max_size=600))
    def test_odd_names_match_only_themselves(self, name: str) -> None:
        exact = Matcher([model("m", f"^(?:{regex.escape(name)})$")], NO_BUILTIN)
        assert (exact.match(name, NOW) is not None) == (0 < len(name) <= 500)
        assert exact.match(name + "x", NOW) is None
        found = Matcher([], builtin_models()).match(name, NOW)
        assert (found is not None) == (name.lower() in set(builtin_models().names()))

    def test_remembered_answers_are_bounded(self) -> None:
        matcher = Matcher([model("m", "^x")], NO_BUILTIN)
        for number in range(5_000):
            matcher.match(f"y{number}", NOW)
        assert len(matcher._found) <= 2_000
        assert matcher.match("x1", NOW) is not None


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>", "x" * 1_001])
def test_what_does_not_compile_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput):
        compile_pattern(pattern)
