"""The pane of details: what is chosen, its facts, and its content in the view that suits it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QTabWidget, QVBoxLayout, QWidget

from lumenspan_desktop.flow_layout import FlowLayout
from lumenspan_desktop.icons import paint_type
from lumenspan_desktop.trace.client import Details, Node, facts_of
from lumenspan_desktop.trace.content_view import ContentView, JsonPane
from lumenspan_desktop.widgets import Chip, ElidedLabel, button, label, named


class TypeIcon(QWidget):
    """The icon of a type."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = "TRACE"
        self.setFixedSize(30, 30)

    def set_kind(self, kind: str) -> None:
        """Shows another type."""
        self._kind = kind
        self.setAccessibleName(kind.lower())
        self.setToolTip(kind.title())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the icon."""
        painter = QPainter(self)
        paint_type(painter, self.rect(), self._kind)
        painter.end()


class DetailsPane(QFrame):
    """What is chosen in the tree."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setMinimumWidth(380)
        self.icon = TypeIcon()
        self.is_waiting = True
        self.title = ElidedLabel("title")
        self.level = Chip()
        self.copy_id = button("Copy id", "quiet")
        self._id = ""
        self.status = label("", "status")
        self.status.setWordWrap(True)
        self.facts = QWidget()
        FlowLayout(self.facts)
        self.input, self.output = ContentView("Input"), ContentView("Output")
        self.metadata = JsonPane("Metadata")
        self.tabs = named(QTabWidget(), "Content")
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setEnabled(False)
        for page, title in ((self.input, "Input"), (self.output, "Output"), (self.metadata, "Metadata")):
            self.tabs.addTab(page, title)
        self._lay_out()
        self.copy_id.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._id))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.icon)
        head.addWidget(self.title, 1)
        head.addWidget(self.level)
        head.addWidget(self.copy_id)
        top = QVBoxLayout()
        top.setContentsMargins(16, 12, 10, 12)
        top.setSpacing(10)
        top.addLayout(head)
        top.addWidget(self.status)
        top.addWidget(self.facts)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.tabs, 1)

    def show_details(self, details: Details) -> None:
        """Shows an observation, or a trace as a whole."""
        self._show_head(details.node, details.facts, details.status_message)
        self.is_waiting = False
        self.tabs.setEnabled(True)
        self.input.show_content(details.input)
        self.output.show_content(details.output)
        self.metadata.show_value(details.metadata)

    def show_waiting(self, node: Node) -> None:
        """Shows what is known of an observation and fades the old content until the new is here."""
        self._show_head(node, facts_of(node), "")
        self.is_waiting = True
        self.tabs.setEnabled(False)

    def show_missing(self) -> None:
        """Takes the old content away: that of what is chosen could not be loaded."""
        for page in (self.input, self.output):
            page.show_nothing("This could not be loaded.")
        self.metadata.show_value(None)
        self.is_waiting = False

    def _show_head(self, node: Node, facts: tuple[tuple[str, str], ...], status: str) -> None:
        self._id = node.id
        self.icon.set_kind(node.type)
        self.title.set_text(node.name)
        self.level.set_text("" if node.level == "DEFAULT" else node.level.title(), node.level)
        self.status.setVisible(bool(status))
        self.status.setText(status)
        self.status.setProperty("level", node.level)
        self.status.style().polish(self.status)
        self._show_facts(facts)

    def _show_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        layout = self.facts.layout()
        assert layout is not None
        while (item := layout.takeAt(0)) is not None:
            widget = item.widget()
            assert widget is not None
            widget.hide()
            widget.deleteLater()
        for caption, value in facts:
            cell = named(QWidget(), f"{caption}: {value}")
            column = QVBoxLayout(cell)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(1)
            column.addWidget(label(caption, "fieldLabel"))
            shown = label(value)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(shown)
            layout.addWidget(cell)
        self.facts.updateGeometry()
