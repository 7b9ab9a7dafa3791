"""The observations of a trace as a Qt tree under one root, the trace itself."""

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from lumenspan_desktop.trace.client import Node
from lumenspan_desktop.values import format_cost, format_duration

AnyIndex = QModelIndex | QPersistentModelIndex
NodeRole = Qt.ItemDataRole.UserRole + 1
# (first, last) as shares of the trace's duration, each from 0 to 1.
BarRole = Qt.ItemDataRole.UserRole + 2
TITLES = ("Name", "Latency", "Cost", "Timeline")
NAME, LATENCY, COST, TIMELINE = range(4)
_NO_PARENT = -1


class TraceTreeModel(QAbstractItemModel):
    """Rows by position in `nodes`; position 0 of the tree is the trace.

    An observation whose parent is not in the trace, or whose parents form a circle, hangs below the trace.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.head: Node | None = None
        self.nodes: list[Node] = []
        # By number of the row: 0 is the trace, n is nodes[n - 1].
        self._children: list[list[int]] = []
        self._parents: list[int] = []
        self._places: list[int] = []
        self._depths: list[int] = []
        self._numbers: dict[str, int] = {}
        self.begin_ns = 0
        self.end_ns = 0

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end; at least 1."""
        return max(1, self.end_ns - self.begin_ns)

    def set_head(self, head: Node) -> None:
        """Shows the trace itself, with the observations it has so far."""
        self._rebuild(head, self.nodes)

    def add(self, nodes: Iterable[Node]) -> None:
        """Shows these observations as well; one that is known already is replaced."""
        latest = {node.id: node for node in self.nodes}
        latest.update((node.id, node) for node in nodes)
        self._rebuild(self.head, sorted(latest.values(), key=lambda node: (node.start_ns, node.id)))

    def _rebuild(self, head: Node | None, nodes: list[Node]) -> None:
        self.beginResetModel()
        self.head, self.nodes = head, nodes
        self._numbers = {node.id: number for number, node in enumerate(nodes, 1)}
        self._parents = [_NO_PARENT, *parents_of(nodes)]
        self._children = [[] for _ in self._parents]
        self._places = [0] * len(self._parents)
        for number in range(1, len(self._parents)):
            siblings = self._children[self._parents[number]]
            self._places[number] = len(siblings)
            siblings.append(number)
        self._depths = depths_of(self._parents)
        every = nodes if head is None else [head, *nodes]
        self.begin_ns = min((node.start_ns for node in every), default=0)
        self.end_ns = max((node.end_ns or node.start_ns for node in every), default=0)
        self.endResetModel()

    @property
    def depth(self) -> int:
        """Levels below the trace."""
        return max(self._depths, default=0)

    def node_of(self, observation_id: str) -> Node:
        """The observation of that id; raises `KeyError` when it is not in the tree."""
        return self.nodes[self._numbers[observation_id] - 1]

    def index_of(self, observation_id: str | None) -> QModelIndex:
        """The index of an observation, or with None of the trace; invalid for an unknown one."""
        number = 0 if observation_id is None else self._numbers.get(observation_id)
        if number is None or self.head is None:
            return QModelIndex()
        return self.createIndex(self._places[number], 0, number)

    def index(self, row: int, column: int, parent: AnyIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """The index of a cell; invalid outside the tree."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        number = self._children[parent.internalId()][row] if parent.isValid() else 0
        return self.createIndex(row, column, number)

    def parent(self, index: AnyIndex = QModelIndex()) -> Any:  # noqa: B008
        """The index of the parent; invalid for the trace."""
        number = self._parents[index.internalId()] if index.isValid() else _NO_PARENT
        return QModelIndex() if number == _NO_PARENT else self.createIndex(self._places[number], 0, number)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """One row at the top; below, the children."""
        if not parent.isValid():
            return 0 if self.head is None else 1
        return len(self._children[parent.internalId()]) if parent.column() == 0 else 0

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """The number of columns."""
        return len(TITLES)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text; under `NodeRole` the `Node`; under `BarRole` its place on the time axis."""
        node = self._node(index)
        if node is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TEXTS[index.column()](node)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{node.type.lower()} {node.name}, {format_duration(node.latency_ms) or 'no duration'}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{node.name}\n{node.model}".strip()
        if role == BarRole:
            return self._bar(node)
        return node if role == NodeRole else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section] if 0 <= section < len(TITLES) else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            is_number = section in (LATENCY, COST)
            side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def _node(self, index: AnyIndex) -> Node | None:
        if not index.isValid():
            return None
        number = index.internalId()
        return self.head if number == 0 else self.nodes[number - 1]

    def _bar(self, node: Node) -> tuple[float, float]:
        # What has no end is still running, except that an event is a moment.
        end_ns = node.end_ns
        if end_ns is None:
            end_ns = node.start_ns if node.type == "EVENT" else self.end_ns
        first = (node.start_ns - self.begin_ns) / self.duration_ns
        return first, max(first, (end_ns - self.begin_ns) / self.duration_ns)


_TEXTS = (
    lambda node: node.name,
    lambda node: format_duration(node.latency_ms),
    lambda node: format_cost(node.cost_usd),
    lambda node: "",
)


def parents_of(nodes: Sequence[Node]) -> list[int]:
    """For each node the number of its parent: 0 for the trace, n for `nodes[n - 1]`."""
    numbers = {node.id: number for number, node in enumerate(nodes, 1)}
    parents = [numbers.get(node.parent_id or "", 0) for node in nodes]
    is_rooted = [True, *([False] * len(nodes))]
    for number in range(1, len(nodes) + 1):
        path: list[int] = []
        on_path: set[int] = set()
        step = number
        while not is_rooted[step] and step not in on_path:
            path.append(step)
            on_path.add(step)
            step = parents[step - 1]
        if not is_rooted[step]:
            # A circle: it is cut where it was entered.
            parents[step - 1] = 0
        for passed in path:
            is_rooted[passed] = True
    return parents


def depths_of(parents: Sequence[int]) -> list[int]:
    """For each row, given the row of its parent (negative for the top one), how far below the top it is."""
    depths = [-1] * len(parents)
    for number in range(len(parents)):
        path = []
        step = number
        while step >= 0 and depths[step] < 0:
            path.append(step)
            step = parents[step]
        depth = depths[step] if step >= 0 else -1
        for passed in reversed(path):
            depth += 1
            depths[passed] = depth
    return depths
