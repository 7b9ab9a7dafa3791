"""Child processes that are started in order, watched, restarted when they crash, and stopped in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog

from lumenspan.embedded import logfile, pidfile, ports
from lumenspan.errors import Unavailable

log = structlog.get_logger()

State = Literal["starting", "running", "restarting", "stopping", "stopped", "failed"]

_SHIM = Path(__file__).with_name("_exec.py")
_PROBE_INTERVAL_S = 0.05
_ROTATE_INTERVAL_S = 20.0


class ChildFailed(Unavailable):
    """A child ended, or was not ready in time. The message ends with the tail of its log."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between restarts: doubling from ``first_s`` to ``most_s``, afresh after ``healthy_s``."""

    first_s: float = 0.2
    most_s: float = 10.0
    healthy_s: float = 30.0

    def delay_s(self, failures: int) -> float:
        """Seconds to wait before the restart after ``failures`` (1 or more) in a row."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.most_s)


@dataclass(frozen=True, slots=True)
class RunAs:
    """The unprivileged user (and group of the same number) of a child of root.

    Attributes:
        capability: number of a Linux capability it keeps, see ``capabilities(7)``.
    """

    uid: int
    capability: int | None = None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run and how to tell that it works.

    Attributes:
        is_ready: asked again and again until true; an OSError counts as not yet.
        port: where it listens; it is ready only once the listener there is its own.
        prepare: called in a thread before each start, for what a crash may have left.
        death_signal: sent by the kernel when the supervisor dies.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    is_ready: Callable[[], Awaitable[bool]]
    env: Mapping[str, str] | None = None
    port: int | None = None
    run_as: RunAs | None = None
    prepare: Callable[[], None] | None = None
    start_timeout_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 15.0
    death_signal: signal.Signals = signal.SIGKILL


@dataclass(slots=True)
class ChildStatus:
    """What ``lumenspan status`` shows of a child. ``ready_s`` is how long its last start took."""

    name: str
    port: int | None = None
    pid: int | None = None
    state: State = "starting"
    restarts: int = 0
    ready_s: float | None = None
    started_at: float = field(default_factory=time.time)


def shim_argv(argv: tuple[str, ...], run_as: RunAs | None, death_signal: signal.Signals) -> list[str]:
    """The command line that runs ``argv`` (its first entry a path) so that it dies with this process."""
    uid = "-" if run_as is None else str(run_as.uid)
    capability = "-" if run_as is None or run_as.capability is None else str(run_as.capability)
    return [
        *(sys.executable, "-I", "-S", str(_SHIM)),
        *(str(os.getpid()), str(int(death_signal)), uid, capability),
        *argv,
    ]


class Child:
    """One supervised process. Made by ``Supervisor.start``."""

    def __init__(
        self, spec: ChildSpec, logs: Path, run: Path, backoff: Backoff, changed: Callable[[], None]
    ) -> None:
        self.spec = spec
        self.status = ChildStatus(spec.name, spec.port)
        self._log_path = logs / f"{spec.name}.log"
        self._log_start = 0
        self._pid_path = run / f"{spec.name}.pid"
        self._backoff = backoff
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until ready. ChildFailed when it ends or is not ready in time."""
        await self._spawn_and_wait()
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.spec.name}")

    async def stop(self) -> None:
        """Ask it to end, insist after the grace. Safe to call in any state, more than once."""
        self._stopping.set()
        self._set("stopping")
        await self._end_process()
        if self._watcher is not None:
            await self._watcher
            self._watcher = None
        # Once more for a process that the watcher was just starting.
        await self._end_process()
        self._pid_path.unlink(missing_ok=True)
        self.status.pid = None
        self._set("stopped")

    def kill(self) -> None:
        """SIGKILL to its process group, now."""
        self._stopping.set()
        self._signal_group(signal.SIGKILL)

    def _set(self, state: State) -> None:
        self.status.state = state
        self._changed()

    async def _spawn_and_wait(self) -> None:
        begun = time.monotonic()
        self.status.started_at = time.time()
        try:
            await self._spawn()
            await self._until_ready()
        except BaseException:
            self._signal_group(signal.SIGKILL)
            if self._process is not None:
                await self._process.wait()
            raise
        self.status.ready_s = round(time.monotonic() - begun, 3)
        self._set("running")
        log.info("ready", process=self.spec.name, pid=self.status.pid, seconds=self.status.ready_s)

    async def _spawn(self) -> None:
        if self.spec.prepare is not None:
            await asyncio.to_thread(self.spec.prepare)
        with logfile.opened(self._log_path) as output:
            self._log_start = logfile.size(self._log_path)
            self._process = await asyncio.create_subprocess_exec(
                *shim_argv(self.spec.argv, self.spec.run_as, self.spec.death_signal),
                cwd=self.spec.cwd,
                env=None if self.spec.env is None else dict(self.spec.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A group of its own: Ctrl-C reaches only the supervisor, which stops in order.
                start_new_session=True,
            )
        self.status.pid = self._process.pid
        pidfile.write(self._pid_path, self._process.pid)
        self._changed()

    async def _until_ready(self) -> None:
        assert self._process is not None
        exited = asyncio.create_task(self._process.wait())
        try:
            async with asyncio.timeout(self.spec.start_timeout_s):
                while not await self._is_ready():
                    done, _ = await asyncio.wait({exited}, timeout=_PROBE_INTERVAL_S)
                    if done:
                        raise self._failure(f"ended at once ({_describe(exited.result())})")
                    if self._stopping.is_set():
                        raise self._failure("was stopped while it started")
        except TimeoutError:
            raise self._failure(f"was not ready after {self.spec.start_timeout_s:g} s") from None
        finally:
            exited.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await exited

    async def _is_ready(self) -> bool:
        try:
            is_ready = await self.spec.is_ready()
        except (OSError, EOFError):
            return False
        # Another program on that port would answer the same question just as well.
        return is_ready and (
            self.spec.port is None
            or self.status.pid is None
            or ports.is_listener(self.spec.port, self.status.pid)
        )

    def _failure(self, what: str) -> ChildFailed:
        tail = logfile.tail(self._log_path, self._log_start)
        return ChildFailed(
            self.spec.name, f"{self.spec.name} {what}. Its log, {self._log_path}, ends with:\n{tail}"
        )

    async def _watch(self) -> None:
        """Restart the process each time it ends, until ``stop``."""
        failures = 0
        while not self._stopping.is_set():
            up_since = time.monotonic()
            returncode = await self._until_exit()
            if self._stopping.is_set():
                return
            # Helpers of the dead process (workers of a server) must not hold its port or its files.
            self._signal_group(signal.SIGKILL)
            failures = 1 if time.monotonic() - up_since >= self._backoff.healthy_s else failures + 1
            delay_s = self._backoff.delay_s(failures)
            self.status.pid = None
            self.status.restarts += 1
            self._set("restarting")
            log.warning(
                "ended, restarting",
                process=self.spec.name,
                how=_describe(returncode),
                delay_s=delay_s,
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
                return
            try:
                await self._spawn_and_wait()
            except (ChildFailed, OSError) as error:
                log.error("did not restart", process=self.spec.name, error=str(error))

    async def _until_exit(self) -> int:
        assert self._process is not None
        exited = asyncio.create_task(self._process.wait())
        while True:
            done, _ = await asyncio.wait({exited}, timeout=_ROTATE_INTERVAL_S)
            if done:
                return exited.result()
            logfile.rotate(self._log_path)

    async def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.spec.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.spec.stop_grace_s)
            except TimeoutError:
                log.warning("did not stop in time, killed", process=self.spec.name)
        self._signal_group(signal.SIGKILL)
        await process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


class Supervisor:
    """Owns the children of one data folder.

    ``logs`` and ``run`` are existing folders; ``changed`` is called with the status of all children when
    one of them changes.
    """

    def __init__(
        self,
        logs: Path,
        run: Path,
        *,
        backoff: Backoff | None = None,
        changed: Callable[[list[ChildStatus]], None] | None = None,
    ) -> None:
        self._logs = logs
        self._run = run
        self._backoff = backoff or Backoff()
        self._report = changed
        self._children: list[Child] = []
        pidfile.kill_leftovers(run)

    @property
    def statuses(self) -> list[ChildStatus]:
        """Status of each child, in the order of their starts."""
        return [child.status for child in self._children]

    async def start(self, *specs: ChildSpec) -> None:
        """Start these together and wait until all are ready. ChildFailed of the first that is not.

        Children that are ready stay, until ``stop``. One that failed is replaced by the next of its name.
        """
        names = {spec.name for spec in specs}
        self._children = [
            child
            for child in self._children
            if not (child.status.state == "failed" and child.spec.name in names)
        ]
        children = [Child(spec, self._logs, self._run, self._backoff, self._changed) for spec in specs]
        self._children += children
        outcomes = await asyncio.gather(*(child.start() for child in children), return_exceptions=True)
        for child, outcome in zip(children, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                child.status.state = "failed"
                self._changed()
                raise outcome

    async def stop(self) -> None:
        """Stop all: those started by one call of ``start`` one after another, the last started first."""
        while self._children:
            await self._children[-1].stop()
            self._children.pop()

    def kill(self) -> None:
        """SIGKILL to all children, now; ``stop`` then returns at once."""
        for child in self._children:
            child.kill()

    def _changed(self) -> None:
        if self._report is not None:
            self._report(self.statuses)


def _describe(returncode: int) -> str:
    if returncode < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"
