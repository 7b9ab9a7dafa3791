"""Takes a picture of each screen: `python -m lumenspan_desktop.screenshots --server URL ... --out DIR`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEventLoop
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from lumenspan_desktop.net import Network
from lumenspan_desktop.profiles import FileTokens, Profiles
from lumenspan_desktop.theme import ThemeKeeper
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


def take(window: MainWindow, folder: Path, name: str) -> Path:
    """Saves what the window shows as `name.png`; raises `OSError` when that fails."""
    QApplication.processEvents()
    path = folder / f"{name}.png"
    # Quality 0 is the strongest compression of PNG, which loses nothing.
    if not window.grab().save(str(path), "PNG", 0):
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
    return taken + take_trace(window, keeper, folder) + take_failure(window, folder)


def take_trace(window: MainWindow, keeper: ThemeKeeper, folder: Path) -> list[Path]:
    """Opens the trace with the most observations and takes its views; returns the pictures."""
    assert window.traces is not None
    rows = window.traces.presenter.model.rows
    richest = max(range(len(rows)), key=lambda row: rows[row].observation_count)
    window.traces.table.setCurrentIndex(window.traces.presenter.model.index(richest, 0))
    window.traces.table.open_current()
    trace = window.trace
    assert trace is not None
    wait_for(lambda: trace.presenter.is_complete and not trace.details.is_waiting, "the trace")
    taken = [take(window, folder, "trace-timeline")]
    nodes = trace.presenter.model.nodes
    generation = next((node for node in reversed(nodes) if node.type == "GENERATION"), nodes[0])
    trace.tree.setCurrentIndex(trace.presenter.model.index_of(generation.id))
    wait_for(lambda: not trace.details.is_waiting, "an observation")
    taken.append(take(window, folder, "trace-chat"))
    keeper.set_scheme("dark")
    taken.append(take(window, folder, "trace-chat-dark"))
    trace.details.input.segments.chosen.emit("json")
    taken.append(take(window, folder, "trace-json-dark"))
    keeper.set_scheme("light")
    trace.details.input.segments.chosen.emit("text")
    taken.append(take(window, folder, "trace-text"))
    trace.details.tabs.setCurrentWidget(trace.details.metadata)
    taken.append(take(window, folder, "trace-metadata"))
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
