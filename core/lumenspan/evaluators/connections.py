"""Evaluators pause when the LLM connection that they name goes, and go on when it is there again."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.evaluators import repository
from lumenspan.evaluators.domain import Pause, PausedReason
from lumenspan.ids import ProjectId


class EvaluatorsOfConnections:
    """What a change of a connection does to evaluators, within the transaction that makes it.

    Those that leave the model to the project's default name no connection and stay as they are.
    """

    async def connected(self, session: AsyncSession, project_id: ProjectId, provider: str) -> None:
        """Evaluators that only missed a connection of the provider run again."""
        await repository.lock(session, project_id)
        await repository.resume(session, project_id, provider, PausedReason.CONNECTION_MISSING)

    async def disconnected(self, session: AsyncSession, project_id: ProjectId, provider: str) -> None:
        """Evaluators whose newest definition names the provider are paused; earlier pauses stay."""
        await repository.lock(session, project_id)
        message = f"The LLM connection of the provider '{provider}' was deleted; add it again to go on"
        pause = Pause(utc_now(), PausedReason.CONNECTION_MISSING, message)
        await repository.pause_all(session, project_id, provider, pause)
