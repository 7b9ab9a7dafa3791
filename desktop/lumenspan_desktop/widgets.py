"""Small widgets that several screens share."""

from typing import TypeVar

from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from lumenspan_desktop import theme
from lumenspan_desktop.errors import ClientError

W = TypeVar("W", bound=QWidget)

CHIP_HEIGHT_PX = 20
CHIP_PADDING_PX = 7


def label(text: str = "", name: str = "", parent: QWidget | None = None) -> QLabel:
    """A label of plain text: what a server sends is never taken for markup."""
    made = QLabel(text, parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setObjectName(name)
    return made


def button(text: str, name: str = "", accessible: str = "") -> QPushButton:
    """A push button; `accessible` is what a screen reader says when the text is not enough."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAccessibleName(accessible or text)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


def named(widget: W, accessible: str) -> W:
    """The widget, with the name a screen reader says."""
    widget.setAccessibleName(accessible)
    return widget


class ElidedLabel(QWidget):
    """One line of plain text that is cut where its width ends; the whole is its tool tip."""

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = label("", name)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._text = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._label)

    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str) -> None:
        """Shows another text."""
        self._text = " ".join(text.split())
        self.setAccessibleName(self._text)
        self.setToolTip(self._text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cuts the text anew."""
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        """Room for the whole text."""
        metrics = self._label.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 4, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return QSize(60, self.sizeHint().height())

    def _fit(self) -> None:
        metrics = self._label.fontMetrics()
        self._label.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, self.width()))
        self.updateGeometry()


class ErrorBar(QFrame):
    """One line that says what failed, with a button to try again where that can help.

    Signals:
        retry_wanted(): the person asked for another try.
    """

    retry_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("errorBar")
        self._text = label()
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._retry = button("Try again")
        self._retry.clicked.connect(self.retry_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self._text)
        row.addWidget(self._retry)
        self.hide()

    def show_error(self, error: ClientError | None) -> None:
        """Shows the error; None takes the bar away."""
        self.setVisible(error is not None)
        if error is not None:
            self._text.setText(error.message)
            self._retry.setVisible(error.is_retryable)
            self.setAccessibleName(f"Error: {error.message}")


class Choice(QComboBox):
    """A combo box with a chevron that follows the theme."""

    def __init__(self, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(accessible)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the box, then the chevron that its style sheet takes away."""
        super().paintEvent(event)
        painter = QPainter(self)
        paint_chevron(painter, self.width() - 15.5, self.height() / 2 + 0.5, 90, theme.current().muted)
        painter.end()


class Segments(QWidget):
    """A row of joined buttons of which one is chosen.

    Signals:
        chosen(str): key of the button that the person chose.
    """

    chosen = Signal(str)

    def __init__(self, options: dict[str, str], accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(accessible)
        self._buttons: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for number, (key, text) in enumerate(options.items()):
            made = button(text, "segment", f"{accessible}: {text}")
            made.setCheckable(True)
            made.setProperty("place", {0: "first", len(options) - 1: "last"}.get(number, "middle"))
            made.clicked.connect(lambda _checked, key=key: self.chosen.emit(key))
            group.addButton(made)
            row.addWidget(made)
            self._buttons[key] = made

    def choose(self, key: str) -> None:
        """Marks the button as chosen, without a signal."""
        self._buttons[key].setChecked(True)

    def set_available(self, key: str, is_available: bool) -> None:
        """Enables or disables one button."""
        self._buttons[key].setEnabled(is_available)


def paint_chevron(painter: QPainter, x: float, y: float, turn: int, colour: str) -> None:
    """Paints an arrow head around a point; it points right, turned by `turn` degrees clockwise."""
    pen = QPen(QColor(colour), 1.5)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    painter.translate(x, y)
    painter.rotate(turn)
    painter.drawPolyline(QPolygonF([QPointF(-2, -4), QPointF(2, 0), QPointF(-2, 4)]))
    painter.restore()


def chip_width(metrics: QFontMetrics, text: str) -> int:
    """The width of a chip that shows the whole text."""
    return metrics.horizontalAdvance(text) + 2 * CHIP_PADDING_PX


def paint_chip(
    painter: QPainter, left: int, middle: int, text: str, colour: str, background: str, limit: int
) -> int:
    """Paints a small rounded label around the line `middle`; returns its width (0 when it does not fit)."""
    metrics = QFontMetrics(painter.font())
    width = min(chip_width(metrics, text), limit)
    if width < 3 * CHIP_PADDING_PX:
        return 0
    area = QRect(left, middle - CHIP_HEIGHT_PX // 2, width, CHIP_HEIGHT_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(background))
    painter.drawRoundedRect(area, 5, 5)
    painter.setPen(QColor(colour))
    inner = width - 2 * CHIP_PADDING_PX + 2
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, inner)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)
    return width


def tinted(colour: str, share: float) -> str:
    """The colour mixed into the surface: a soft background for text of that colour."""
    back, front = QColor(theme.current().surface), QColor(colour)
    channels = (
        round(b + (f - b) * share)
        for b, f in zip(back.getRgb()[:3], front.getRgb()[:3], strict=True)  # type: ignore[index]
    )
    return QColor(*channels).name()


class Chip(QWidget):
    """A small rounded label, optionally in a colour of its own."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self._role = role
        self.setAccessibleName(text)
        self._fit()

    def set_text(self, text: str, role: str = "") -> None:
        """Shows another text; `role` is a level whose colour it takes."""
        self._text, self._role = text, role
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self._fit()
        self.update()

    def _fit(self) -> None:
        font = self.font()
        font.setPixelSize(12)
        self.setFont(font)
        width = QFontMetrics(font).horizontalAdvance(self._text) + 2 * CHIP_PADDING_PX
        self.setFixedSize(min(width, 260), CHIP_HEIGHT_PX + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the chip in the colours of the theme in force."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme.current()
        text, back = colours.text, colours.chip
        if self._role:
            text = colours.level(self._role)
            back = tinted(text, 0.15)
        middle = self.rect().translated(QPoint(0, 0)).center().y() + 1
        paint_chip(painter, 0, middle, self._text, text, back, self.width())
        painter.end()
