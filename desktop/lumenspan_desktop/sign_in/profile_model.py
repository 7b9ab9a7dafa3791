"""The kept servers as a Qt list."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from lumenspan_desktop.profiles import Profile

AnyIndex = QModelIndex | QPersistentModelIndex
ProfileRole = Qt.ItemDataRole.UserRole + 1


class ProfileListModel(QAbstractListModel):
    """Profiles, the last used first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._profiles: list[Profile] = []

    def replace(self, profiles: Sequence[Profile]) -> None:
        """Shows these profiles and no others."""
        self.beginResetModel()
        self._profiles = list(profiles)
        self.endResetModel()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """The number of profiles."""
        return 0 if parent.isValid() else len(self._profiles)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The name, a spoken description or, under `ProfileRole`, the `Profile` itself."""
        if not index.isValid() or index.row() >= len(self._profiles):
            return None
        profile = self._profiles[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return profile.name
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{profile.name}, {profile.email} at {profile.url}"
        return profile if role == ProfileRole else None
