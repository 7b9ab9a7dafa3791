"""The screen of the list: filter bar, live tail, table, and what to say when there is nothing."""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from lumenspan_desktop.traces.client import Order, TraceFilter
from lumenspan_desktop.traces.filter_bar import FilterBar
from lumenspan_desktop.traces.presenter import TracesPresenter
from lumenspan_desktop.traces.table_model import COLUMNS
from lumenspan_desktop.traces.table_view import TraceTable
from lumenspan_desktop.widgets import ErrorBar, button, label

_TAIL_TEXTS = {
    "off": "Live tail",
    "connecting": "Connecting …",
    "live": "● Live",
    "reconnecting": "Reconnecting …",
}
_HINT = "Enter opens   ·   J / K next and previous   ·   / searches   ·   L follows live"


class TracesView(QWidget):
    """The list of one project.

    Signals:
        opened(str): id of the trace to show.
    """

    opened = Signal(str)

    def __init__(self, presenter: TracesPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("screen")
        self.presenter = presenter
        self.filter_bar = FilterBar()
        self.tail = button(_TAIL_TEXTS["off"], accessible="Live tail")
        self.tail.setCheckable(True)
        self.tail.setMinimumWidth(124)
        self.tail.setToolTip("Follow new traces as they arrive (L)")
        self.reload = button("Reload")
        self.reload.setToolTip("Load the list anew (F5)")
        self.errors = ErrorBar()
        self.table = TraceTable()
        self.table.setModel(presenter.model)
        self.count = label("", "footer")
        self._lay_out()
        self._connect()
        self._add_keys()
        self._show_order(presenter.order)

    def _lay_out(self) -> None:
        panel = QFrame()
        panel.setObjectName("panel")
        inside = QVBoxLayout(panel)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.table)
        self.empty = label("", "muted", self.table.viewport())
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.newer = button("", "pill", "Show new traces")
        self.newer.setParent(self.table)
        self.newer.hide()
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.filter_bar, 1)
        side = QVBoxLayout()
        side.setSpacing(8)
        side.addWidget(self.tail)
        side.addWidget(self.reload)
        top.addLayout(side)
        foot = QHBoxLayout()
        foot.addWidget(self.count)
        foot.addStretch()
        foot.addWidget(label(_HINT, "hint"))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 10)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self.errors)
        column.addWidget(panel, 1)
        column.addLayout(foot)
        self.table.viewport().installEventFilter(self)

    def _connect(self) -> None:
        presenter = self.presenter
        self.filter_bar.changed.connect(presenter.set_filter)
        self.tail.toggled.connect(presenter.set_tail)
        self.reload.clicked.connect(presenter.reload)
        self.errors.retry_wanted.connect(presenter.retry)
        self.newer.clicked.connect(self.table.show_newest)
        self.table.opened.connect(self.opened)
        self.table.hidden_changed.connect(self._on_hidden_changed)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._on_header_clicked)
        presenter.error_changed.connect(self.errors.show_error)
        presenter.busy_changed.connect(lambda _busy: self._show_count())
        presenter.loaded.connect(lambda _count, _cut: self._show_count())
        presenter.order_changed.connect(self._show_order)
        presenter.tail_changed.connect(self._on_tail_changed)
        presenter.environments_changed.connect(self.filter_bar.set_environments)

    def _add_keys(self) -> None:
        for keys, action in (
            ("/", lambda: self.filter_bar.search.setFocus(Qt.FocusReason.ShortcutFocusReason)),
            ("J", lambda: self.table.move_by(1)),
            ("K", lambda: self.table.move_by(-1)),
            ("L", self.tail.toggle),
            ("F5", self.presenter.reload),
            ("Esc", self.table.setFocus),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keeps the overlays in their places when the table changes its size."""
        if isinstance(event, QResizeEvent):
            self._place_overlays()
        return super().eventFilter(watched, event)

    def _place_overlays(self) -> None:
        viewport = self.table.viewport()
        self.empty.setGeometry(viewport.rect())
        self.newer.adjustSize()
        left = (self.table.width() - self.newer.width()) // 2
        self.newer.move(QPoint(left, viewport.y() + 10))

    def _on_header_clicked(self, section: int, direction: Qt.SortOrder) -> None:
        field = COLUMNS[section].order
        if field is None:
            self._show_order(self.presenter.order)
        else:
            self.presenter.set_order(Order(field, direction == Qt.SortOrder.DescendingOrder))

    def _show_order(self, order: Order) -> None:
        section = next(i for i, column in enumerate(COLUMNS) if column.order is order.field)
        direction = Qt.SortOrder.DescendingOrder if order.is_descending else Qt.SortOrder.AscendingOrder
        header = self.table.horizontalHeader()
        header.blockSignals(True)
        header.setSortIndicator(section, direction)
        header.blockSignals(False)
        header.setSectionsClickable(True)

    def _on_tail_changed(self, state: str) -> None:
        self.tail.setText(_TAIL_TEXTS[state])
        self.tail.setAccessibleDescription(state)
        self.tail.blockSignals(True)
        self.tail.setChecked(state != "off")
        self.tail.blockSignals(False)

    def _on_hidden_changed(self, count: int) -> None:
        self.newer.setVisible(count > 0)
        self.newer.setText(f"↑  {count:,} new trace{'s' if count != 1 else ''}")
        self._place_overlays()

    def _show_count(self) -> None:
        presenter = self.presenter
        held, is_busy = len(presenter.model.rows), presenter.is_busy
        parts = ["Loading …"] if is_busy else [f"{held:,} trace{'s' if held != 1 else ''}"]
        if not is_busy and presenter.model.has_more:
            parts.append("more as you scroll")
        if presenter.is_cut:
            parts.append("the search took too long and was cut short: narrow the filter")
        self.count.setText("   ·   ".join(parts))
        is_filtered = presenter.filter != TraceFilter()
        nothing = (
            "No trace matches this filter." if is_filtered else "No traces yet. They appear here once sent."
        )
        self.empty.setText("Loading traces …" if is_busy else nothing)
        self.empty.setVisible(held == 0)
