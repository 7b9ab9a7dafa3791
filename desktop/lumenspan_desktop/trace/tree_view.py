"""Tree and timeline in the same rows: how a row looks, and the axis above the bars."""

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from lumenspan_desktop import theme
from lumenspan_desktop.icons import paint_type
from lumenspan_desktop.trace.client import Node
from lumenspan_desktop.trace.tree_model import (
    COST,
    LATENCY,
    NAME,
    TIMELINE,
    BarRole,
    NodeRole,
    TraceTreeModel,
)
from lumenspan_desktop.values import format_duration
from lumenspan_desktop.widgets import paint_chevron

ROW_HEIGHT_PX = 34
_ICON_PX = 22
_PADDING_PX = 10
_TICK_ROOM_PX = 84
_INDENTATIONS_PX = (18, 14, 10, 6, 4, 2)
# Of the column of names, how much steps and names may take.
_INDENTATION_ROOM_PX = 170
_NAME_ROOM_PX = 190
AnyIndex = QModelIndex | QPersistentModelIndex


def ticks(duration_ns: int, room: int) -> list[tuple[float, str]]:
    """Round marks for an axis that starts at 0: (share of the duration, text), at most `room` of them."""
    duration_ms = duration_ns / 1e6
    step = 1e-3
    while duration_ms / step > max(1, room):
        # 1, 2, 5, 10, 20, 50 …
        step *= 2.5 if f"{step:.0e}"[0] == "2" else 2
    count = int(duration_ms / step)
    return [(n * step / duration_ms, _mark(n * step)) for n in range(count + 1)]


def _mark(ms: float) -> str:
    if ms == 0:
        return "0"
    if ms < 60_000:
        return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"
    return format_duration(ms)


def bar_area(area: QRect, bar: tuple[float, float]) -> QRectF:
    """Where a bar is painted in a cell; never thinner than can be seen."""
    inner = area.adjusted(_PADDING_PX, 0, -_PADDING_PX, 0)
    left = inner.left() + bar[0] * inner.width()
    width = max(3.0, (bar[1] - bar[0]) * inner.width())
    return QRectF(min(left, inner.right() - 2), area.center().y() - 6, width, 13)


def has_failed(node: Node) -> bool:
    """Whether this very step failed; the level of a trace is that of its worst step."""
    return node.level == "ERROR" and node.type != "TRACE"


class TreeDelegate(QStyledItemDelegate):
    """Paints name with icon, numbers, and bars."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Fixed height, so that a long tree needs no measuring."""
        return QSize(80, ROW_HEIGHT_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Paints the background of the row, then the cell."""
        node: Node | None = index.data(NodeRole)
        if node is None:
            return
        colours, area = theme.current(), option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor(colours.selection))
        if index.column() == NAME:
            self._paint_name(painter, area, node)
        elif index.column() == TIMELINE:
            self._paint_bar(painter, area, node, index)
        else:
            self._paint_number(painter, area, str(index.data() or ""))
        painter.restore()

    def _paint_name(self, painter: QPainter, area: QRect, node: Node) -> None:
        colours = theme.current()
        icon = QRect(area.left() + 2, area.center().y() - _ICON_PX // 2 + 1, _ICON_PX, _ICON_PX)
        paint_type(painter, icon, node.type)
        left = icon.right() + 9
        font = QFont(painter.font())
        font.setWeight(QFont.Weight.DemiBold if node.type == "TRACE" else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(colours.danger if has_failed(node) else colours.text))
        room = QRect(left, area.top(), area.right() - left - 4, area.height())
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(node.name, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
        left += metrics.horizontalAdvance(shown) + 8
        if node.level in ("ERROR", "WARNING") and left < area.right() - 8:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.level(node.level)))
            painter.drawEllipse(QRectF(left, area.center().y() - 2, 7, 7))
            left += 15
        if node.model and area.right() - left > 40:
            font.setPixelSize(12)
            painter.setFont(font)
            painter.setPen(QColor(colours.muted))
            room.setLeft(left)
            model = painter.fontMetrics().elidedText(node.model, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, model)

    def _paint_number(self, painter: QPainter, area: QRect, text: str) -> None:
        font = theme.number_font(painter.font())
        font.setPixelSize(12)
        painter.setFont(font)
        painter.setPen(QColor(theme.current().muted))
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(area.adjusted(0, 0, -_PADDING_PX, 0), align, text)

    def _paint_bar(self, painter: QPainter, area: QRect, node: Node, index: AnyIndex) -> None:
        colours, model = theme.current(), index.model()
        assert isinstance(model, TraceTreeModel)
        inner = area.adjusted(_PADDING_PX, 0, -_PADDING_PX, 0)
        for share, _ in ticks(model.duration_ns, inner.width() // _TICK_ROOM_PX):
            x = inner.left() + round(share * inner.width())
            painter.fillRect(x, area.top(), 1, area.height(), QColor(colours.border))
        colour = QColor(colours.danger if has_failed(node) else colours.type(node.type))
        place = bar_area(area, index.data(BarRole))
        painter.setPen(Qt.PenStyle.NoPen)
        if node.end_ns is None and node.type != "EVENT":
            # Still running: the end is not known, so the bar is only a hint.
            colour.setAlphaF(0.35)
        painter.setBrush(colour)
        if node.type == "EVENT":
            painter.drawEllipse(QRectF(place.left() - 2, place.center().y() - 4, 8, 8))
        else:
            painter.drawRoundedRect(place, min(4.0, place.width() / 2), 4)


class TimelineHeader(QHeaderView):
    """Column titles, and over the bars an axis instead of a title."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionsClickable(False)
        self.setFixedHeight(34)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """Paints a title, or the axis."""
        model = self.model()
        if logicalIndex != TIMELINE or not isinstance(model, TraceTreeModel):
            super().paintSection(painter, rect, logicalIndex)
            return
        colours = theme.current()
        painter.save()
        painter.fillRect(rect, QColor(colours.surface))
        painter.setPen(QColor(colours.border))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inner = rect.adjusted(_PADDING_PX, 0, -_PADDING_PX, 0)
        font = theme.number_font(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        for share, text in ticks(model.duration_ns, inner.width() // _TICK_ROOM_PX):
            x = inner.left() + round(share * inner.width())
            painter.setPen(QColor(colours.border))
            painter.drawLine(x, rect.bottom() - 6, x, rect.bottom())
            painter.setPen(QColor(colours.muted))
            room = QRect(x + 4, rect.top(), _TICK_ROOM_PX - 8, rect.height())
            if room.left() + painter.fontMetrics().horizontalAdvance(text) <= rect.right():
                painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()


class TraceTree(QTreeView):
    """The tree of a trace with its timeline.

    Signals:
        chosen(str): id of the marked observation; empty for the trace as a whole.
    """

    chosen = Signal(str)

    def __init__(self, model: TraceTreeModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Observations")
        self._tree = model
        self._collapsed: set[str] = set()
        self._marked: str | None = ""
        self.setHeader(TimelineHeader(self))
        self.setItemDelegate(TreeDelegate(self))
        self.setUniformRowHeights(True)
        self.setIndentation(_INDENTATIONS_PX[0])
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setModel(model)
        header = self.header()
        header.setStretchLastSection(True)
        for column, width in ((NAME, 296), (LATENCY, 80), (COST, 96)):
            self.setColumnWidth(column, width)
        self.collapsed.connect(lambda index: self._collapsed.add(self._id(index)))
        self.expanded.connect(lambda index: self._collapsed.discard(self._id(index)))
        model.modelReset.connect(self._restore)
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    def move_by(self, rows: int) -> None:
        """Moves the mark up or down by visible rows."""
        index = self.currentIndex()
        for _ in range(abs(rows)):
            step = self.indexBelow(index) if rows > 0 else self.indexAbove(index)
            index = step if step.isValid() else index
        self.setCurrentIndex(index)

    def mark(self, observation_id: str) -> None:
        """Marks an observation; nothing happens where there is none of that id."""
        if any(node.id == observation_id for node in self._tree.nodes):
            self.setCurrentIndex(self._tree.index_of(observation_id))

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Fills the whole row first, so that the indentation shares the mark."""
        if self.selectionModel().isSelected(index):
            painter.fillRect(option.rect, QColor(theme.current().selection))
        super().drawRow(painter, option, index)

    def drawBranches(self, painter: QPainter, rect: QRect, index: AnyIndex) -> None:
        """Paints an arrow where there is something to fold; levels above, maybe hundreds, stay blank."""
        if not self._tree.hasChildren(index):
            return
        x = rect.right() - max(self.indentation(), 14) / 2 + 1
        turn = 90 if self.isExpanded(index) else 0
        paint_chevron(painter, x, rect.center().y() + 0.5, turn, theme.current().muted)

    def changeEvent(self, event: QEvent) -> None:
        """Paints anew in another theme's colours."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    def _id(self, index: AnyIndex) -> str:
        node: Node | None = index.data(NodeRole)
        return "" if node is None or node.type == "TRACE" else node.id

    def _restore(self) -> None:
        # More rows came: what was folded stays folded, what was marked stays marked.
        collapsed, marked = set(self._collapsed), self._marked
        depth = self._tree.depth + 1
        step = next(
            (px for px in _INDENTATIONS_PX if px * depth <= _INDENTATION_ROOM_PX), _INDENTATIONS_PX[-1]
        )
        self.setIndentation(step)
        self.setColumnWidth(NAME, max(self.columnWidth(NAME), depth * step + _NAME_ROOM_PX))
        self.expandAll()
        for observation_id in collapsed:
            self.collapse(self._tree.index_of(observation_id or None))
        self.setCurrentIndex(self._tree.index_of(marked or None))

    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and self._id(current) != self._marked:
            self._marked = self._id(current)
            self.chosen.emit(self._marked)
