"""PostgreSQL: one engine a process, sessions that commit or roll back, driver errors turned into ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import asyncpg
import structlog
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from lumenspan.errors import InvalidInput, Unavailable

_log = structlog.get_logger()

_CONNECT_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 30.0
_POOL_TIMEOUT_S = 5.0

# SQLSTATE classes and codes that pass by themselves: connection, resources, operator intervention, refused
# sign-in or database (both while a server is set up), read-only standby, serialization failure, deadlock.
_TRANSIENT_CLASSES = ("08", "28", "3D", "53", "57", "58")
_TRANSIENT_CODES = frozenset({"25006", "40001", "40P01", "55P03"})

# A NUL in text, or text that is no Unicode: only a caller can have sent it.
_UNSTORABLE_CODES = frozenset({"22021", "22P05"})

# What these arguments of a connection string mean is not the driver's business.
_FOREIGN_ARGUMENTS = frozenset(
    {"schema", "connection_limit", "pool_timeout", "pgbouncer", "statement_cache_size", "connect_timeout"}
)


def driver_url(url: str) -> tuple[URL, dict[str, Any]]:
    """The asyncpg form of a ``postgresql://`` string and the driver's keyword arguments.

    Understands the arguments that documented connection strings carry: ``sslmode``, ``schema``,
    ``connect_timeout``, ``pgbouncer=true`` (no prepared-statement cache).
    """
    parsed = make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+asyncpg")
    query = {name: value if isinstance(value, str) else value[-1] for name, value in parsed.query.items()}
    arguments: dict[str, Any] = {"timeout": float(query.get("connect_timeout", _CONNECT_TIMEOUT_S))}
    if (mode := query.pop("sslmode", None)) is not None:
        arguments["ssl"] = mode
    settings = {"application_name": query.pop("application_name", "lumenspan")}
    if schema := query.get("schema"):
        settings["search_path"] = schema
    arguments["server_settings"] = settings
    if query.get("pgbouncer") == "true" or query.get("statement_cache_size") == "0":
        # A pooler in transaction mode hands each statement to another server process.
        arguments["statement_cache_size"] = 0
        parsed = parsed.update_query_dict({"prepared_statement_cache_size": "0"})
        query["prepared_statement_cache_size"] = "0"
    return parsed.set(query={k: v for k, v in query.items() if k not in _FOREIGN_ARGUMENTS}), arguments


class Postgres:
    """Sessions on one database; recovers by itself when the server was restarted."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        address, arguments = driver_url(url)
        self._engine = create_async_engine(
            address,
            connect_args={**arguments, "command_timeout": _COMMAND_TIMEOUT_S},
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_POOL_TIMEOUT_S,
            # Costs a round trip a checkout; without it the first calls after a restart of the server fail.
            pool_pre_ping=True,
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @property
    def engine(self) -> AsyncEngine:
        """The engine below, for migrations and tests."""
        return self._engine

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            Unavailable: PostgreSQL is down, out of connections, shutting down or read-only.
        """
        async with self._sessions() as session:
            await self._connect(session)
            try:
                yield session
                await session.commit()
            except DBAPIError as error:
                await _quiet_rollback(session)
                _raise(error)
            except TimeoutError as error:
                await _quiet_rollback(session)
                raise _unavailable(error) from error

    async def ping(self) -> None:
        """Return when the database answers.

        Raises:
            Unavailable: it does not.
        """
        async with self.session() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()

    @staticmethod
    async def _connect(session: AsyncSession) -> None:
        # Checked out here and not at the first statement, so that an OSError of the caller's own code is
        # never mistaken for one of the connection.
        try:
            await session.connection()
        except DBAPIError as error:
            _raise(error)
        except (
            OSError,
            TimeoutError,
            PoolTimeoutError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
        ) as error:
            raise _unavailable(error) from error


async def _quiet_rollback(session: AsyncSession) -> None:
    try:
        await asyncio.wait_for(session.rollback(), _CONNECT_TIMEOUT_S)
    except (DBAPIError, OSError, TimeoutError):
        await session.invalidate()


def _raise(error: DBAPIError) -> NoReturn:
    """Raise ours for a passing failure or unstorable text, the original (a constraint, a bug) otherwise."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or code[:2] in _TRANSIENT_CLASSES or code in _TRANSIENT_CODES:
        raise _unavailable(error) from error
    if code in _UNSTORABLE_CODES:
        raise InvalidInput("The text holds a character that cannot be stored") from error
    raise error


def _unavailable(error: BaseException) -> Unavailable:
    _log.warning("engine unavailable", engine="postgresql", cause=type(error).__name__)
    return Unavailable("postgresql")
