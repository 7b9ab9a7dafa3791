"""The running application: Qt, the network beside it, and the main window."""

import argparse
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

from lumenspan_desktop.garbage import GarbageCollector
from lumenspan_desktop.net import Network
from lumenspan_desktop.profiles import default_profiles
from lumenspan_desktop.theme import ThemeKeeper
from lumenspan_desktop.window import MainWindow


@contextlib.contextmanager
def calling_on_signals(act: Callable[[], object]) -> Iterator[None]:
    """Calls `act` in Qt's loop when the process is asked to end (Ctrl-C, SIGTERM).

    Python handles a signal only between two steps of its own, and Qt's loop may make none for hours: so the
    signal is also written to a socket that the loop watches.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    watched = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in watched}
    descriptor = signal.set_wakeup_fd(told.fileno())
    notifier = QSocketNotifier(heard.fileno(), QSocketNotifier.Type.Read)

    def hear() -> None:
        heard.recv(64)
        act()

    notifier.activated.connect(hear)
    try:
        yield
    finally:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        heard.close()
        told.close()


def run(options: argparse.Namespace) -> int:
    """Runs the application until its window is closed; returns the exit status."""
    password = sys.stdin.readline().rstrip("\r\n") if options.password_stdin else None
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Lumenspan")
    app.setDesktopFileName("lumenspan")
    ThemeKeeper(app, options.theme)
    garbage = GarbageCollector(app)
    network = Network()
    try:
        window = MainWindow(network, default_profiles())
        window.show()
        if options.server:
            window.sign_in_view.url.setText(options.server)
        if options.email:
            window.sign_in_view.email.setText(options.email)
        if options.link is not None:
            window.open_link(options.link)
        elif password is not None:
            window.sign_in_presenter.sign_in(options.server, options.email, password)
        with calling_on_signals(window.close):
            return app.exec()
    finally:
        network.close()
        garbage.stop()
