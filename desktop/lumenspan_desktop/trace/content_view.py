"""An input or output on the screen: as conversation, as JSON tree or as text."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, get_args

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from lumenspan_desktop import theme
from lumenspan_desktop.trace.chat_view import ChatView
from lumenspan_desktop.trace.content import Content, Mode, pieces_of
from lumenspan_desktop.trace.json_model import JsonModel, ValueRole
from lumenspan_desktop.widgets import Segments, button, label, named

FIRST_PIECES = 2
# A text up to this length can be read in its row.
READ_BELOW = 50
_MODE_TITLES: dict[str, str] = {"chat": "Chat", "json": "JSON", "text": "Text"}


class JsonTree(QTreeView):
    """A JSON value as a tree; the first levels are open."""

    def __init__(self, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("json")
        self.setAccessibleName(accessible)
        self.json = JsonModel(parent=self)
        self.setModel(self.json)
        self.setUniformRowHeights(True)
        self.setIndentation(16)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.header().setStretchLastSection(True)
        self.header().setFixedHeight(30)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)

    def show_value(self, value: Any) -> None:
        """Shows another value, opened as far as it stays readable."""
        self.json.show_value(value)
        self._open_first()
        self.setColumnWidth(0, min(max(self.sizeHintForColumn(0) + 12, 130), 300))

    def _open_first(self) -> None:
        budget = [QModelIndex()]
        shown = 0
        # Opens level by level until a screenful is open.
        while budget and shown < 60:
            place = budget.pop(0)
            if place.isValid():
                self.expand(place)
            for row in range(self.json.rowCount(place)):
                shown += 1
                child = self.json.index(row, 0, place)
                if self.json.hasChildren(child):
                    budget.append(child)


class LongText(QWidget):
    """Text that can be selected: its beginning at once, the rest piece by piece when asked for."""

    def __init__(self, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = named(QPlainTextEdit(), accessible)
        self.edit.setReadOnly(True)
        self.edit.setUndoRedoEnabled(False)
        self.edit.setFont(theme.mono_font())
        self._rest: Iterator[str] = iter(())
        self._next = ""
        # Between two pieces the window stays alive.
        self._filling = QTimer(self)
        self._filling.timeout.connect(self._append)
        self.note = label("", "muted")
        self.more = button("Show all", accessible=f"Show all of {accessible.lower()}")
        self.more.clicked.connect(self._show_all)
        self._foot = QWidget()
        row = QHBoxLayout(self._foot)
        row.setContentsMargins(12, 6, 12, 8)
        row.addWidget(self.note)
        row.addStretch()
        row.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 1, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.edit, 1)
        column.addWidget(self._foot)

    @property
    def is_filling(self) -> bool:
        """Whether pieces are still being added."""
        return self._filling.isActive()

    def show_pieces(self, pieces: Iterator[str], size: int) -> None:
        """Shows the first pieces of a text that has about `size` characters."""
        self._filling.stop()
        self._rest = pieces
        first = "".join(islice(pieces, FIRST_PIECES))
        self.edit.setPlainText(first)
        self._next = next(pieces, "")
        self._foot.setVisible(bool(self._next))
        self.more.show()
        self.note.setText(f"The first {len(first):,} of about {size:,} characters")

    def _show_all(self) -> None:
        self.more.hide()
        self.note.setText("Adding the rest …")
        self._filling.start()

    def _append(self) -> None:
        end = QTextCursor(self.edit.document())
        end.movePosition(QTextCursor.MoveOperation.End)
        end.insertText(self._next)
        self._next = next(self._rest, "")
        if not self._next:
            self._filling.stop()
            self._foot.hide()


class JsonPane(QSplitter):
    """A JSON tree; a text that is too long for its row is shown below while the row is marked."""

    def __init__(self, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self.tree = JsonTree(accessible)
        self.reader = LongText(f"Marked text of {accessible}")
        self.reader.setObjectName("reader")
        self.reader.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.addWidget(self.tree)
        self.addWidget(self.reader)
        self.setStretchFactor(0, 3)
        self.setStretchFactor(1, 2)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(7)
        self.reader.hide()
        self.tree.selectionModel().currentChanged.connect(self._on_marked)

    def show_value(self, value: Any) -> None:
        """Shows another value."""
        self.reader.hide()
        self.tree.show_value(value)

    def _on_marked(self, current: QModelIndex, _previous: QModelIndex) -> None:
        value = current.data(ValueRole) if current.isValid() else None
        text = value if isinstance(value, str) else ""
        self.reader.setVisible(len(text) > READ_BELOW or "\n" in text)
        self.reader.show_pieces(pieces_of(text), len(text))


class ContentView(QWidget):
    """An input or output as conversation, tree or text; the person's choice is kept where it fits."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = Content("", "", ())
        self._wanted: Mode | None = None
        self.mode: Mode = "text"
        self.segments = Segments(_MODE_TITLES, f"{title} as")
        self.copy = button("Copy", "quiet", f"Copy {title.lower()}")
        self.chat = ChatView()
        self.json = JsonPane(f"{title} as JSON")
        self.text = LongText(f"{title} as text")
        self.nothing = label("", "muted")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        for page in (self.chat, self.json, self.text, self.nothing):
            self.pages.addWidget(page)
        self._head = QWidget()
        row = QHBoxLayout(self._head)
        row.setContentsMargins(12, 10, 12, 8)
        row.addWidget(self.segments)
        row.addStretch()
        row.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addWidget(self.pages, 1)
        self.segments.chosen.connect(self._on_chosen)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._content.raw))

    def show_content(self, content: Content) -> None:
        """Shows another content in the view chosen before, else in the best one."""
        self._content = content
        if not content.raw:
            self.show_nothing("Nothing was recorded.")
            return
        self._head.show()
        available = content.modes()
        for mode in get_args(Mode):
            self.segments.set_available(mode, mode in available)
        self._show(self._wanted if self._wanted in available else available[0])

    def show_nothing(self, why: str) -> None:
        """Shows why there is no content."""
        self._content = Content("", "", ())
        self._head.hide()
        self.nothing.setText(why)
        self.pages.setCurrentWidget(self.nothing)

    def _on_chosen(self, mode: str) -> None:
        self._wanted = next(known for known in get_args(Mode) if known == mode)
        self._show(self._wanted)

    def _show(self, mode: Mode | None) -> None:
        self.mode = mode or "text"
        self.segments.choose(self.mode)
        if self.mode == "chat":
            self.chat.show_messages(self._content.messages)
            self.pages.setCurrentWidget(self.chat)
        elif self.mode == "json":
            self.json.show_value(self._content.value)
            self.pages.setCurrentWidget(self.json)
        else:
            self.text.show_pieces(self._content.text_pieces(), len(self._content.raw))
            self.pages.setCurrentWidget(self.text)
