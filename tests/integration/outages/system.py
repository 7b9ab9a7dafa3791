"""A whole system of its own, whose parts can be killed and held down."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import orjson

from lumenspan.embedded import engines, probes
from lumenspan.embedded.folder import DataFolder
from lumenspan.embedded.supervisor import Backoff, ChildSpec, ChildStatus, Supervisor
from lumenspan.identity.service import IdentityService
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.clickhouse import ClickHouse, Sql
from lumenspan.storage.migrate import migrate_all
from lumenspan.storage.postgres import Postgres
from tests.conftest import ProjectAccess, make_project
from tests.support import eventually, free_port
from tests.unit.ingest.build import export

_ROOT = Path(__file__).resolve().parents[3]
PATH = "/api/public/otel/v1/traces"


class HeldSupervisor(Supervisor):
    """Restarts a child that ended at once, save one that is held down: that waits until it is let up."""

    def __init__(self, logs: Path, run: Path) -> None:
        super().__init__(logs, run, backoff=Backoff(first_s=0.2, most_s=0.2))
        self._is_up: dict[str, threading.Event] = {}

    async def start(self, *specs: ChildSpec) -> None:
        await super().start(*(self._held(spec) for spec in specs))

    def _held(self, spec: ChildSpec) -> ChildSpec:
        is_up = self._is_up.setdefault(spec.name, threading.Event())
        is_up.set()

        def prepare() -> None:
            is_up.wait()
            if spec.prepare is not None:
                spec.prepare()

        return replace(spec, prepare=prepare)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """The child, once it has ended, does not start again within the block."""
        is_up = self._is_up[name]
        is_up.clear()
        try:
            yield
        finally:
            is_up.set()


@dataclass
class System:
    """Engines, server and worker, each a process; ``client`` speaks to the server."""

    folder: Path
    settings: Settings
    supervisors: tuple[HeldSupervisor, HeldSupervisor]
    client: httpx.AsyncClient
    clickhouse: ClickHouse
    identity: IdentityService

    def status(self, name: str) -> ChildStatus:
        found = {each.name: each for supervisor in self.supervisors for each in supervisor.statuses}
        return found[name]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        pid = self.status(name).pid
        assert pid is not None
        os.kill(pid, number)

    @contextlib.asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """The part is killed, and away until the block is left; then it runs again."""
        (owner,) = (each for each in self.supervisors if name in {status.name for status in each.statuses})
        with owner.held(name):
            self.kill(name)
            await self._until(name, "restarting")
            yield
        await self.until_running(name)

    async def restart(self, name: str) -> None:
        """Kill the part and return when it runs again."""
        async with self.without(name):
            pass

    async def until_running(self, name: str) -> None:
        await self._until(name, "running")

    async def _until(self, name: str, state: str) -> None:
        async def is_so() -> bool:
            return self.status(name).state == state

        await eventually(is_so, timeout_s=30)

    async def send(self, project: ProjectAccess, spans: int = 10) -> tuple[httpx.Response, list[str]]:
        """The answer to an export of new spans, and their ids."""
        ids = [uuid.uuid4().hex[:16] for _ in range(spans)]
        body = export({"langfuse.observation.input": "x" * 400})
        scope = body["resourceSpans"][0]["scopeSpans"][0]
        scope["spans"] = [
            {**scope["spans"][0], "traceId": uuid.uuid4().hex, "spanId": each} for each in ids
        ]
        headers = project.headers | {"Content-Type": "application/json"}
        return await self.client.post(PATH, content=orjson.dumps(body), headers=headers), ids

    async def send_until_taken(self, project: ProjectAccess) -> list[str]:
        """Ids of spans that were acknowledged, after as many tries as it took."""

        async def taken() -> list[str] | None:
            answer, ids = await self.send(project)
            assert answer.status_code in (200, 503), answer.text
            return ids if answer.status_code == 200 else None

        return await eventually(taken, timeout_s=30, every_s=0.2) or []

    async def read(self, project: ProjectAccess) -> list[str]:
        """Ids of the project's observations."""
        text = "SELECT id FROM observations FINAL WHERE project_id = {project_id:String}"
        rows = await self.clickhouse.query(Sql(text, {"project_id": project.project_id}))
        return [row[0] for row in rows.rows]

    async def until_readable(self, project: ProjectAccess, ids: list[str], timeout_s: float = 60) -> None:
        """Return when all of them are readable, and each once."""

        async def are_there() -> bool:
            with contextlib.suppress(Exception):
                return set(ids) <= set(await self.read(project))
            return False

        await eventually(are_there, timeout_s)
        found = await self.read(project)
        assert len(found) == len(set(found))

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text(errors="replace")


@contextlib.asynccontextmanager
async def running(
    parent: Path,
    *,
    adapt: Callable[[dict[str, str]], dict[str, str]] = lambda env: {},
    launcher: tuple[str, ...] = (),
    before_s3: Callable[[Path], None] = lambda folder: None,
) -> AsyncIterator[System]:
    """Start everything; stop it on leaving.

    Args:
        adapt: variables of server and worker to change, from those with the addresses of the engines.
        launcher: module that starts server and worker instead of Python itself.
        before_s3: called with the folder of the store before that is started.
    """
    folder = DataFolder.at(parent / "data")
    parts_run = parent / "parts"
    parts_run.mkdir()
    with folder.locked() as secrets:
        engine_supervisor = HeldSupervisor(folder.logs, folder.run)
        parts = HeldSupervisor(folder.logs, parts_run)
        plan = engines.Plan(folder, secrets, tuple(engines.ADDRESS_OF))
        port, worker_port = free_port(), free_port()
        try:
            before_s3(folder.root / "s3")
            await plan.start(engine_supervisor)
            env = plan.env | {
                "SALT": "salt",
                "ENCRYPTION_KEY": "ab" * 32,
                "NEXTAUTH_SECRET": "secret",
                "HOSTNAME": "127.0.0.1",
                "PORT": str(port),
                "LUMENSPAN_WORKER_PORT": str(worker_port),
                "LUMENSPAN_OTLP_GRPC_PORT": str(free_port()),
                "LUMENSPAN_SHUTDOWN_GRACE_SECONDS": "0.5",
            }
            env |= adapt(env)
            known = {field.alias for field in Settings.model_fields.values()}
            settings = Settings(_env_file=None, **{name: env[name] for name in env if name in known})  # type: ignore[arg-type]
            await migrate_all(settings)
            whole = {**os.environ, **env}
            await parts.start(
                _part("server", (*launcher, "lumenspan_server"), whole, port, "/api/public/ready"),
                _part("worker", (*launcher, "lumenspan_workers"), whole, worker_port, "/api/health"),
            )
            async with _clients(folder.root, settings, (engine_supervisor, parts), port) as system:
                yield system
        finally:
            await parts.stop()
            await engine_supervisor.stop()


@contextlib.asynccontextmanager
async def _clients(
    folder: Path, settings: Settings, supervisors: tuple[HeldSupervisor, HeldSupervisor], port: int
) -> AsyncIterator[System]:
    postgres, redis, clickhouse = (
        Postgres(settings.postgres_url, pool_size=2),
        connect_redis(settings),
        ClickHouse(settings),
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        identity = IdentityService(postgres, redis, settings)
        yield System(folder, settings, supervisors, client, clickhouse, identity)
    await clickhouse.close()
    await redis.aclose()
    await postgres.close()


def _part(name: str, modules: tuple[str, ...], env: dict[str, str], port: int, health: str) -> ChildSpec:
    return ChildSpec(
        name=name,
        argv=(sys.executable, "-m", *modules),
        cwd=_ROOT,
        env=env,
        is_ready=lambda: probes.http_ok(port, health),
        port=port,
    )


async def new_project(system: System) -> ProjectAccess:
    return await make_project(system.identity)
