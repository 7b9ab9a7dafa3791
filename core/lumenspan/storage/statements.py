"""Statements that repositories in PostgreSQL share. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, ColumnExpressionArgument, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

_Row = TypeVar("_Row", bound=SQLModel)


async def count(session: AsyncSession, table: type[SQLModel], *where: ColumnElement[bool]) -> int:
    """How many rows of a table fulfil all conditions."""
    return (await session.execute(select(func.count()).select_from(table).where(*where))).scalar_one()


async def one(
    session: AsyncSession, table: type[_Row], *where: ColumnElement[bool], is_locked: bool = False
) -> _Row | None:
    """The row that fulfils all conditions, which at most one does.

    Args:
        is_locked: nobody else changes or removes it until the end of the transaction.
    """
    query = select(table).where(*where)
    if is_locked:
        query = query.with_for_update()
    found: _Row | None = (await session.execute(query)).scalar_one_or_none()
    return found


async def page(
    session: AsyncSession,
    table: type[_Row],
    where: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnExpressionArgument[Any]],
    offset: int,
    limit: int,
) -> tuple[list[_Row], int]:
    """Rows that fulfil all conditions, in that order from ``offset`` on, and how many there are."""
    total = await count(session, table, *where)
    query = select(table).where(*where).order_by(*order).offset(offset).limit(limit)
    return list((await session.execute(query)).scalars()), total


async def one_at_a_time(session: AsyncSession, key: str, kind: int) -> None:
    """Wait until no other transaction holds ``key``, and hold it until the end of this one.

    Args:
        kind: keeps keys of different nouns apart; servers of all versions must agree on it.
    """
    query = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, :kind))")
    await session.execute(query, {"key": key, "kind": kind})
