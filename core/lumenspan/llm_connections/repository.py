"""Connections in PostgreSQL. The caller owns the transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.ids import ProjectId
from lumenspan.llm_connections.domain import Adapter, LlmConnection
from lumenspan.llm_connections.tables import LlmConnectionRow
from lumenspan.storage import statements

_KEPT = frozenset({"id", "project_id", "provider", "created_at"})


def to_connection(row: LlmConnectionRow) -> LlmConnection:
    return LlmConnection(
        id=row.id,
        project_id=ProjectId(row.project_id),
        provider=row.provider,
        adapter=Adapter(row.adapter),
        display_secret_key=row.display_secret_key,
        base_url=row.base_url,
        custom_models=tuple(row.custom_models),
        with_default_models=row.with_default_models,
        extra_header_keys=tuple(row.extra_header_keys),
        config=row.config,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def upsert(session: AsyncSession, values: dict[str, Any]) -> LlmConnectionRow:
    """Add a connection, or change the one of that provider, which keeps its id and when it was made."""
    adding = insert(LlmConnectionRow).values(values)
    query = adding.on_conflict_do_update(
        index_elements=["project_id", "provider"],
        set_={name: adding.excluded[name] for name in values if name not in _KEPT},
    ).returning(LlmConnectionRow)
    found: LlmConnectionRow = (await session.execute(query)).scalar_one()
    return found


async def page(
    session: AsyncSession, project_id: ProjectId, offset: int, limit: int
) -> tuple[list[LlmConnectionRow], int]:
    """Connections newest first, and how many there are."""
    row = LlmConnectionRow
    where = (col(row.project_id) == project_id,)
    order = (col(row.created_at).desc(), col(row.id).desc())
    return await statements.page(session, row, where, order, offset, limit)


async def by_provider(
    session: AsyncSession, project_id: ProjectId, provider: str
) -> LlmConnectionRow | None:
    """The connection of that name."""
    row = LlmConnectionRow
    return await statements.one(
        session, row, col(row.project_id) == project_id, col(row.provider) == provider
    )


async def providers(session: AsyncSession, project_id: ProjectId) -> list[str]:
    """The names of all connections."""
    query = select(col(LlmConnectionRow.provider)).where(col(LlmConnectionRow.project_id) == project_id)
    return list((await session.execute(query)).scalars())


async def remove(session: AsyncSession, project_id: ProjectId, connection_id: str) -> str | None:
    """The provider of the connection that was removed; None where the project has none of that id."""
    query = (
        delete(LlmConnectionRow)
        .where(col(LlmConnectionRow.project_id) == project_id, col(LlmConnectionRow.id) == connection_id)
        .returning(col(LlmConnectionRow.provider))
    )
    return (await session.execute(query)).scalar_one_or_none()
