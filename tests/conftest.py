"""What the whole suite shares: real engines started once, each test in a project of its own.

* ``engines``: PostgreSQL, Valkey, S3 and ClickHouse in a temporary folder; ``.env`` holds their addresses.
* ``settings``: the settings of those engines, migrated.
* ``project``: a new organization, project and key pair.
* ``stack``: the server and the worker as processes of their own, as ``lumenspan up`` runs them.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

import httpx
import pytest
from argon2 import PasswordHasher

from tests.support import free_port, wait_until, why_qt_is_missing

if TYPE_CHECKING:
    from lumenspan.embedded.engines import EngineAddresses
    from lumenspan.identity.domain import UserPrincipal
    from lumenspan.identity.service import IdentityService
    from lumenspan.settings import Settings

PASSWORD = "Correct-horse-7"
ADMIN_KEY = "admin key of the tests"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Leaves pytest-qt out where Qt cannot be loaded: it would end the whole run at its start."""
    if why_qt_is_missing():
        pluginmanager.set_blocked("pytest-qt")


@dataclass(frozen=True)
class ProjectAccess:
    """A project made for one test and what one needs to call it."""

    organization_id: str
    project_id: str
    public_key: str
    secret_key: str
    email: str
    password: str

    @property
    def authorization(self) -> str:
        """The Basic header of the key pair."""
        return "Basic " + base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization}


@dataclass(frozen=True)
class Stack:
    """A running server and worker."""

    base_url: str
    grpc_target: str
    env: dict[str, str]
    server: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    log_folder: Path


@pytest.fixture(scope="session")
async def engines() -> AsyncIterator[EngineAddresses]:
    from lumenspan.embedded import engines as embedded_engines

    with tempfile.TemporaryDirectory(prefix="lumenspan-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user where the tests run as root
        async with embedded_engines.running(Path(folder)) as addresses:
            yield addresses


@pytest.fixture(scope="session")
async def settings(engines: EngineAddresses) -> Settings:
    from lumenspan.settings import Settings
    from lumenspan.storage.migrate import migrate_all

    made = Settings(_env_file=None, **_environment(engines))  # type: ignore[arg-type]
    await migrate_all(made)
    return made


def _environment(engines: EngineAddresses) -> dict[str, str]:
    """The documented variables for a server on these engines; nothing is made at its start."""
    kept = {name: value for name, value in engines.env.items() if not name.startswith("LANGFUSE_INIT_")}
    kept.setdefault("SALT", "salt of the tests")
    kept.setdefault("ENCRYPTION_KEY", "ab" * 32)
    kept.setdefault("NEXTAUTH_SECRET", "secret of the tests")
    kept["ADMIN_API_KEY"] = ADMIN_KEY
    kept["LUMENSPAN_SHUTDOWN_GRACE_SECONDS"] = "0.5"
    return kept


@pytest.fixture(scope="session")
async def identity_clients(settings: Settings) -> AsyncIterator[object]:
    """An IdentityService for the fixtures that make projects."""
    from lumenspan.identity.service import IdentityService
    from lumenspan.storage.cache import connect_redis
    from lumenspan.storage.postgres import Postgres

    postgres, redis = Postgres(settings.postgres_url), connect_redis(settings)
    yield IdentityService(postgres, redis, settings)
    await redis.aclose()
    await postgres.close()


@cache
def _password_hash() -> str:
    """Of ``PASSWORD``, with the least that argon2id takes: a hash says itself what verifying it costs."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


async def make_person(identity: IdentityService, name: str | None) -> UserPrincipal:
    """Somebody new, signed in, whose password is ``PASSWORD``; the row is what sign-up would write."""
    from lumenspan.identity.domain import UserPrincipal
    from lumenspan.identity.tables import UserRow

    email = f"{uuid.uuid4().hex}@example.com"
    async with identity._postgres.session() as session:
        session.add(UserRow(id=uuid.uuid4().hex, email=email, name=name, password_hash=_password_hash()))
    opened = await identity.accounts.sign_in(email, PASSWORD)
    principal = await identity.authenticate(f"Bearer {opened.token}")
    assert isinstance(principal, UserPrincipal)
    return principal


async def make_project(identity: object) -> ProjectAccess:
    """A user who owns a new organization with one project and one key."""
    from lumenspan.identity.domain import KeyWish
    from lumenspan.identity.service import IdentityService

    assert isinstance(identity, IdentityService)
    principal = await make_person(identity, "Test Person")
    organization = await identity.create_organization(principal, "Test organization")
    project = await identity.projects.create(principal, organization.id, "Test project", None)
    key, secret = await identity.keys.create_for_project(principal, project.id, KeyWish("tests"))
    email = principal.user.email
    return ProjectAccess(organization.id, project.id, key.public_key, secret, email, PASSWORD)


@pytest.fixture
async def project(identity_clients: object) -> ProjectAccess:
    return await make_project(identity_clients)


@pytest.fixture
async def other_project(identity_clients: object) -> ProjectAccess:
    return await make_project(identity_clients)


@pytest.fixture(scope="session")
def stack(settings: Settings, engines: EngineAddresses) -> Iterator[Stack]:
    port, worker_port, grpc_port = free_port(), free_port(), free_port()
    base_url = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        **_environment(engines),
        "HOSTNAME": "127.0.0.1",
        "PORT": str(port),
        "LUMENSPAN_WORKER_PORT": str(worker_port),
        "LUMENSPAN_OTLP_GRPC_PORT": str(grpc_port),
        "NEXTAUTH_URL": base_url,
    }
    with contextlib.ExitStack() as opened, tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        server = opened.enter_context(_process("lumenspan_server", env, logs))
        worker = opened.enter_context(_process("lumenspan_workers", env, logs))
        for name, process, url in (
            ("server", server, f"{base_url}/api/public/ready"),
            ("worker", worker, f"http://127.0.0.1:{worker_port}/api/health"),
        ):
            wait_until(lambda p=process, u=url, n=name: _answers(p, u, logs, n), timeout_s=60)  # type: ignore[misc]
        yield Stack(base_url, f"127.0.0.1:{grpc_port}", env, server, worker, logs)


@contextlib.contextmanager
def _process(module: str, env: dict[str, str], logs: Path) -> Iterator[subprocess.Popen[bytes]]:
    log: IO[bytes]
    with (logs / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=env, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: subprocess.Popen[bytes], url: str, logs: Path, name: str) -> bool:
    if process.poll() is not None:
        text = (logs / f"lumenspan_{'server' if name == 'server' else 'workers'}.log").read_text(
            errors="replace"
        )
        pytest.fail(f"the {name} ended with {process.returncode}:\n{text[-4000:]}")
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
