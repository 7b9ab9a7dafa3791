"""The network beside the window: one asyncio loop in a thread, answers on the GUI thread."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import aclosing
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from lumenspan_desktop.api import as_client_error
from lumenspan_desktop.errors import ClientError, Problem

T = TypeVar("T")
Ask = Callable[[], Coroutine[Any, Any, T]]

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 15.0
CLEAN_UP_S = 5.0


class _Post(QObject):
    """Takes calls from the loop's thread to the GUI thread, on which it was made.

    It lives as long as the loop: a screen may be deleted at any moment, and to emit a signal of an object
    that is being deleted on another thread ends the process.
    """

    posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.posted.connect(self._on_posted, Qt.ConnectionType.QueuedConnection)

    def _on_posted(self, call: Callable[[], None]) -> None:
        call()


class Network:
    """An asyncio loop in a thread of its own; `close` cancels what runs and joins the thread."""

    def __init__(self) -> None:
        self._post = _Post()
        self._loop = asyncio.new_event_loop()
        self._clean_ups: set[Future[None]] = set()
        self._thread = threading.Thread(target=self._run, name="lumenspan-network", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts the coroutine on the loop; cancelling the future cancels the coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def post(self, call: Callable[[], None]) -> None:
        """Calls on the GUI thread, later; for use on the loop."""
        self._post.posted.emit(call)

    def clean_up(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Starts work that `close` lets end, such as closing a connection; its failure is ignored."""
        future = self.submit(coroutine)
        self._clean_ups.add(future)
        future.add_done_callback(self._clean_ups.discard)

    def close(self) -> None:
        """Cancels every task, waits for their clean-up and ends the thread. Safe to call twice."""
        if not self._thread.is_alive():
            return
        wait(list(self._clean_ups), timeout=CLEAN_UP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


class LatestOnly(QObject):
    """Asks one question at a time: a newer one cancels and silences the older.

    Signals (all on the GUI thread):
        succeeded(object): the newest answer.
        failed(ClientError): why there is none.
        busy_changed(bool): whether an answer is awaited.
    """

    succeeded = Signal(object)
    failed = Signal(object)
    busy_changed = Signal(bool)

    def __init__(self, network: Network, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._network = network
        self._generation = 0
        self._future: Future[Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._future is not None

    def ask(self, question: Ask[Any]) -> None:
        """Runs `question()` on the network loop in place of any question still open."""
        was_busy = self.is_busy
        self._drop()
        generation = self._generation
        self._future = self._network.submit(self._answer(generation, question))
        if not was_busy:
            self.busy_changed.emit(True)

    def cancel(self) -> None:
        """Drops the open question; nothing of it will be heard."""
        was_busy = self.is_busy
        self._drop()
        if was_busy:
            self.busy_changed.emit(False)

    def _drop(self) -> None:
        self._generation += 1
        if self._future is not None:
            self._future.cancel()
            self._future = None

    async def _answer(self, generation: int, question: Ask[Any]) -> None:
        result: object = None
        error: ClientError | None = None
        try:
            result = await question()
        except Exception as cause:
            error = as_client_error(cause)
        self._network.post(lambda: self._on_finished(generation, result, error))

    def _on_finished(self, generation: int, result: object, error: ClientError | None) -> None:
        # Where the Qt object was deleted while the answer was on its way, nobody is left to hear it.
        if generation != self._generation or not isValid(self):
            return
        self._future = None
        self.busy_changed.emit(False)
        if error is None:
            self.succeeded.emit(result)
        else:
            self.failed.emit(error)


# Opens one connection that resumes after the cursor; yields None when connected, then (cursor, event).
OpenStream = Callable[[str | None], AsyncGenerator[tuple[str, Any] | None, None]]


class Follower(QObject):
    """Follows an endless stream: reconnects with backoff, each time from the last cursor seen.

    Signals (all on the GUI thread):
        received(object): one event.
        connected(bool): a connection stands; True when it resumed from a cursor.
        interrupted(ClientError): the connection broke; it is being tried again.
        refused(ClientError): it broke for a reason that trying again cannot mend; following has ended.
    """

    received = Signal(object)
    connected = Signal(bool)
    interrupted = Signal(object)
    refused = Signal(object)

    def __init__(
        self, network: Network, parent: QObject | None = None, *, first_backoff_s: float = FIRST_BACKOFF_S
    ) -> None:
        super().__init__(parent)
        self._network = network
        self._first_backoff_s = first_backoff_s
        self._generation = 0
        self._future: Future[None] | None = None

    @property
    def is_following(self) -> bool:
        """Whether a stream is open or being reopened."""
        return self._future is not None

    def start(self, open_stream: OpenStream) -> None:
        """Follows the stream from now on, in place of any other."""
        self.stop()
        self._future = self._network.submit(self._follow(self._generation, open_stream))

    def stop(self) -> None:
        """Ends the stream; events still on their way are not heard."""
        self._generation += 1
        if self._future is not None:
            self._future.cancel()
            self._future = None

    async def _follow(self, generation: int, open_stream: OpenStream) -> None:
        cursor: str | None = None
        backoff_s = self._first_backoff_s
        while True:
            try:
                async with aclosing(open_stream(cursor)) as events:
                    async for item in events:
                        backoff_s = self._first_backoff_s
                        if item is None:
                            self._tell(generation, "connected", cursor is not None)
                            continue
                        cursor, event = item
                        self._tell(generation, "received", event)
                error = ClientError(Problem.UNAVAILABLE, "The server ended the live stream.")
            except Exception as cause:
                error = as_client_error(cause)
            if not error.is_retryable:
                self._tell(generation, "refused", error)
                return
            self._tell(generation, "interrupted", error)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def _tell(self, generation: int, what: str, payload: object) -> None:
        self._network.post(lambda: self._on_told(generation, what, payload))

    def _on_told(self, generation: int, what: str, payload: object) -> None:
        # Where the Qt object was deleted, its task is cancelled by its owner or by `Network.close`.
        if generation != self._generation or not isValid(self):
            return
        if what == "refused":
            self._future = None
        getattr(self, what).emit(payload)
