"""A conversation as bubbles. Text is always plain: what a model wrote is never taken for markup."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from lumenspan_desktop import theme
from lumenspan_desktop.trace.content import Message, Part
from lumenspan_desktop.widgets import button, label, named, tinted

PIECE = 40
SHOWN_CHARACTERS = 4_000
# A label lays out all of its text at once; the text view, which does not, has what is longer.
MOST_CHARACTERS = 60_000
_PART_TITLES = {"tool_call": "Calls", "tool_result": "Result", "media": "Attachment", "data": "Data"}


def bubble_colours(role: str) -> tuple[str, str]:
    """Background and border of a role's bubble."""
    colours = theme.current()
    own = {"user": colours.accent, "tool": colours.type("TOOL"), "assistant": colours.type("GENERATION")}
    colour = own.get(role, colours.muted)
    return tinted(colour, 0.10), tinted(colour, 0.28)


class TextBlock(QWidget):
    """Text that wraps and can be selected; the rest of a long one is a click away."""

    def __init__(self, text: str, is_mono: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self.label = label(text[:SHOWN_CHARACTERS])
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        if is_mono:
            self.label.setFont(theme.mono_font())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.label)
        self.more = button(f"Show all {len(text):,} characters", "link")
        if len(text) > MOST_CHARACTERS:
            self.more.setText(
                f"Show {MOST_CHARACTERS:,} of {len(text):,} characters (the text view has all)"
            )
        self.more.clicked.connect(self._show_more)
        self.more.setVisible(len(text) > SHOWN_CHARACTERS)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def _show_more(self) -> None:
        self.label.setText(self._text[:MOST_CHARACTERS])
        self.more.hide()


class Bubble(QFrame):
    """One message."""

    def __init__(self, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.message = message
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 9, 14, 11)
        column.setSpacing(4)
        column.addWidget(label("  ·  ".join(filter(None, (message.role.title(), message.name))), "role"))
        for part in message.parts or (Part("text", "(empty)"),):
            self._add(column, part)
        spoken = " ".join(part.text[:500] for part in message.parts)
        self.setAccessibleName(f"{message.role}: {spoken[:500]}")

    def _add(self, column: QVBoxLayout, part: Part) -> None:
        if part.kind in _PART_TITLES:
            column.addWidget(label(f"{_PART_TITLES[part.kind]} {part.name}".strip(), "fieldLabel"))
        column.addWidget(TextBlock(part.text, part.kind in ("tool_call", "tool_result", "data")))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the bubble in the colours of the theme in force."""
        back, border = bubble_colours(self.message.role)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(border))
        painter.setBrush(QColor(back))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
        painter.end()


class ChatView(QScrollArea):
    """Messages from top to bottom, those of the user on the right; made piece by piece."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        named(self, "Conversation")
        self._messages: tuple[Message, ...] = ()
        self._shown = 0
        self.show_messages(())

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Shows a conversation from its beginning."""
        self._messages, self._shown = tuple(messages), 0
        inside = QWidget()
        inside.setObjectName("conversation")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(14, 14, 14, 14)
        self._column.setSpacing(10)
        self.more = button("", "quiet")
        self.more.clicked.connect(self._show_piece)
        self._column.addWidget(self.more)
        self._column.addStretch()
        self.setWidget(inside)
        self._show_piece()

    def bubbles(self) -> list[Bubble]:
        """The bubbles made so far, from top to bottom."""
        inside = self.widget()
        return [] if inside is None else inside.findChildren(Bubble)

    def _show_piece(self) -> None:
        piece = self._messages[self._shown : self._shown + PIECE]
        for message in piece:
            row = QHBoxLayout()
            bubble = Bubble(message)
            room = {"system": (0, 0), "user": (1, 0)}.get(message.role, (0, 1))
            row.addStretch(room[0])
            row.addWidget(bubble, 6)
            row.addStretch(room[1])
            self._column.insertLayout(self._column.count() - 2, row)
        self._shown += len(piece)
        left = len(self._messages) - self._shown
        self.more.setVisible(left > 0)
        self.more.setText(f"Show the next of {left:,} more messages")
