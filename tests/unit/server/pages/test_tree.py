"""The tree of a page: each observation once, whatever its parents say."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lumenspan.ids import ObservationId
from lumenspan.observations.domain import Level, ObservationOutline
from lumenspan_server.pages.tree import MAX_INDENT, rows
from lumenspan_server.pages.tree_markup import tree_markup


def node(
    id_: str, parent: str = "", start: int = 0, end: int | None = 100, **given: object
) -> ObservationOutline:
    facts = {"type": "SPAN", "name": id_, "level": Level.DEFAULT, "model": ""} | given
    return ObservationOutline(
        id=ObservationId(id_),
        parent_id=parent,
        start_ns=start,
        end_ns=end,
        total_cost=None,
        total_usage=None,
        **facts,  # type: ignore[arg-type]
    )


def is_balanced(markup: str) -> bool:
    """Whether every list, row and fold that begins also ends, in the right order."""
    waiting: list[str] = []
    for closing, name in re.findall(r"<(/?)(ul|li|details|summary|div|a|svg|span|i)\b", markup):
        if not closing:
            waiting.append(name)
        elif not waiting or waiting.pop() != name:
            return False
    return not waiting


class TestRows:
    def test_children_follow_their_parents_in_order(self) -> None:
        found = rows([node("a"), node("b", "a"), node("c"), node("d", "b"), node("e", "a")], 0, 100)
        assert [(row.node.id, row.depth, row.closes) for row in found] == [
            ("a", 0, -1),
            ("b", 1, -1),
            ("d", 2, 1),
            ("e", 1, 1),
            ("c", 0, 0),
        ]

    def test_child_whose_parent_is_elsewhere_says_so(self) -> None:
        found = rows([node("a"), node("b", "absent")], 0, 100)
        assert [row.is_cut_off for row in found] == [False, True]

    def test_child_before_its_parent_is_put_below_it(self) -> None:
        assert [row.node.id for row in rows([node("b", "a"), node("a")], 0, 100)] == ["a", "b"]

    def test_bars_are_thousandths_of_the_span(self) -> None:
        found = rows(
            [node("a", start=0, end=1000), node("b", start=500, end=750), node("c", start=999)], 0, 1000
        )
        assert [(row.bar_start, row.bar_width) for row in found] == [(0, 1000), (500, 250), (999, 1)]

    def test_what_still_runs_reaches_the_end(self) -> None:
        (row,) = rows([node("a", start=400, end=None)], 0, 1000)
        assert (row.bar_start, row.bar_width) == (400, 600)

    def test_a_long_chain_is_no_problem(self) -> None:
        chain = [node(str(number), str(number - 1) if number else "") for number in range(5_000)]
        found = rows(chain, 0, 100)
        assert found[-1].depth == 4_999
        assert not found[MAX_INDENT].is_indented
        assert is_balanced(tree_markup(found, "", {}, ""))

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 12),
                st.integers(0, 14),
                st.integers(-5, 2**63),
                st.none() | st.integers(-5, 2**63),
            ),
            unique_by=lambda each: each[0],
        )
    )
    def test_each_is_there_once_and_markup_is_balanced(
        self, given_nodes: list[tuple[int, int, int, int | None]]
    ) -> None:
        nodes = [node(str(id_), str(parent), start, end) for id_, parent, start, end in given_nodes]
        found = rows(nodes, 0, 100)
        assert sorted(row.node.id for row in found) == sorted(each.id for each in nodes)
        assert all(0 <= row.bar_start < 1_000 and 1 <= row.bar_width <= 1_000 for row in found)
        assert is_balanced(tree_markup(found, "1", {"2": 3}, "cursor"))


class TestMarkup:
    def test_nothing_of_a_client_is_markup(self) -> None:
        evil = '"><script>alert(1)</script>'
        found = rows([node(evil, "", name=evil, type=evil), node("b", evil)], 0, 100)
        markup = tree_markup(found, evil, {evil: 2}, evil)
        assert "<script" not in markup
        assert is_balanced(markup)
