"""Faults under load, each checked by the history checker: nothing lost, nothing doubled, sums exact."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.history import Reader, Verdict
from bench.load import Load
from lumenspan.ingest import jobs
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.clickhouse import Sql
from lumenspan.storage.queue import JobQueue
from tests.integration.chaos.proxy import Fault, FaultyProxy
from tests.integration.outages.system import System, new_project, running
from tests.support import eventually, free_port

pytestmark = [pytest.mark.engines, pytest.mark.chaos, pytest.mark.timeout(240)]

_S3 = "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT"
_CLIENTS, _PAUSE_S = 4, 0.02
_PROGRESS = 200
_SETTLE_S = 60.0
_DISK_MIB = 160
_PARTS = ("worker", "server", "valkey", "s3", "postgres", "clickhouse")


@dataclass
class Chaos:
    """A system, and how to put a load on it and judge what became of it."""

    system: System
    random: random.Random
    folder: Path

    @contextlib.asynccontextmanager
    async def load(self) -> AsyncIterator[Load]:
        """A load while the block runs, which is checked afterwards."""
        project = await new_project(self.system)
        keys = (project.public_key, project.secret_key)
        url = str(self.system.client.base_url)
        load = Load(url, keys, _PAUSE_S)
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, load.running(_CLIENTS))
            try:
                await self.progress(load)
                yield load
                await self.progress(load)
            finally:
                await asyncio.to_thread(stack.close)
        reader = Reader(url, *keys)
        verdict: Verdict = await asyncio.to_thread(reader.verdict, load.journal, _SETTLE_S)
        reader.close()
        assert verdict.is_kept, f"{verdict}\nrefusals: {dict(load.refusals)}"
        assert set(load.refusals) <= {
            "429",
            "503",
            "ConnectError",
            "ReadError",
            "ReadTimeout",
            "RemoteProtocolError",
        }, load.refusals

    async def progress(self, load: Load, spans: int = _PROGRESS, timeout_s: float = 60) -> None:
        """Return when so many more were acknowledged."""
        wanted = load.acknowledged + spans

        async def is_so() -> bool:
            return load.acknowledged >= wanted

        try:
            await eventually(is_so, timeout_s=timeout_s)
        except AssertionError:
            states = {name: self.system.status(name).state for name in _PARTS}
            log = self.system.log("server")[-1500:]
            pytest.fail(f"no progress: {dict(load.refusals)}, {states}\n{log}")

    async def kill(self, name: str) -> None:
        """kill -9, and return when the part runs again."""
        before = self.system.status(name).restarts
        self.system.kill(name)
        await self.until_back(name, before)

    async def until_back(self, name: str, before: int) -> None:
        """Return when a part that had been restarted ``before`` times was so again, and runs."""

        async def is_back() -> bool:
            status = self.system.status(name)
            return status.restarts > before and status.state == "running"

        await eventually(is_back, timeout_s=60)


@contextlib.asynccontextmanager
async def _system(
    seed: int,
    adapt: Callable[[dict[str, str]], dict[str, str]] = lambda env: {},
    launcher: tuple[str, ...] = (),
    *,
    before_s3: Callable[[Path], None] = lambda folder: None,
) -> AsyncIterator[Chaos]:
    sweeping = {"LUMENSPAN_SWEEP_INTERVAL_SECONDS": "2", "LUMENSPAN_SWEEP_AFTER_SECONDS": "4"}
    with tempfile.TemporaryDirectory(prefix="lumenspan-chaos-", ignore_cleanup_errors=True) as name:
        parent = Path(name)
        parent.chmod(0o755)  # PostgreSQL runs as another user where the tests run as root
        async with running(
            parent,
            adapt=lambda env: sweeping | adapt(env),
            launcher=launcher,
            before_s3=before_s3,
        ) as system:
            yield Chaos(system, random.Random(seed), parent)


# Half a minute each: `make chaos` runs them, and sets the variable.
only_in_chaos = pytest.mark.skipif("CHAOS_TIMES" not in os.environ, reason="`make chaos` runs it")


@pytest.fixture
async def chaos(seed: int) -> AsyncIterator[Chaos]:
    async with _system(seed) as made:
        yield made


async def test_the_worker_dies_between_insert_and_acknowledgement(chaos: Chaos) -> None:
    """It is stopped at random moments, and killed where rows of a job are written that is not settled."""
    redis = connect_redis(chaos.system.settings)
    queue = JobQueue(redis, chaos.system.settings)

    async def has_half_done() -> bool:
        found = await queue.messages(jobs.QUEUE, 100_000)
        assert found is not None
        keys = [str(message.args[0]) for message in found.waiting]
        sql = Sql.unscoped(
            "SELECT count() FROM observations WHERE blob_key IN {keys:Array(String)}", {"keys": keys}
        )
        return bool((await chaos.system.clickhouse.query(sql)).rows[0][0])

    async with chaos.load() as load:
        met = 0
        for _ in range(400):
            await asyncio.sleep(chaos.random.uniform(0, 0.05))
            chaos.system.kill("worker", signal.SIGSTOP)
            if await has_half_done():
                before = chaos.system.status("worker").restarts
                chaos.system.kill("worker")
                await chaos.until_back("worker", before)
                met += 1
                await chaos.progress(load, 50)
            else:
                chaos.system.kill("worker", signal.SIGCONT)
            if met == 3:
                break
        assert met == 3, "no stop met a job between its insert and its acknowledgement"
    await redis.aclose()


@only_in_chaos
async def test_parts_and_engines_die_in_any_order(chaos: Chaos) -> None:
    names = list(_PARTS)
    chaos.random.shuffle(names)
    async with chaos.load() as load:
        for name in names:
            await chaos.kill(name)
            await chaos.progress(load, 50)


async def test_redis_comes_back_without_its_file(chaos: Chaos) -> None:
    data = next(chaos.system.folder.glob("**/appendonlydir"))
    async with chaos.load() as load:
        for _ in range(2):
            # It goes on writing into what has another name now, and finds nothing when it starts.
            data.rename(data.with_name(f"lost-{chaos.random.random()}"))
            await chaos.kill("valkey")
            await chaos.progress(load)


async def test_the_store_is_slow_errs_and_breaks_off(seed: int) -> None:
    port = free_port()
    target: list[int] = []

    def behind(env: dict[str, str]) -> dict[str, str]:
        target.append(int(env[_S3].rpartition(":")[2].strip("/")))
        return {_S3: f"http://127.0.0.1:{port}"}

    proxy_ready = asyncio.Event()
    proxy: FaultyProxy | None = None

    async def serve() -> None:
        nonlocal proxy
        while not target:
            await asyncio.sleep(0.01)
        proxy = FaultyProxy(target[0], seed, port)
        async with proxy.running():
            proxy_ready.set()
            await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    try:
        async with _system(seed, behind) as chaos:
            await proxy_ready.wait()
            assert proxy is not None
            async with chaos.load() as load:
                for fault in (Fault.ERRORS, Fault.CUT, Fault.SLOW, Fault.MIXED):
                    proxy.fault = fault
                    before = sum(load.refusals.values())

                    async def is_felt(before: int = before) -> bool:
                        return sum(load.refusals.values()) > before + 3

                    if fault is Fault.SLOW:
                        await chaos.progress(load, 50)
                    else:
                        await eventually(is_felt, timeout_s=60)
                    proxy.fault = Fault.NONE
                    await chaos.progress(load, 50)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@only_in_chaos
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
async def test_the_disk_of_the_store_is_full(seed: int) -> None:
    mounted: list[Path] = []

    def small_disk(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        options = f"size={_DISK_MIB}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
        mounted.append(folder)

    try:
        async with _system(seed, before_s3=small_disk) as chaos, chaos.load() as load:
            filler = mounted[0] / "filler"
            fill = ["dd", "if=/dev/zero", f"of={filler}", "bs=64k"]
            subprocess.run(fill, capture_output=True, check=False)
            before = load.refusals["503"]

            async def is_felt() -> bool:
                return load.refusals["503"] > before + 5

            await eventually(is_felt, timeout_s=60)
            filler.unlink()
            await chaos.progress(load, 50, timeout_s=150)
    finally:
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@only_in_chaos
async def test_the_clock_is_moved(seed: int, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    env = {"CHAOS_CLOCK": str(clock)}
    launcher = ("tests.integration.chaos.moving_clock",)
    async with _system(seed, lambda _: env, launcher) as chaos, chaos.load() as load:
        for offset_s in (3_600, -7_200, 90, 0):
            # In one piece: it is read all the time.
            new = tmp_path / "new"
            new.write_text(str(offset_s + chaos.random.uniform(-30, 30)))
            new.rename(clock)
            await chaos.progress(load)
            await chaos.kill("worker")
            await chaos.progress(load, 50)
