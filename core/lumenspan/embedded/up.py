"""`lumenspan up`: engines, migrations, server and worker on one data folder, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from lumenspan.embedded import engines, logfile, ports, probes, status
from lumenspan.embedded.folder import DataFolder, FolderRefused, Secrets, write_private
from lumenspan.embedded.supervisor import ChildFailed, ChildSpec, Supervisor, shim_argv

log = structlog.get_logger()

_DEFAULT_PORT = 3000
_DEFAULT_GRPC_PORT = 4317
_WORKER_PORT = "worker"
_MEDIA = "LANGFUSE_S3_MEDIA_UPLOAD_"
_ANY_ADDRESS = {"0.0.0.0": ports.LOOPBACK, "::": "::1"}  # noqa: S104  (addresses to probe, none is listened on)


@dataclass(frozen=True, slots=True)
class Ready:
    """What a person needs to use the running system: address, variables, the file of these."""

    url: str
    env: Mapping[str, str]
    env_file: Path
    engines: list[str]


def listen_host(environ: Mapping[str, str]) -> str:
    """Address for the server: ``HOSTNAME``, unless that only names this machine, as in containers."""
    host = environ.get("HOSTNAME", "")
    return ports.LOOPBACK if host in ("", "localhost", socket.gethostname()) else host


def listen_port(environ: Mapping[str, str], host: str) -> int:
    """Port for the server: ``PORT``, else 3000 or the next free one. FolderRefused for a bad ``PORT``."""
    wished = environ.get("PORT", "")
    if not wished:
        port = ports.first_free(_DEFAULT_PORT, host)
        if port != _DEFAULT_PORT:
            log.warning("the usual port is taken", usual=_DEFAULT_PORT, used=port)
        return port
    if not wished.isdecimal() or not 0 < int(wished) < 65_536:
        raise FolderRefused(f"PORT is {wished!r}; allowed is a number from 1 to 65535.")
    if not ports.is_free(int(wished), host):
        raise FolderRefused(
            f"PORT is {wished}, but something else listens there. Stop it, or choose another PORT."
        )
    return int(wished)


def product_env(
    secrets: Secrets, environ: Mapping[str, str], host: str, port: int, worker_port: int
) -> dict[str, str]:
    """Variables of server and worker besides the addresses: what ``environ`` sets stays."""
    defaults = {
        "SALT": secrets.salt,
        "ENCRYPTION_KEY": secrets.encryption_key,
        "NEXTAUTH_SECRET": secrets.session_secret,
        "NEXTAUTH_URL": f"http://localhost:{port}",
        "LUMENSPAN_WORKER_PORT": str(worker_port),
        "LUMENSPAN_OTLP_GRPC_PORT": str(ports.first_free(_DEFAULT_GRPC_PORT, host)),
        # No load balancer has to notice that this one goes.
        "LUMENSPAN_SHUTDOWN_GRACE_SECONDS": "0",
        "LANGFUSE_INIT_ORG_ID": "lumenspan",
        "LANGFUSE_INIT_ORG_NAME": "Lumenspan",
        "LANGFUSE_INIT_PROJECT_ID": "default",
        "LANGFUSE_INIT_PROJECT_NAME": "Default",
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY": secrets.project_public_key,
        "LANGFUSE_INIT_PROJECT_SECRET_KEY": secrets.project_secret_key,
        "LANGFUSE_INIT_USER_EMAIL": "admin@lumenspan.local",
        "LANGFUSE_INIT_USER_NAME": "Admin",
        "LANGFUSE_INIT_USER_PASSWORD": secrets.user_password,
    }
    kept = {name: environ[name] for name in defaults if environ.get(name)}
    return defaults | kept | {"HOSTNAME": host, "PORT": str(port)}


async def run(folder: DataFolder, announce: Callable[[Ready], None]) -> None:
    """Run the system until SIGINT or SIGTERM, then stop it in order; a second signal kills it.

    ``announce`` is called once, when all of it is ready. FolderRefused when the folder or a port cannot be
    used, ChildFailed when a part does not start; nothing runs on then.
    """
    with folder.locked() as secrets:
        supervisor = Supervisor(
            folder.logs, folder.run, changed=lambda children: status.write(folder.status_file, children)
        )
        stop = _stop_event(supervisor)
        starting = asyncio.create_task(_start(folder, secrets, supervisor))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                announce(starting.result())
            await stopping
        finally:
            for task in (starting, stopping):
                task.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
            log.info("stopping; a second Ctrl-C kills at once")
            await supervisor.stop()
            folder.status_file.unlink(missing_ok=True)
            folder.env_file.unlink(missing_ok=True)


def _stop_event(supervisor: Supervisor) -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; the second kills all children."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            supervisor.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


async def _start(folder: DataFolder, secrets: Secrets, supervisor: Supervisor) -> Ready:
    names = engines.needed(os.environ)
    host = listen_host(os.environ)
    port = listen_port(os.environ, host)
    plan = engines.Plan(folder, secrets, names)
    await plan.start(supervisor)
    worker_port = ports.choose([_WORKER_PORT], folder.run / "ports.json")[_WORKER_PORT]
    made = _unless_set(plan.env, os.environ) | product_env(secrets, os.environ, host, port, worker_port)
    env = {**os.environ, **made}
    write_private(
        folder.env_file, "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(made.items()))
    )
    await _migrate(folder, env)
    await supervisor.start(
        _part(
            folder,
            "server",
            "lumenspan_server",
            env,
            port,
            "/api/public/ready",
            _ANY_ADDRESS.get(host, host),
        ),
        _part(
            folder,
            "worker",
            "lumenspan_workers",
            env,
            int(made["LUMENSPAN_WORKER_PORT"]),
            "/api/health",
            ports.LOOPBACK,
        ),
    )
    return Ready(f"http://{_shown(host)}:{port}", made, folder.env_file, names)


def _unless_set(addresses: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Our addresses; for media the user may set another endpoint, or a whole bucket of another store."""
    has_own_bucket = bool(environ.get(f"{_MEDIA}BUCKET"))
    return {
        name: value
        for name, value in addresses.items()
        if not name.startswith(_MEDIA) or not (has_own_bucket or environ.get(name))
    }


def _shown(host: str) -> str:
    return "localhost" if host in (ports.LOOPBACK, *_ANY_ADDRESS) else host


def _part(
    folder: DataFolder, name: str, module: str, env: Mapping[str, str], port: int, health: str, host: str
) -> ChildSpec:
    return ChildSpec(
        name=name,
        argv=(sys.executable, "-m", module),
        cwd=folder.run,
        env=env,
        is_ready=lambda: probes.http_ok(port, health, host),
        port=port,
    )


async def _migrate(folder: DataFolder, env: Mapping[str, str]) -> None:
    """Run the migrations in a process of their own: what they load would stay in this one's memory."""
    path = folder.logs / "migrate.log"
    argv = (sys.executable, "-m", "lumenspan.cli", "migrate")
    with logfile.opened(path) as output:
        start = logfile.size(path)
        process = await asyncio.create_subprocess_exec(
            *shim_argv(argv, None, signal.SIGKILL),
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        returncode = await process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if returncode != 0:
        raise ChildFailed(
            "migrate", f"The migrations failed. Their log, {path}, ends with:\n{logfile.tail(path, start)}"
        )
