"""A worker process: consumes jobs, sweeps for lost payloads, answers ``GET /api/health``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from lumenspan.errors import LumenspanError
from lumenspan.ingest.otlp import assert_fast_protobuf
from lumenspan.logs import configure_logging
from lumenspan.memory import keep_small
from lumenspan.settings import Settings, SettingsError, load_settings
from lumenspan_workers.broker import make_broker, make_worker
from lumenspan_workers.health import HealthPage
from lumenspan_workers.services import Services

_log = structlog.get_logger(__name__)
_STOP_MS = 30_000


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then take no more jobs, finish the running ones, and return."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    broker = make_broker(settings)
    # Actors are declared on the broker that is set when their module loads.
    from lumenspan_workers.identity import actors as identity_actors  # noqa: F401
    from lumenspan_workers.ingest import actors as ingest_actors  # noqa: F401
    from lumenspan_workers.traces import actors as trace_actors  # noqa: F401

    broker.wake_ups.start()
    # The event loop starts with the broker's middleware, before the first job is taken.
    worker = make_worker(broker, settings)
    broker.add_middleware(_Background(settings))
    worker.start()
    # What is loaded by now lives as long as the process; mapping makes many objects and few cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _log.info("worker_started", threads=settings.worker_threads, port=settings.worker_port)
    stop.wait()
    _log.info("worker_stopping")
    broker.stop_waiting()
    worker.stop(timeout=_STOP_MS)
    broker.close()


class _Background(Middleware):
    """Services, sweeper and health page, alive as long as the event loop of the worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        self._page: HealthPage | None = None

    def before_worker_boot(self, broker: Any, worker: Any) -> None:
        _on_loop(self._start())

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        _on_loop(self._stop_accepting())

    def after_worker_shutdown(self, broker: Any, worker: Any) -> None:
        _on_loop(self._finish())

    async def _start(self) -> None:
        Services.current = made = await Services.connect(self._settings)
        self._page = HealthPage(made)
        await self._page.start()
        self._tasks = [
            asyncio.create_task(made.sweeper.run(), name="sweeper"),
            asyncio.create_task(made.registry.run(), name="registry"),
            asyncio.create_task(made.project_deletion.run(), name="project deletions"),
            asyncio.create_task(keep_small(), name="memory"),
        ]

    async def _stop_accepting(self) -> None:
        if Services.current is not None:
            Services.current.patience.stop()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._page is not None:
            await self._page.stop()

    async def _finish(self) -> None:
        """After the last job: write what is noted, and let go of the engines."""
        made, Services.current = Services.current, None
        if made is not None:
            with contextlib.suppress(LumenspanError):
                await made.registry.flush()
            await made.close()


def _on_loop(work: Coroutine[Any, Any, None]) -> None:
    thread = get_event_loop_thread()
    if thread is None:
        raise RuntimeError("the event loop is not running")
    thread.run_coroutine(work)


def main() -> None:
    """Entry point; ends with 2 when the settings cannot be used."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure_logging(settings.log_level, settings.log_format)
    assert_fast_protobuf()
    run(settings)


if __name__ == "__main__":
    main()
