"""Garbage is collected on Qt's thread alone.

Python collects cycles on whichever thread happens to allocate. Where a Qt object is in such a cycle it
would be taken apart on the thread of the network, while Qt's own thread may be using it: the process ends
with a segmentation fault, rarely and far from the cause.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 500


class GarbageCollector(QObject):
    """Turns the automatic collection off and does its work from the loop of its own thread."""

    def __init__(self, parent: QObject | None = None, every_ms: int = _EVERY_MS) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(every_ms)

    def collect(self) -> None:
        """Collect the oldest generation that is due, as the automatic collection would."""
        due = [
            generation
            for generation, (count, limit) in enumerate(
                zip(gc.get_count(), gc.get_threshold(), strict=True)
            )
            if limit and count > limit
        ]
        if due:
            gc.collect(max(due))

    def stop(self) -> None:
        """Leave collecting to Python again."""
        self._timer.stop()
        gc.enable()
