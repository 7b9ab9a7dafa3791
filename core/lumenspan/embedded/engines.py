"""The engines of one data folder, started together, and where server and worker find them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

import structlog

from lumenspan.embedded import clickhouse, ports, postgres, seaweedfs, valkey
from lumenspan.embedded.folder import DataFolder, Secrets
from lumenspan.embedded.supervisor import ChildFailed, ChildSpec, ChildStatus, Supervisor

log = structlog.get_logger()

_ATTEMPTS = 4

# The variable that, when set, names an engine of the user's own; ours is left out then.
ADDRESS_OF = {
    postgres.NAME: "DATABASE_URL",
    valkey.NAME: "REDIS_CONNECTION_STRING",
    seaweedfs.NAME: "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT",
    clickhouse.NAME: "CLICKHOUSE_URL",
}


@dataclass(frozen=True, slots=True)
class EngineAddresses:
    """Where the running engines are.

    Attributes:
        env: variables, by their documented names, that make server and worker use them; nothing else of the
            environment.
        supervisor: of the engine processes.
    """

    env: dict[str, str]
    supervisor: Supervisor

    def status(self, name: str) -> ChildStatus:
        """Status of ``postgres``, ``valkey``, ``s3`` or ``clickhouse``; KeyError if not started."""
        return {status.name: status for status in self.supervisor.statuses}[name]


def needed(environ: Mapping[str, str]) -> list[str]:
    """Names of the engines whose address is not set in ``environ``."""
    return [name for name, variable in ADDRESS_OF.items() if not environ.get(variable)]


class Plan:
    """Which engines to run, on which ports. Needs the lock of the folder.

    Between the choice of a port and its use another program may take it, which happens when several
    systems make their first start at once: ``start`` then chooses other ports for that engine.
    """

    def __init__(self, folder: DataFolder, secrets: Secrets, names: Collection[str]) -> None:
        self._folder = folder
        self._secrets = secrets
        self._remembered = folder.run / "ports.json"
        self.names = [name for name in ADDRESS_OF if name in names]
        wanted = [port for name in self.names for port in _ports_of(name)]
        self.ports = ports.choose(wanted, self._remembered)

    @property
    def env(self) -> dict[str, str]:
        """The variables with the addresses of the engines; final once ``start`` has returned."""
        env: dict[str, str] = {}
        if postgres.NAME in self.names:
            env["DATABASE_URL"] = postgres.url(self.ports[postgres.NAME], self._secrets)
        if valkey.NAME in self.names:
            env["REDIS_CONNECTION_STRING"] = valkey.url(self.ports[valkey.NAME], self._secrets)
        if seaweedfs.NAME in self.names:
            env |= _s3_env(self.ports, self._secrets)
        if clickhouse.NAME in self.names:
            env |= _clickhouse_env(self.ports[clickhouse.NAME], self._secrets)
        return env

    async def start(self, supervisor: Supervisor) -> None:
        """Start the engines together and wait until all are ready. ChildFailed of the first that is not."""
        outcomes = await asyncio.gather(
            *(self._start(supervisor, name) for name in self.names), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _start(self, supervisor: Supervisor, name: str) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await supervisor.start(self._spec(name))
                return
            except ChildFailed:
                taken = self._taken(name)
                if not taken or attempt == _ATTEMPTS:
                    raise
                log.warning("a port was taken meanwhile, choosing others", process=name, ports=taken)
                self.ports |= ports.choose(_ports_of(name), self._remembered)

    def _spec(self, name: str) -> ChildSpec:
        if name == postgres.NAME:
            return postgres.spec(self._folder, self.ports[name], self._secrets)
        if name == valkey.NAME:
            return valkey.spec(self._folder, self.ports[name], self._secrets)
        if name == clickhouse.NAME:
            return clickhouse.spec(self._folder, self.ports[name], self._secrets)
        return seaweedfs.spec(self._folder, self.ports, self._secrets)

    def _taken(self, name: str) -> list[int]:
        """Ports of an engine that has ended which somebody holds."""
        numbers = [self.ports[port] for port in _ports_of(name)]
        return [number for number in numbers if not ports.is_free(number)]


def _ports_of(name: str) -> tuple[str, ...]:
    return seaweedfs.PORTS if name == seaweedfs.NAME else (name,)


@contextlib.asynccontextmanager
async def running(
    data_dir: str | os.PathLike[str], names: Collection[str] = tuple(ADDRESS_OF)
) -> AsyncIterator[EngineAddresses]:
    """Run the engines ``names`` on the data folder, without server and worker; stopped on leaving.

    FolderRefused when the folder cannot be used, ChildFailed when an engine does not start.
    """
    folder = DataFolder.at(data_dir)
    with folder.locked() as secrets:
        supervisor = Supervisor(folder.logs, folder.run)
        plan = Plan(folder, secrets, names)
        try:
            await plan.start(supervisor)
            yield EngineAddresses(plan.env, supervisor)
        finally:
            await supervisor.stop()


def _s3_env(chosen: dict[str, int], secrets: Secrets) -> dict[str, str]:
    address = {
        "BUCKET": seaweedfs.BUCKET,
        "ENDPOINT": seaweedfs.url(chosen),
        "REGION": seaweedfs.REGION,
        "ACCESS_KEY_ID": secrets.s3_access_key_id,
        "SECRET_ACCESS_KEY": secrets.s3_secret_access_key,
        "FORCE_PATH_STYLE": "true",
    }
    uses = ("LANGFUSE_S3_EVENT_UPLOAD_", "LANGFUSE_S3_MEDIA_UPLOAD_")
    env = {use + name: value for use in uses for name, value in address.items()}
    return env | {"LANGFUSE_S3_MEDIA_UPLOAD_PREFIX": "media/"}


def _clickhouse_env(port: int, secrets: Secrets) -> dict[str, str]:
    return {
        "CLICKHOUSE_URL": f"http://127.0.0.1:{port}",
        "CLICKHOUSE_USER": clickhouse.USER,
        "CLICKHOUSE_PASSWORD": secrets.clickhouse_password,
        "CLICKHOUSE_DB": "default",
        "CLICKHOUSE_CLUSTER_ENABLED": "false",
    }
