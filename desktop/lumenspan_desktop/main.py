"""Starts the application."""

import argparse
import sys
from collections.abc import Sequence

from PySide6.QtWidgets import QApplication

from lumenspan_desktop.net import Network
from lumenspan_desktop.profiles import default_profiles
from lumenspan_desktop.theme import ThemeKeeper
from lumenspan_desktop.window import MainWindow


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line; a wrong one ends the process with a message."""
    parser = argparse.ArgumentParser(
        prog="lumenspan-desktop", description="Read and review the traces of a Lumenspan server."
    )
    parser.add_argument("--server", metavar="URL", help="address of the server to sign in to")
    parser.add_argument("--email", help="who signs in")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    parser.add_argument("--theme", choices=("system", "light", "dark"), default="system")
    options = parser.parse_args(arguments)
    if options.password_stdin and not (options.server and options.email):
        parser.error("--password-stdin needs --server and --email")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the application until its window is closed; returns the exit status."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    password = sys.stdin.readline().rstrip("\r\n") if options.password_stdin else None
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Lumenspan")
    app.setDesktopFileName("lumenspan")
    ThemeKeeper(app, options.theme)
    network = Network()
    try:
        window = MainWindow(network, default_profiles())
        window.show()
        if options.server:
            window.sign_in_view.url.setText(options.server)
        if options.email:
            window.sign_in_view.email.setText(options.email)
        if password is not None:
            window.sign_in_presenter.sign_in(options.server, options.email, password)
        return app.exec()
    finally:
        network.close()
