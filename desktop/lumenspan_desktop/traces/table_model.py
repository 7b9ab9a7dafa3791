"""Rows of the list as a Qt table. `data` answers from memory; more rows are asked for by a signal."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from lumenspan_desktop.traces.client import OrderField, TraceRow
from lumenspan_desktop.values import format_cost, format_duration, format_instant, format_usage

AnyIndex = QModelIndex | QPersistentModelIndex
RowRole = Qt.ItemDataRole.UserRole + 1
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column:
    """One column: its title, the text of a cell, the order it stands for and how it is laid out.

    Attributes:
        kind: what the view paints: `text`, `number`, `level`, `chips` or `mono`.
        width_px: first width; the last column takes what is left.
    """

    title: str
    text: Callable[[TraceRow], str]
    order: OrderField | None = None
    kind: str = "text"
    width_px: int = 120


COLUMNS: tuple[Column, ...] = (
    Column("Timestamp", lambda row: format_instant(row.timestamp_ns), OrderField.TIMESTAMP, "time", 194),
    Column("Level", lambda row: row.level.title(), OrderField.LEVEL, "level", 82),
    Column("Name", lambda row: row.name, OrderField.NAME, "strong", 140),
    Column("Input", lambda row: row.input_preview, None, "text", 224),
    Column("User", lambda row: row.user_id, OrderField.USER_ID, "text", 126),
    Column("Session", lambda row: row.session_id, OrderField.SESSION_ID, "text", 94),
    Column("Latency", lambda row: format_duration(row.latency_ms), OrderField.LATENCY, "number", 86),
    Column("Cost", lambda row: format_cost(row.cost_usd), None, "number", 84),
    Column("Usage", lambda row: format_usage(row.usage), None, "number", 106),
    Column("Tags", lambda row: ", ".join(row.tags), None, "chips", 152),
    Column("Environment", lambda row: row.environment, None, "chips", 100),
)


class TraceTableModel(QAbstractTableModel):
    """The traces listed so far.

    Signals:
        more_wanted(): the view came near the end and there is more on the server.
    """

    more_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[TraceRow] = []
        self._ids: set[str] = set()
        self.has_more = False

    @property
    def rows(self) -> Sequence[TraceRow]:
        """The rows from top to bottom."""
        return self._rows

    def replace(self, rows: Iterable[TraceRow]) -> None:
        """Shows these rows and no others."""
        self.beginResetModel()
        self._rows = list(rows)
        self._ids = {row.id for row in self._rows}
        self.endResetModel()

    def append(self, rows: Iterable[TraceRow]) -> None:
        """Adds rows at the end; those already shown are left where they are."""
        fresh = [row for row in rows if row.id not in self._ids]
        if not fresh:
            return
        first = len(self._rows)
        self.beginInsertRows(QModelIndex(), first, first + len(fresh) - 1)
        self._rows.extend(fresh)
        self._ids.update(row.id for row in fresh)
        self.endInsertRows()

    def merge_newest(self, rows: Iterable[TraceRow]) -> None:
        """Takes rows of the live tail: known ones change in place, new ones go on top, newest first."""
        latest = {row.id: row for row in rows}
        fresh = [row for row in latest.values() if row.id not in self._ids]
        if len(fresh) < len(latest):
            self._update({row.id: row for row in latest.values() if row.id in self._ids})
        if not fresh:
            return
        fresh.sort(key=lambda row: (row.timestamp_ns, row.id), reverse=True)
        self.beginInsertRows(QModelIndex(), 0, len(fresh) - 1)
        self._rows[:0] = fresh
        self._ids.update(row.id for row in fresh)
        self.endInsertRows()

    def _update(self, changed: dict[str, TraceRow]) -> None:
        for number, row in enumerate(self._rows):
            if not changed:
                return
            newer = changed.pop(row.id, None)
            if newer is not None and newer != row:
                self._rows[number] = newer
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(COLUMNS) - 1))

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Rows held, not rows on the server."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """The number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment, tool tip or, under `RowRole`, the `TraceRow` itself."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return column.text(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.text(row) or 'none'}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.kind == "number" else _LEFT
        return row if role == RowRole else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles of the columns; rows have none."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if COLUMNS[section].kind == "number" else _LEFT
        return None

    def canFetchMore(self, parent: AnyIndex) -> bool:
        """Whether the server has rows after the last one held."""
        return not parent.isValid() and self.has_more

    def fetchMore(self, parent: AnyIndex) -> None:
        """Asks for the next page; it is appended when it arrives."""
        if not parent.isValid() and self.has_more:
            self.more_wanted.emit()
