"""The table on the screen: how cells look, and that rows on top do not move what one reads."""

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from lumenspan_desktop import theme
from lumenspan_desktop.traces.client import TraceRow
from lumenspan_desktop.traces.table_model import COLUMNS, RowRole
from lumenspan_desktop.widgets import chip_width, paint_chevron, paint_chip, tinted

ROW_HEIGHT_PX = 36
_PADDING_PX = 10
AnyIndex = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Paints cells by the kind of their column."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Paints the row's background, then what the column's kind asks for."""
        row: TraceRow | None = index.data(RowRole)
        if row is None:
            return
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        colours, column = theme.current(), COLUMNS[index.column()]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.fillRect(area, QColor(colours.selection if is_selected else colours.surface))
        painter.fillRect(area.left(), area.bottom(), area.width(), 1, QColor(colours.border))
        inner = area.adjusted(_PADDING_PX, 0, -_PADDING_PX, 0)
        if column.kind == "level":
            self._paint_level(painter, inner, row)
        elif column.kind == "chips":
            values = row.tags if column.title == "Tags" else (row.environment,)
            self._paint_chips(painter, inner, values)
        else:
            self._paint_text(painter, inner, column.text(row), column.kind)
        painter.restore()

    def _paint_level(self, painter: QPainter, area: QRect, row: TraceRow) -> None:
        colours = theme.current()
        colour = colours.level(row.level)
        _set_size(painter, 12)
        if row.level in ("ERROR", "WARNING"):
            back = tinted(colour, 0.16)
            paint_chip(
                painter, area.left(), area.center().y() + 1, row.level.title(), colour, back, area.width()
            )
            return
        painter.setPen(QColor(colours.muted))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, row.level.title())

    def _paint_chips(self, painter: QPainter, area: QRect, texts: tuple[str, ...]) -> None:
        colours, left = theme.current(), area.left()
        _set_size(painter, 12)
        metrics, shown = painter.fontMetrics(), [text for text in texts if text]
        for number, text in enumerate(shown):
            room = area.right() - left
            # A tag that does not fit is counted, not cut, unless it is the first.
            after = chip_width(metrics, f"+{len(shown) - number - 1}") + 4 if number + 1 < len(shown) else 0
            if number and chip_width(metrics, text) + after > room:
                text = f"+{len(shown) - number}"
            width = paint_chip(painter, left, area.center().y() + 1, text, colours.text, colours.chip, room)
            if width == 0 or text != shown[number]:
                return
            left += width + 4

    def _paint_text(self, painter: QPainter, area: QRect, text: str, kind: str) -> None:
        colours = theme.current()
        align = Qt.AlignmentFlag.AlignVCenter
        font = QFont(painter.font())
        if kind == "strong":
            font.setWeight(QFont.Weight.DemiBold)
        if kind in ("number", "time"):
            font = theme.number_font(font)
        if kind == "number":
            align |= Qt.AlignmentFlag.AlignRight
        painter.setFont(font)
        painter.setPen(QColor(colours.muted if kind in ("text", "time") else colours.text))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, align, shown)


def _set_size(painter: QPainter, pixels: int) -> None:
    font = QFont(painter.font())
    font.setPixelSize(pixels)
    painter.setFont(font)


class SortHeader(QHeaderView):
    """Titles, with an arrow beside the one that the list is ordered by: down for descending."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionsClickable(True)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """Paints the title, then the arrow."""
        painter.save()
        super().paintSection(painter, rect, logicalIndex)
        painter.restore()
        if logicalIndex != self.sortIndicatorSection():
            return
        # The style sheet sets this font for sections only.
        font = QFont(self.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold)
        width = QFontMetrics(font).horizontalAdvance(COLUMNS[logicalIndex].title) + _PADDING_PX + 9
        is_right = COLUMNS[logicalIndex].kind == "number"
        x = rect.right() - width if is_right else rect.left() + width
        turn = 90 if self.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder else -90
        paint_chevron(painter, x, rect.center().y() + 0.5, turn, theme.current().accent)


class TraceTable(QTableView):
    """The list of traces.

    Signals:
        opened(str): id of the trace that was asked for by Enter or a double click.
        hidden_changed(int): new rows above what is visible, that the person has not seen.
    """

    opened = Signal(str)
    hidden_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Traces")
        self._hidden = 0
        self._was_at_top = True
        self.setItemDelegate(CellDelegate(self))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_HEIGHT_PX)
        header = SortHeader(self)
        self.setHorizontalHeader(header)
        header.setHighlightSections(False)
        header.setFixedHeight(34)
        header.setMinimumSectionSize(48)
        header.setSectionsMovable(True)
        header.setStretchLastSection(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(False)
        self.doubleClicked.connect(lambda index: self._open(index))
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Shows the model, with the columns' first widths, and keeps the place when rows come on top."""
        super().setModel(model)
        if model is None:
            return
        for number, column in enumerate(COLUMNS):
            self.setColumnWidth(number, column.width_px)
        model.rowsAboutToBeInserted.connect(self._on_rows_coming)
        model.rowsInserted.connect(self._on_rows_came)
        model.modelReset.connect(lambda: self._set_hidden(0))

    def show_newest(self) -> None:
        """Goes to the top."""
        self.verticalScrollBar().setValue(0)

    def move_by(self, rows: int) -> None:
        """Moves the mark; without one, marks the first row on screen."""
        model = self.model()
        if model is None or model.rowCount() == 0:
            return
        current = self.currentIndex()
        target = current.row() + rows if current.isValid() else max(0, self.rowAt(0))
        self.setCurrentIndex(model.index(min(max(0, target), model.rowCount() - 1), 0))

    def open_current(self) -> None:
        """Opens the marked trace."""
        self._open(self.currentIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens; all other keys are the table's own."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_current()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Paints anew in another theme's colours."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    def _open(self, index: QModelIndex) -> None:
        row = index.data(RowRole)
        if row is not None:
            self.opened.emit(row.id)

    def _on_rows_coming(self, parent: QModelIndex, first: int, last: int) -> None:
        self._was_at_top = self.verticalScrollBar().value() == 0

    def _on_rows_came(self, parent: QModelIndex, first: int, last: int) -> None:
        if first != 0 or self._was_at_top:
            return
        count = last - first + 1
        bar = self.verticalScrollBar()
        # The view lays out later; the bar must know its new length before it can be moved.
        self.updateGeometries()
        bar.setValue(bar.value() + count * ROW_HEIGHT_PX)
        self._set_hidden(self._hidden + count)

    def _on_scrolled(self, value: int) -> None:
        above = value // ROW_HEIGHT_PX
        if self._hidden > above:
            self._set_hidden(above)

    def _set_hidden(self, count: int) -> None:
        if count != self._hidden:
            self._hidden = count
            self.hidden_changed.emit(count)
