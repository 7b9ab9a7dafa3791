"""A JSON value as a Qt tree. Children are made when they are looked at, long lists piece by piece."""

import json
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from lumenspan_desktop import theme

AnyIndex = QModelIndex | QPersistentModelIndex
PIECE = 500
SHOWN_CHARACTERS = 400
ValueRole = Qt.ItemDataRole.UserRole + 1


class _Entry:
    """A place in the value: its key, and those of its children that were made so far."""

    __slots__ = ("children", "key", "number", "parent", "row", "value")

    def __init__(self, number: int, key: str, value: Any, parent: int, row: int) -> None:
        self.number, self.key, self.value, self.parent, self.row = number, key, value, parent, row
        self.children: list[int] = []

    @property
    def size(self) -> int:
        return len(self.value) if isinstance(self.value, dict | list) else 0


class JsonModel(QAbstractItemModel):
    """Keys and values in two columns."""

    def __init__(self, value: Any = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[_Entry] = []
        self.show_value(value)

    def show_value(self, value: Any) -> None:
        """Shows another value; a scalar is shown as the only row."""
        self.beginResetModel()
        root = value if isinstance(value, dict | list) else {} if value is None else {"": value}
        self._entries = [_Entry(0, "", root, -1, 0)]
        self._make_children(self._entries[0])
        self.endResetModel()

    def _make_children(self, entry: _Entry) -> None:
        first = len(entry.children)
        last = min(entry.size, first + PIECE)
        if isinstance(entry.value, dict):
            keys = list(entry.value)[first:last]
            pairs = [(str(key), entry.value[key]) for key in keys]
        else:
            pairs = [(str(number), entry.value[number]) for number in range(first, last)]
        for row, (key, value) in enumerate(pairs, first):
            number = len(self._entries)
            self._entries.append(_Entry(number, key, value, entry.number, row))
            entry.children.append(number)

    def _entry(self, index: AnyIndex) -> _Entry:
        return self._entries[index.internalId() if index.isValid() else 0]

    def index(self, row: int, column: int, parent: AnyIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """The index of a cell; invalid outside what was made."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._entry(parent).children[row])

    def parent(self, index: AnyIndex = QModelIndex()) -> Any:  # noqa: B008
        """The index of the object or list that holds this entry; invalid at the top."""
        number = self._entry(index).parent if index.isValid() else -1
        return QModelIndex() if number <= 0 else self.createIndex(self._entries[number].row, 0, number)

    def hasChildren(self, parent: AnyIndex = QModelIndex()) -> bool:  # noqa: B008  (Qt's signature)
        """Whether there is something inside, made or not."""
        return parent.column() <= 0 and self._entry(parent).size > 0

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Children made so far."""
        return len(self._entry(parent).children) if parent.column() <= 0 else 0

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Key and value."""
        return 2

    def canFetchMore(self, parent: AnyIndex) -> bool:
        """Whether there are children that were not made."""
        entry = self._entry(parent)
        return parent.column() <= 0 and len(entry.children) < entry.size

    def fetchMore(self, parent: AnyIndex) -> None:
        """Makes the next children."""
        entry = self._entry(parent)
        first = len(entry.children)
        count = min(PIECE, entry.size - first)
        if count > 0:
            place = self.createIndex(entry.row, 0, entry.number) if parent.isValid() else QModelIndex()
            self.beginInsertRows(place, first, first + count - 1)
            self._make_children(entry)
            self.endInsertRows()

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text and colour of a cell; under `ValueRole` the value itself."""
        if not index.isValid():
            return None
        entry = self._entry(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.key if index.column() == 0 else summary(entry.value)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(_colour(entry.value) if index.column() == 1 else theme.current().muted)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.key}: {summary(entry.value)}"
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(entry.value, str):
            return entry.value[:2000] if len(entry.value) > 60 else None
        return entry.value if role == ValueRole else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Key", "Value")[section] if section in (0, 1) else None
        return None


def summary(value: Any) -> str:
    """A value in one line: containers by their size, long text cut."""
    if isinstance(value, dict):
        return f"{{ {len(value):,} key{'s' if len(value) != 1 else ''} }}" if value else "{ }"
    if isinstance(value, list):
        return f"[ {len(value):,} item{'s' if len(value) != 1 else ''} ]" if value else "[ ]"
    if isinstance(value, str):
        cut = value[:SHOWN_CHARACTERS]
        return " ".join(cut.split()) + (" …" if len(value) > SHOWN_CHARACTERS else "")
    return json.dumps(value)


def _colour(value: Any) -> str:
    colours = theme.current()
    if isinstance(value, dict | list) or value is None:
        return colours.muted
    if isinstance(value, str):
        return colours.text
    return colours.type("TOOL") if isinstance(value, bool) else colours.type("RETRIEVER")
