"""Where cycles with Qt objects in them are taken apart: on Qt's thread, whatever other threads allocate."""

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from lumenspan_desktop.garbage import GarbageCollector


class Noted(QObject):
    """Part of a cycle; tells on which thread it went."""

    def __init__(self, gone: list[int]) -> None:
        super().__init__()
        self.itself = self
        self.gone = gone

    def __del__(self) -> None:
        self.gone.append(threading.get_ident())


@pytest.fixture
def collector() -> Iterator[GarbageCollector]:
    # The rest of the suite collects by itself between tests.
    made = GarbageCollector(every_ms=20)
    yield made
    made.stop()
    gc.disable()


def allocate() -> None:
    """What would make Python collect several times over."""
    kept = [[number] for number in range(20_000)]
    assert kept


def test_a_cycle_goes_on_the_thread_of_qt(qtbot: QtBot, collector: GarbageCollector) -> None:
    gone: list[int] = []
    for _ in range(10):
        Noted(gone)
    other = threading.Thread(target=allocate)
    other.start()
    other.join()
    assert gone == []
    kept = [[number] for number in range(20_000)]
    qtbot.waitUntil(lambda: len(gone) == 10)
    assert set(gone) == {threading.get_ident()}
    assert kept


def test_collecting_is_left_to_python_again(collector: GarbageCollector) -> None:
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
