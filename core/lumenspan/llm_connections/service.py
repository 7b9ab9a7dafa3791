"""Connections to providers of language models: kept with sealed secrets, opened for a call."""

from __future__ import annotations

from typing import Protocol

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId, new_id
from lumenspan.llm_connections import repository
from lumenspan.llm_connections.domain import (
    LlmConnection,
    NewLlmConnection,
    OpenLlmConnection,
    check,
    display_secret_key,
)
from lumenspan.outbound import Outbound
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.secrets import SecretBox


class Dependents(Protocol):
    """What depends on connections; called within the transaction that changes one."""

    async def connected(self, session: AsyncSession, project_id: ProjectId, provider: str) -> None:
        """There is a connection of the provider now, new or changed."""

    async def disconnected(self, session: AsyncSession, project_id: ProjectId, provider: str) -> None:
        """There is no connection of the provider any more."""


class LlmConnectionService:
    """Everything about connections; the caller has checked that the project may be used."""

    def __init__(
        self, postgres: Postgres, secrets: SecretBox, outbound: Outbound, dependents: Dependents
    ) -> None:
        self._postgres = postgres
        self._secrets = secrets
        self._outbound = outbound
        self._dependents = dependents

    async def upsert(self, project_id: ProjectId, given: NewLlmConnection) -> tuple[LlmConnection, bool]:
        """The connection of that provider as given now, and whether it is new. Nothing of before is kept.

        Raises:
            InvalidInput: it contradicts itself, or ``base_url`` leads to an internal target.
        """
        check(given)
        if given.base_url is not None:
            await self._outbound.check(given.base_url, "baseURL")
        headers = dict(given.extra_headers or {})
        now = utc_now()
        id_ = new_id()
        values = {
            "id": id_,
            "project_id": project_id,
            "provider": given.provider,
            "adapter": given.adapter.value,
            "sealed_secret_key": self._secrets.seal(
                given.secret_key, _purpose("secret_key", project_id, given.provider)
            ),
            "display_secret_key": display_secret_key(given.secret_key),
            "base_url": given.base_url,
            "custom_models": list(given.custom_models),
            "with_default_models": given.with_default_models,
            "sealed_extra_headers": self._secrets.seal(
                orjson.dumps(headers).decode(), _purpose("extra_headers", project_id, given.provider)
            )
            if headers
            else None,
            "extra_header_keys": list(headers),
            "config": given.config,
            "created_at": now,
            "updated_at": now,
        }
        async with self._postgres.session() as session:
            row = await repository.upsert(session, values)
            await self._dependents.connected(session, project_id, given.provider)
            return repository.to_connection(row), row.id == id_

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[LlmConnection], int]:
        """Page ``page`` (from 1), newest first, and how many connections there are."""
        async with self._postgres.session() as session:
            rows, total = await repository.page(session, project_id, (page - 1) * limit, limit)
        return [repository.to_connection(row) for row in rows], total

    async def providers(self, project_id: ProjectId) -> list[str]:
        """The names of the project's connections."""
        async with self._postgres.session() as session:
            return await repository.providers(session, project_id)

    async def open(self, project_id: ProjectId, provider: str) -> OpenLlmConnection:
        """The connection of that provider with its secrets, for a call that is made now.

        Raises:
            NotFound: the project has none.
            SecretUnreadable: ``ENCRYPTION_KEY`` is not the one it was stored with.
        """
        async with self._postgres.session() as session:
            row = await repository.by_provider(session, project_id, provider)
        if row is None:
            raise NotFound(f"The project has no LLM connection {provider!r}")
        headers = (
            self._secrets.open(row.sealed_extra_headers, _purpose("extra_headers", project_id, provider))
            if row.sealed_extra_headers
            else "{}"
        )
        return OpenLlmConnection(
            repository.to_connection(row),
            self._secrets.open(row.sealed_secret_key, _purpose("secret_key", project_id, provider)),
            orjson.loads(headers),
        )

    async def delete(self, project_id: ProjectId, connection_id: str) -> str:
        """The provider of the connection that is gone now; evaluators that named it are paused.

        Raises:
            NotFound: the project has none of that id.
        """
        async with self._postgres.session() as session:
            provider = await repository.remove(session, project_id, connection_id)
            if provider is None:
                raise NotFound("LLM connection not found")
            await self._dependents.disconnected(session, project_id, provider)
        return provider


def _purpose(column: str, project_id: ProjectId, provider: str) -> str:
    return f"llm_connections.{column}:{project_id}:{provider}"
