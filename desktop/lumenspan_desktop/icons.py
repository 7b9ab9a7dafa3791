"""Icons of observation types, drawn so that they are sharp at any size and in either theme."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from lumenspan_desktop import theme
from lumenspan_desktop.widgets import tinted

_Draw = Callable[[QPainter], None]


def _line(painter: QPainter, *points: tuple[float, float]) -> None:
    painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points]))


def _trace(painter: QPainter) -> None:
    _line(painter, (3, 4), (13, 4))
    _line(painter, (6, 8), (13, 8))
    _line(painter, (6, 12), (11, 12))


def _span(painter: QPainter) -> None:
    _line(painter, (3, 5), (3, 11))
    _line(painter, (13, 5), (13, 11))
    _line(painter, (3, 8), (13, 8))


def _generation(painter: QPainter) -> None:
    star = QPainterPath(QPointF(8, 2))
    for x, y in ((14, 8), (8, 14), (2, 8), (8, 2)):
        star.quadTo(QPointF(8, 8), QPointF(x, y))
    painter.fillPath(star, painter.pen().color())


def _event(painter: QPainter) -> None:
    _line(painter, (9, 2.5), (4.5, 9), (8, 9), (7, 13.5), (11.5, 7), (8, 7), (9, 2.5))


def _agent(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(3, 5.5, 10, 7.5), 2, 2)
    _line(painter, (8, 5.5), (8, 3))
    painter.drawPoint(QPointF(6, 9))
    painter.drawPoint(QPointF(10, 9))


def _tool(painter: QPainter) -> None:
    _line(painter, (3.5, 12.5), (9, 7))
    painter.drawArc(QRectF(7.5, 2.5, 6, 6), 120 * 16, 290 * 16)


def _chain(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(2.5, 6, 6.5, 4), 2, 2)
    painter.drawRoundedRect(QRectF(7, 6, 6.5, 4), 2, 2)


def _retriever(painter: QPainter) -> None:
    painter.drawEllipse(QRectF(3, 3, 7, 7))
    _line(painter, (9.2, 9.2), (13, 13))


def _evaluator(painter: QPainter) -> None:
    _line(painter, (3.5, 8.5), (6.7, 11.7), (12.5, 4.8))


def _embedding(painter: QPainter) -> None:
    for x in (4.5, 8, 11.5):
        for y in (4.5, 8, 11.5):
            painter.drawPoint(QPointF(x, y))


def _guardrail(painter: QPainter) -> None:
    shield = QPainterPath(QPointF(8, 2.5))
    shield.lineTo(13, 4.5)
    shield.cubicTo(QPointF(13, 9.5), QPointF(11, 12), QPointF(8, 13.5))
    shield.cubicTo(QPointF(5, 12), QPointF(3, 9.5), QPointF(3, 4.5))
    shield.closeSubpath()
    painter.drawPath(shield)


_GLYPHS: dict[str, _Draw] = {
    "TRACE": _trace,
    "SPAN": _span,
    "GENERATION": _generation,
    "EVENT": _event,
    "AGENT": _agent,
    "TOOL": _tool,
    "CHAIN": _chain,
    "RETRIEVER": _retriever,
    "EVALUATOR": _evaluator,
    "EMBEDDING": _embedding,
    "GUARDRAIL": _guardrail,
}


def paint_type(painter: QPainter, area: QRect, kind: str) -> None:
    """Paints the icon of a type into a square; that of a span for an unknown type."""
    colour = theme.current().type(kind)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tinted(colour, 0.16)))
    painter.drawRoundedRect(area, 5, 5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    pen = QPen(QColor(colour), 1.5)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    # The glyphs are drawn on a grid of 16 units, inside a margin.
    margin = area.width() * 0.14
    painter.translate(area.x() + margin, area.y() + margin)
    scale = (area.width() - 2 * margin) / 16
    painter.scale(scale, scale)
    _GLYPHS.get(kind, _span)(painter)
    painter.restore()
