"""The screen of a trace: head, tree with timeline, details."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from lumenspan_desktop.errors import ClientError
from lumenspan_desktop.trace.client import Details
from lumenspan_desktop.trace.details import DetailsPane
from lumenspan_desktop.trace.presenter import TracePresenter
from lumenspan_desktop.trace.tree_view import TraceTree
from lumenspan_desktop.widgets import Chip, ElidedLabel, ErrorBar, button, label

_HINT = "J / K steps   ·   I / O / M input, output, metadata   ·   [ / ] traces   ·   Esc back"


class Failure(QFrame):
    """What stands in place of a trace that cannot be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setFixedWidth(440)
        self.message = label("", "muted")
        self.message.setWordWrap(True)
        self.retry = button("Try again")
        self.back = button("Back to the list", "primary")
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(self.retry)
        buttons.addWidget(self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(26, 22, 22, 20)
        column.setSpacing(8)
        column.addWidget(label("This trace cannot be shown", "title"))
        column.addWidget(self.message)
        column.addSpacing(10)
        column.addLayout(buttons)


class TraceView(QWidget):
    """One trace.

    Signals:
        closed(): back to the list.
        neighbour_wanted(int): the trace after (1) or before (-1) this one in the list.
    """

    closed = Signal()
    neighbour_wanted = Signal(int)

    def __init__(self, presenter: TracePresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("screen")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.presenter = presenter
        self.back = button("←  Traces", "quiet", "Back to the list")
        self.title = ElidedLabel("title")
        self.level = Chip()
        self.level.hide()
        self.count = label("", "muted")
        self.errors = ErrorBar()
        self.tree = TraceTree(presenter.model)
        self.details = DetailsPane()
        self.waiting = label("Loading the trace …", "muted")
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.failure = Failure()
        self._lay_out()
        self._connect()
        self._add_keys()

    def choose_when_loaded(self, observation_id: str) -> None:
        """Marks an observation once the tree is there; nothing happens where there is none of that id."""

        presenter = self.presenter
        # Head and observations come in any order, and the tree has no rows before both are there.
        signals = (presenter.head_loaded, presenter.completed)

        def choose() -> None:
            if presenter.head is None or not presenter.is_complete:
                return
            for signal in signals:
                signal.disconnect(choose)
            self.tree.mark(observation_id)

        for signal in signals:
            signal.connect(choose)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        for widget in (self.back, self.title, self.level, self.count):
            head.addWidget(widget)
        head.addStretch(1)
        self.hint = label(_HINT, "hint")
        head.addWidget(self.hint)
        panel = QFrame()
        panel.setObjectName("panel")
        inside = QVBoxLayout(panel)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.tree)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(panel)
        self.split.addWidget(self.details)
        self.split.setHandleWidth(10)
        self.split.setChildrenCollapsible(False)
        self.split.setSizes([760, 620])
        self.split.setStretchFactor(0, 5)
        self.split.setStretchFactor(1, 4)
        failed = QWidget()
        middle = QVBoxLayout(failed)
        middle.addStretch(2)
        middle.addWidget(self.failure, 0, Qt.AlignmentFlag.AlignHCenter)
        middle.addStretch(3)
        self.pages = QStackedWidget()
        for page in (self.waiting, self.split, failed):
            self.pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 14)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self.errors)
        column.addWidget(self.pages, 1)

    def _connect(self) -> None:
        presenter = self.presenter
        self.back.clicked.connect(self.closed)
        self.failure.back.clicked.connect(self.closed)
        self.failure.retry.clicked.connect(presenter.retry)
        self.errors.retry_wanted.connect(presenter.retry)
        self.tree.chosen.connect(lambda observation_id: presenter.choose(observation_id or None))
        presenter.error_changed.connect(self._show_error)
        presenter.head_loaded.connect(self._on_head)
        presenter.completed.connect(self._on_completed)
        presenter.details_awaited.connect(self.details.show_waiting)
        presenter.details_missing.connect(self.details.show_missing)
        presenter.details_changed.connect(self.details.show_details)

    def _add_keys(self) -> None:
        tabs = self.details.tabs
        for keys, action in (
            ("Esc", self.closed.emit),
            ("F5", self.presenter.reload),
            ("J", lambda: self.tree.move_by(1)),
            ("K", lambda: self.tree.move_by(-1)),
            ("I", lambda: tabs.setCurrentWidget(self.details.input)),
            ("O", lambda: tabs.setCurrentWidget(self.details.output)),
            ("M", lambda: tabs.setCurrentWidget(self.details.metadata)),
            ("]", lambda: self.neighbour_wanted.emit(1)),
            ("[", lambda: self.neighbour_wanted.emit(-1)),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _show_error(self, error: ClientError | None) -> None:
        if self.presenter.head is not None:
            self.errors.show_error(error)
            return
        # Without its head there is nothing around which a bar could be shown.
        self.errors.show_error(None)
        self.pages.setCurrentIndex(0 if error is None else 2)
        self.hint.setVisible(error is None)
        if error is not None:
            self.failure.message.setText(error.message)
            self.failure.retry.setVisible(error.is_retryable)
            self.failure.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_head(self, head: Details) -> None:
        self.title.set_text(head.node.name)
        self.level.set_text(
            "" if head.node.level == "DEFAULT" else head.node.level.title(), head.node.level
        )
        if self.pages.currentWidget() is not self.split:
            self.pages.setCurrentWidget(self.split)
            self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_completed(self, count: int, is_cut: bool) -> None:
        more = "  (more than can be shown)" if is_cut else ""
        self.count.setText(f"{count:,} observation{'s' if count != 1 else ''}{more}")
