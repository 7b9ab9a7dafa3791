"""The tree of a trace: its shape, its bars, and how it is shown."""

from decimal import Decimal

import pytest
from PySide6.QtCore import QModelIndex, QRect, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from lumenspan_desktop.trace.client import Node
from lumenspan_desktop.trace.tree_model import (
    COST,
    LATENCY,
    NAME,
    BarRole,
    NodeRole,
    TraceTreeModel,
    depths_of,
    parents_of,
)
from lumenspan_desktop.trace.tree_view import TraceTree, bar_area, ticks

MS = 1_000_000


def node(
    key: str, parent: str | None = None, start_ms: int = 0, end_ms: int | None = 10, kind: str = "SPAN"
) -> Node:
    end_ns = None if end_ms is None else end_ms * MS
    latency_ms = None if end_ms is None else float(end_ms - start_ms)
    return Node(
        id=key,
        parent_id=parent,
        type=kind,
        name=f"step {key}",
        start_ns=start_ms * MS,
        end_ns=end_ns,
        latency_ms=latency_ms,
        level="DEFAULT",
        model="",
        cost_usd=Decimal("0.5") if kind == "GENERATION" else None,
        usage={},
    )


HEAD = node("trace", None, 0, 100, "TRACE")


def shown(model: TraceTreeModel, parent: QModelIndex | None = None) -> list[object]:
    """The tree as nested lists: a name, followed by the list of its children if there are any."""
    place = parent or QModelIndex()
    found: list[object] = []
    for row in range(model.rowCount(place)):
        child = model.index(row, 0, place)
        found.append(child.data(NodeRole).id)
        below = shown(model, child)
        if below:
            found.append(below)
    return found


@pytest.fixture
def model() -> TraceTreeModel:
    made = TraceTreeModel()
    made.set_head(HEAD)
    return made


class TestTreeModel:
    def test_obeys_the_rules_of_qt_models(self, qtmodeltester: ModelTester, model: TraceTreeModel) -> None:
        model.add([node("a"), node("b", "a"), node("c", "a", 1), node("d", "gone", 2)])
        qtmodeltester.check(model)

    def test_children_follow_their_parent_by_start(self, model: TraceTreeModel) -> None:
        model.add([node("late", "a", 5), node("a"), node("early", "a", 1), node("deep", "early", 2)])
        assert shown(model) == ["trace", ["a", ["early", ["deep"], "late"]]]

    def test_child_before_parent_and_orphan_are_kept(self, model: TraceTreeModel) -> None:
        model.add([node("child", "a", 0)])
        assert shown(model) == ["trace", ["child"]]
        model.add([node("a", None, 1)])
        assert shown(model) == ["trace", ["a", ["child"]]]

    def test_circle_of_parents_is_cut(self, model: TraceTreeModel) -> None:
        model.add([node("a", "c"), node("b", "a"), node("c", "b"), node("self", "self")])
        text = str(shown(model))
        assert all(f"'{key}'" in text for key in ("a", "b", "c", "self"))

    def test_later_version_replaces_the_earlier(self, model: TraceTreeModel) -> None:
        model.add([node("a", end_ms=None)])
        model.add([node("a", end_ms=50)])
        assert [known.end_ns for known in model.nodes] == [50 * MS]

    def test_cells_and_bars(self, model: TraceTreeModel) -> None:
        model.add(
            [
                node("a", None, 25, 50, "GENERATION"),
                node("e", None, 75, None, "EVENT"),
                node("r", "a", 50, None),
            ]
        )
        first = model.index_of("a")
        assert first.data() == "step a"
        assert first.siblingAtColumn(LATENCY).data() == "25 ms"
        assert first.siblingAtColumn(COST).data() == "$0.50"
        assert first.data(BarRole) == (0.25, 0.5)
        assert model.index_of("e").data(BarRole) == (0.75, 0.75)
        assert model.index_of("r").data(BarRole) == (0.5, 1.0)
        assert model.index_of("unknown").isValid() is False
        assert first.data(Qt.ItemDataRole.AccessibleTextRole) == "generation step a, 25 ms"

    def test_without_head_there_are_no_rows(self) -> None:
        made = TraceTreeModel()
        made.add([node("a")])
        assert made.rowCount() == 0
        assert not made.index_of("a").isValid()

    def test_chain_of_thousands_is_no_trouble(self, model: TraceTreeModel) -> None:
        model.add([node(str(n), str(n - 1) if n else None, n) for n in range(5000)])
        assert model.depth == 5000


def test_parents_and_depths_by_number() -> None:
    nodes = [node("a"), node("b", "a"), node("c", "b"), node("d", "gone")]
    parents = parents_of(nodes)
    assert parents == [0, 1, 2, 0]
    assert depths_of([-1, *parents]) == [0, 1, 2, 3, 1]


class TestAxis:
    @pytest.mark.parametrize(
        ("duration_ms", "room", "texts"),
        [
            (1350, 3, ["0", "500 ms", "1 s"]),
            (100, 4, ["0", "50 ms", "100 ms"]),
            (0.9, 5, ["0", "0.2 ms", "0.4 ms", "0.6 ms", "0.8 ms"]),
        ],
    )
    def test_marks_are_round_and_fit(self, duration_ms: float, room: int, texts: list[str]) -> None:
        marks = ticks(round(duration_ms * MS), room)
        assert [text for _, text in marks] == texts
        assert all(0 <= share <= 1.000001 for share, _ in marks)

    def test_bar_can_always_be_seen_inside_its_cell(self) -> None:
        cell = QRect(100, 0, 220, 34)
        for bar in ((0.0, 0.0), (0.5, 0.500001), (1.0, 1.0), (0.0, 1.0)):
            area = bar_area(cell, bar)
            assert area.width() >= 3
            assert cell.left() <= area.left()
            assert area.right() <= cell.right()


class TestTree:
    def test_folded_and_marked_rows_stay_so_when_more_come(
        self, qtbot: QtBot, model: TraceTreeModel
    ) -> None:
        tree = TraceTree(model)
        qtbot.addWidget(tree)
        model.add([node("a"), node("b", "a"), node("c", None, 2)])
        tree.collapse(model.index_of("a"))
        with qtbot.waitSignal(tree.chosen) as chosen:
            tree.setCurrentIndex(model.index_of("c"))
        assert chosen.args == ["c"]
        with qtbot.assertNotEmitted(tree.chosen):
            model.add([node("d", "c", 3)])
        assert not tree.isExpanded(model.index_of("a"))
        assert tree.isExpanded(model.index_of("c"))
        assert tree.currentIndex() == model.index_of("c")

    def test_marks_move_through_what_is_unfolded(self, qtbot: QtBot, model: TraceTreeModel) -> None:
        tree = TraceTree(model)
        qtbot.addWidget(tree)
        model.add([node("a"), node("b", "a"), node("c", None, 2)])
        tree.collapse(model.index_of("a"))
        tree.move_by(2)
        assert tree.currentIndex().data(NodeRole).id == "c"
        tree.move_by(5)
        assert tree.currentIndex().data(NodeRole).id == "c"
        tree.move_by(-9)
        assert tree.currentIndex().data(NodeRole).id == "trace"

    def test_name_keeps_room_in_a_deep_tree(self, qtbot: QtBot, model: TraceTreeModel) -> None:
        tree = TraceTree(model)
        qtbot.addWidget(tree)
        tree.resize(760, 600)
        tree.show()
        model.add([node(str(n), str(n - 1) if n else None, n) for n in range(200)])
        assert tree.visualRect(model.index_of("199")).width() >= 150
        tree.scrollTo(model.index_of("199"))
        assert not tree.grab().isNull()
        assert tree.columnWidth(NAME) > 300
