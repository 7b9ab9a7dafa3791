"""A whole system of its own, whose parts can be killed; engines stay down for a while then."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
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
# How long an engine that was killed stays away.
OUTAGE_S = 4.0
PATH = "/api/public/otel/v1/traces"


@dataclass
class System:
    """Engines, server and worker, each a process; ``client`` speaks to the server."""

    folder: Path
    settings: Settings
    supervisors: tuple[Supervisor, Supervisor]
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

    async def take_down(self, name: str) -> None:
        """Kill the part and return when that is noticed."""
        self.kill(name)
        await self._until(name, "restarting")

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

    async def until_readable(self, project: ProjectAccess, ids: list[str], timeout_s: float = 15) -> None:
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
    outage_s: float = OUTAGE_S,
    before_s3: Callable[[Path], None] = lambda folder: None,
) -> AsyncIterator[System]:
    """Start everything; stop it on leaving.

    Args:
        adapt: variables of server and worker to change, from those with the addresses of the engines.
        launcher: module that starts server and worker instead of Python itself.
        outage_s: how long an engine stays down.
        before_s3: called with the folder of the store before that is started.
    """
    folder = DataFolder.at(parent / "data")
    parts_run = parent / "parts"
    parts_run.mkdir()
    with folder.locked() as secrets:
        engine_supervisor = Supervisor(
            folder.logs, folder.run, backoff=Backoff(first_s=outage_s, most_s=outage_s)
        )
        parts = Supervisor(folder.logs, parts_run)
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
    folder: Path, settings: Settings, supervisors: tuple[Supervisor, Supervisor], port: int
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
