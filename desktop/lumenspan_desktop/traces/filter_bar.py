"""The filter bar: fields in, a `TraceFilter` out."""

import time
from collections.abc import Callable
from datetime import timedelta

from PySide6.QtCore import QDateTime, QTimer, Signal
from PySide6.QtWidgets import QDateTimeEdit, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from lumenspan_desktop.traces.client import TraceFilter
from lumenspan_desktop.widgets import Choice, button, named

TYPING_PAUSE_MS = 250
_CUSTOM = "custom"
_RANGES: dict[str, timedelta | None] = {
    "All time": None,
    "Last 15 minutes": timedelta(minutes=15),
    "Last hour": timedelta(hours=1),
    "Last 24 hours": timedelta(days=1),
    "Last 7 days": timedelta(days=7),
    "Last 30 days": timedelta(days=30),
}
_LEVELS = {"Any level": "", "Error": "ERROR", "Warning": "WARNING", "Default": "DEFAULT", "Debug": "DEBUG"}


def names_in(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list, without blanks and empty ones."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


class FilterBar(QWidget):
    """Search, time range and the fields to filter by, in two rows.

    Signals:
        changed(TraceFilter): the person settled on another filter.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(parent)
        self._now_ns = now_ns
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._settle)
        self.search = named(QLineEdit(placeholderText="Search by id or name   ( / )"), "Search")
        self.search.setClearButtonEnabled(True)
        self.period = Choice("Time range")
        for title, length in _RANGES.items():
            self.period.addItem(title, length)
        self.period.addItem("Custom range …", _CUSTOM)
        self.environment = Choice("Environment")
        self.level = Choice("Level")
        for title, level in _LEVELS.items():
            self.level.addItem(title, level)
        self.set_environments(())
        self.fields = {
            key: named(QLineEdit(placeholderText=hint), hint)
            for key, hint in (
                ("names", "Name"),
                ("user_ids", "User"),
                ("session_ids", "Session"),
                ("tags", "Tags"),
            )
        }
        self.clear_button = button("Clear filters", "quiet")
        self._make_custom_range()
        self._lay_out()
        self._connect()

    def _make_custom_range(self) -> None:
        self.custom = QWidget()
        row = QHBoxLayout(self.custom)
        row.setContentsMargins(0, 0, 0, 0)
        now = QDateTime.currentDateTime()
        self.custom_from = named(QDateTimeEdit(now.addDays(-1)), "From")
        self.custom_to = named(QDateTimeEdit(now), "To")
        for edit in (self.custom_from, self.custom_to):
            edit.setDisplayFormat("yyyy-MM-dd HH:mm")
            edit.setCalendarPopup(True)
            edit.dateTimeChanged.connect(self._pause.start)
            row.addWidget(edit)
        self.custom.hide()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setSpacing(8)
        first.addWidget(self.search, 1)
        for choice in (self.period, self.environment, self.level):
            choice.setMinimumWidth(140)
            first.addWidget(choice)
        for field in self.fields.values():
            field.setClearButtonEnabled(True)
            second.addWidget(field, 1)
        second.addWidget(self.custom)
        second.addWidget(self.clear_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        rows.addLayout(first)
        rows.addLayout(second)

    def _connect(self) -> None:
        for field in (self.search, *self.fields.values()):
            field.textChanged.connect(self._pause.start)
            field.returnPressed.connect(self._settle)
        for choice in (self.period, self.environment, self.level):
            choice.currentIndexChanged.connect(self._settle)
        self.clear_button.clicked.connect(self.clear)

    def set_environments(self, names: tuple[str, ...]) -> None:
        """Offers these environments; the chosen one stays."""
        chosen = self.environment.currentData() or ""
        self.environment.blockSignals(True)
        self.environment.clear()
        self.environment.addItem("All environments", "")
        for name in sorted({*names, chosen} - {""}):
            self.environment.addItem(name, name)
        self.environment.setCurrentIndex(max(0, self.environment.findData(chosen)))
        self.environment.blockSignals(False)

    def clear(self) -> None:
        """Takes every restriction away."""
        self.blockSignals(True)
        for field in (self.search, *self.fields.values()):
            field.clear()
        for choice in (self.period, self.environment, self.level):
            choice.setCurrentIndex(0)
        self.blockSignals(False)
        self._settle()

    def filter(self) -> TraceFilter:
        """What the fields say now; relative ranges end now."""
        begin_ns, end_ns = self._range()
        environment, level = self.environment.currentData(), self.level.currentData()
        return TraceFilter(
            from_ns=begin_ns,
            to_ns=end_ns,
            environments=(environment,) if environment else (),
            levels=(level,) if level else (),
            search=self.search.text().strip(),
            **{key: names_in(field.text()) for key, field in self.fields.items()},
        )

    def _range(self) -> tuple[int | None, int | None]:
        chosen = self.period.currentData()
        if chosen == _CUSTOM:
            edits = (self.custom_from, self.custom_to)
            begin, end = (edit.dateTime().toMSecsSinceEpoch() * 1_000_000 for edit in edits)
            return begin, end
        if isinstance(chosen, timedelta):
            return self._now_ns() - int(chosen.total_seconds()) * 1_000_000_000, None
        return None, None

    def _settle(self) -> None:
        self._pause.stop()
        self.custom.setVisible(self.period.currentData() == _CUSTOM)
        wanted = self.filter()
        self.clear_button.setEnabled(wanted != TraceFilter())
        self.changed.emit(wanted)
