"""Command line: ``python -m lumenspan.embedded.chserver --data DIR --port N --password-file FILE``.

Exit codes: 0 stopped by a signal, 2 wrong arguments, 3 the data folder is in use by another process,
4 the port cannot be bound, 5 the engine does not start.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from lumenspan.embedded.chserver.config import EngineConfig, render

if TYPE_CHECKING:
    from lumenspan.embedded.chserver.engine import Engine
    from lumenspan.embedded.chserver.server import Server

log = structlog.get_logger()

EXIT_DATA_IN_USE = 3
EXIT_PORT_IN_USE = 4
EXIT_ENGINE_FAILED = 5
_STOP_PATIENCE_S = 20.0
_QUIET_S = 5.0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lumenspan.embedded.chserver", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the database, made if missing")
    parser.add_argument("--port", type=int, required=True, help="0 chooses a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--password-file", type=Path, required=True, help="made if missing")
    parser.add_argument("--user", default="default")
    parser.add_argument("--port-file", type=Path, help="the bound port is written here once it accepts")
    parser.add_argument("--max-memory", type=int, default=0, help="bytes, all queries together")
    parser.add_argument("--max-queries", type=int, default=64, help="queries that run at once; more wait")
    return parser.parse_args(argv)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def _password(path: Path) -> str:
    """The password in the file; a new one, readable by this user only, if there is no file."""
    with contextlib.suppress(FileExistsError):
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _lock(data: Path) -> int | None:
    """Hold the folder until this process ends, also by kill -9; None if another process holds it."""
    number = os.open(data / ".endpoint.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    return number


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    options = _arguments(argv)
    _log_to_stderr()
    data: Path = options.data.resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _lock(data) is None:
        log.error("the data folder is in use by another process", folder=str(data))
        return EXIT_DATA_IN_USE
    password = _password(options.password_file)
    try:
        listener = socket.create_server((options.host, options.port), backlog=256)
    except OSError as error:
        log.error("cannot listen", host=options.host, port=options.port, reason=error.strerror)
        return EXIT_PORT_IN_USE
    with listener:
        return _serve(options, data, password, listener)


def _serve(options: argparse.Namespace, data: Path, password: str, listener: socket.socket) -> int:
    # chDB loads pyarrow where it is installed, 40 MB for results that are never asked for here.
    sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]
    # The engine is large: loaded only when nothing else can go wrong.
    from lumenspan.embedded.chserver.engine import Engine
    from lumenspan.embedded.chserver.handler import Handler
    from lumenspan.embedded.chserver.server import Server
    from lumenspan.embedded.chserver.watch import ClientWatch

    scratch = data / ".scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    config_file = scratch / "config.xml"
    config_file.write_text(render(EngineConfig(options.max_memory), data))
    # Signals are taken by this thread alone, with sigwait: no handler runs inside the engine's threads.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        engine = Engine(data / "store", config_file, scratch)
    except RuntimeError:
        log.exception("the engine does not start")
        return EXIT_ENGINE_FAILED
    watch = ClientWatch()
    handler = Handler(engine, watch, user=options.user, password=password, slots=options.max_queries)
    server = Server(listener, handler)
    threading.Thread(target=server.serve, name="accept", daemon=True).start()
    port = listener.getsockname()[1]
    if options.port_file is not None:
        options.port_file.write_text(str(port))
    log.info("ready", host=options.host, port=port, engine=engine.version)
    received = _wait(signals, engine, server)
    log.info("stopping", signal=received.name)
    is_clean = server.stop(_STOP_PATIENCE_S)
    watch.close()
    if is_clean:
        engine.close()
    log.info("stopped", is_clean=is_clean)
    return 0


def _wait(signals: set[signal.Signals], engine: Engine, server: Server) -> signal.Signals:
    """Sleep until one of ``signals``; after work, once it is quiet again, give memory back."""
    purged = 0
    seen = 0
    while True:
        info = signal.sigtimedwait(signals, _QUIET_S)
        if info is not None:
            return signal.Signals(info.si_signo)
        answered = server.answered
        if answered == seen != purged and not server.is_busy():
            engine.purge()
            purged = answered
        seen = answered


if __name__ == "__main__":
    sys.exit(main())
