"""The engines of one data folder, started together, and where server and worker find them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from lumenspan.embedded import clickhouse, ports, postgres, seaweedfs, valkey
from lumenspan.embedded.folder import DataFolder, Secrets
from lumenspan.embedded.supervisor import ChildSpec, ChildStatus, Supervisor

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


def plan(
    folder: DataFolder, secrets: Secrets, names: Collection[str]
) -> tuple[list[ChildSpec], dict[str, str]]:
    """What to run for the engines ``names``, and the variables with their addresses. Needs the lock."""
    wanted = [name for name in (postgres.NAME, valkey.NAME, clickhouse.NAME) if name in names]
    if seaweedfs.NAME in names:
        wanted += seaweedfs.PORTS
    chosen = ports.choose(wanted, folder.run / "ports.json")
    specs: list[ChildSpec] = []
    env: dict[str, str] = {}
    if postgres.NAME in names:
        port = chosen[postgres.NAME]
        specs.append(postgres.spec(folder, port, secrets))
        env["DATABASE_URL"] = postgres.url(port, secrets)
    if valkey.NAME in names:
        port = chosen[valkey.NAME]
        specs.append(valkey.spec(folder, port, secrets))
        env["REDIS_CONNECTION_STRING"] = valkey.url(port, secrets)
    if seaweedfs.NAME in names:
        specs.append(seaweedfs.spec(folder, chosen, secrets))
        env |= _s3_env(chosen, secrets)
    if clickhouse.NAME in names:
        port = chosen[clickhouse.NAME]
        specs.append(clickhouse.spec(folder, port, secrets))
        env |= _clickhouse_env(port, secrets)
    return specs, env


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
        specs, env = plan(folder, secrets, names)
        try:
            await supervisor.start(*specs)
            yield EngineAddresses(env, supervisor)
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
