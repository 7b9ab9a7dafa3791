"""Takes a picture of each screen: `python -m lumenspan_desktop.screenshots --server URL ... --out DIR`."""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtGui import QFont, QFontDatabase, QImage
from PySide6.QtWidgets import QApplication

from lumenspan_desktop.net import Network
from lumenspan_desktop.profiles import FileTokens, Profiles
from lumenspan_desktop.theme import ThemeKeeper
from lumenspan_desktop.trace.client import Node
from lumenspan_desktop.trace.view import TraceView
from lumenspan_desktop.traces.client import TraceRow
from lumenspan_desktop.window import MainWindow

DEADLINE_S = 30.0


class PatienceLost(RuntimeError):
    """A screen did not become ready before the deadline."""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Runs the Qt loop until the condition holds; raises `PatienceLost` after `DEADLINE_S`."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise PatienceLost(f"waited {DEADLINE_S:.0f} s for {what}")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
    QApplication.processEvents()


def palette_of(pixels: Iterable[int]) -> list[int]:
    """At most 256 colours for these 32-bit pixels: the most frequent, then one of each kind of the rare.

    A picture with a palette is a third as large.
    """
    frequent = [colour for colour, _ in Counter(pixels).most_common()]
    kept = set(frequent[:128])
    # Of rare colours that share the upper four bits of each channel one will do.
    kinds: dict[int, int] = {}
    for colour in frequent[128:]:
        kinds.setdefault(colour & 0xF0F0F0, colour)
    return [*kept, *kinds.values()][:256]


def take(window: MainWindow, folder: Path, name: str) -> Path:
    """Saves what the window shows as `name.png`; raises `OSError` when that fails."""
    QApplication.processEvents()
    path = folder / f"{name}.png"
    picture = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    palette = palette_of(memoryview(picture.constBits()).cast("I"))
    indexed = picture.convertToFormat(
        QImage.Format.Format_Indexed8, palette, Qt.ImageConversionFlag.ThresholdDither
    )
    # Quality 0 is the strongest compression of PNG, which loses nothing.
    if not indexed.save(str(path), quality=0):
        raise OSError(f"cannot write {path}")
    return path


def take_all(
    window: MainWindow, keeper: ThemeKeeper, options: argparse.Namespace, password: str
) -> list[Path]:
    """Walks through the screens; returns the pictures."""
    folder: Path = options.out
    window.sign_in_view.url.setText(options.server)
    window.sign_in_view.email.setText(options.email)
    taken = [take(window, folder, "sign-in")]
    window.sign_in_presenter.sign_in(options.server, options.email, password)
    wait_for(lambda: window.traces is not None, "the sign-in")
    traces = window.traces
    assert traces is not None
    wait_for(lambda: len(traces.presenter.model.rows) > 0, "the first page of traces")
    traces.table.move_by(2)
    for scheme in ("light", "dark"):
        keeper.set_scheme("dark" if scheme == "dark" else "light")
        taken.append(take(window, folder, f"traces-{scheme}"))
    keeper.set_scheme("light")
    taken += take_trace(window, keeper, folder)
    taken += take_failed_step(window, folder) + take_failure(window, folder)
    window.sign_out()
    return [*taken, take(window, folder, "sign-in-kept-server")]


def open_best(window: MainWindow, worth: Callable[[TraceRow], tuple[bool, int]]) -> TraceView:
    """Opens the listed trace that is worth the most and waits for it."""
    assert window.traces is not None
    model = window.traces.presenter.model
    best = max(range(len(model.rows)), key=lambda row: worth(model.rows[row]))
    window.traces.table.setCurrentIndex(model.index(best, 0))
    window.traces.table.open_current()
    trace = window.trace
    assert trace is not None
    wait_for(lambda: trace.presenter.is_complete and not trace.details.is_waiting, "the trace")
    return trace


def choose(trace: TraceView, suits: Callable[[Node], bool]) -> None:
    """Marks the last observation that suits, if any, and waits for its content."""
    nodes = trace.presenter.model.nodes
    found = next((node for node in reversed(nodes) if suits(node)), nodes[0])
    trace.tree.setCurrentIndex(trace.presenter.model.index_of(found.id))
    wait_for(lambda: not trace.details.is_waiting, "an observation")


def take_trace(window: MainWindow, keeper: ThemeKeeper, folder: Path) -> list[Path]:
    """Opens the trace with the most observations and takes its views; returns the pictures."""
    trace = open_best(window, lambda row: (True, row.observation_count))
    taken = [take(window, folder, "trace-timeline")]
    choose(trace, lambda node: node.type == "GENERATION")
    taken.append(take(window, folder, "trace-chat"))
    trace.details.input.segments.chosen.emit("text")
    taken.append(take(window, folder, "trace-text"))
    trace.details.input.segments.chosen.emit("chat")
    keeper.set_scheme("dark")
    taken.append(take(window, folder, "trace-chat-dark"))
    trace.details.input.segments.chosen.emit("json")
    tree = trace.details.input.json.tree
    # The first text in the first entry: long ones are shown in full below the tree.
    tree.setCurrentIndex(tree.json.index(1, 0, tree.json.index(0, 0)))
    taken.append(take(window, folder, "trace-json-dark"))
    keeper.set_scheme("light")
    trace.closed.emit()
    return taken


def take_failed_step(window: MainWindow, folder: Path) -> list[Path]:
    """Opens a trace in which something failed, at what failed; returns the pictures."""
    trace = open_best(window, lambda row: (row.level == "ERROR", row.observation_count))
    choose(trace, lambda node: node.level == "ERROR")
    trace.details.tabs.setCurrentWidget(trace.details.metadata)
    taken = [take(window, folder, "trace-failed-step")]
    trace.closed.emit()
    return taken


def take_failure(window: MainWindow, folder: Path) -> list[Path]:
    """Opens a trace that does not exist; returns the pictures."""
    window.open_trace("f" * 32)
    trace = window.trace
    assert trace is not None
    wait_for(trace.failure.isVisible, "the refusal")
    return [take(window, folder, "trace-error")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes every picture from a server that has traces; the password comes from standard input."""
    parser = argparse.ArgumentParser(prog="lumenspan_desktop.screenshots")
    parser.add_argument("--server", metavar="URL", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="1440x900", help="width x height in pixels")
    options = parser.parse_args(arguments)
    password = sys.stdin.readline().rstrip("\r\n")
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication(["lumenspan"])
    assert isinstance(app, QApplication)
    # Without a desktop there is no system font to follow: take the best one that is installed.
    families = set(QFontDatabase.families())
    family = next((f for f in ("Inter", "Noto Sans", "DejaVu Sans") if f in families), app.font().family())
    font = QFont(family)
    font.setPixelSize(13)
    app.setFont(font)
    keeper = ThemeKeeper(app, "light")
    network = Network()
    try:
        with tempfile.TemporaryDirectory() as settings:
            folder = Path(settings)
            window = MainWindow(network, Profiles(folder, FileTokens(folder / "tokens.json")))
            width, height = (int(part) for part in options.size.split("x"))
            window.resize(width, height)
            window.show()
            for path in take_all(window, keeper, options, password):
                sys.stdout.write(f"{path}\n")
            window.close()
    finally:
        network.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
