"""The command line of the application. Qt is loaded only once the options are understood."""

import argparse
import sys
from collections.abc import Sequence

from lumenspan_desktop.links import parse_link, register


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line; a wrong one ends the process with a message."""
    parser = argparse.ArgumentParser(
        prog="lumenspan-desktop", description="Read and review the traces of a Lumenspan server."
    )
    parser.add_argument("link", nargs="?", help="a trace to open: lumenspan://open?server=…")
    parser.add_argument("--server", metavar="URL", help="address of the server to sign in to")
    parser.add_argument("--email", help="who signs in")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    parser.add_argument("--theme", choices=("system", "light", "dark"), default="system")
    parser.add_argument(
        "--register", action="store_true", help="let the system open lumenspan:// links with this, and end"
    )
    options = parser.parse_args(arguments)
    if options.link is not None:
        try:
            options.link = parse_link(options.link)
        except ValueError as error:
            parser.error(str(error))
    if options.password_stdin and not (options.server and options.email):
        parser.error("--password-stdin needs --server and --email")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the application until its window is closed; returns the exit status."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    if options.register:
        return _register()
    try:
        from lumenspan_desktop.application import run
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        # A system library, which no Python package brings along.
        sys.stderr.write(
            f"Qt cannot be loaded: {error}\n`lumenspan doctor` names the package to install.\n"
        )
        return 1
    return run(options)


def _register() -> int:
    try:
        entry = register()
    except OSError as error:
        sys.stderr.write(f"The entry cannot be written: {error}\n")
        return 1
    sys.stdout.write(f"Links are opened by {entry}\n")
    return 0
