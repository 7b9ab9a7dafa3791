"""Feedback: taken in from keys of a project, read by operators."""

from __future__ import annotations

from urllib.parse import urlsplit

from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput
from lumenspan.feedback import repository
from lumenspan.feedback.domain import Feedback, TargetType
from lumenspan.ids import ProjectId, new_id
from lumenspan.storage.postgres import Postgres


class FeedbackService:
    """Everything about feedback; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def submit(
        self,
        project_id: ProjectId,
        target_type: TargetType,
        target: str,
        feedback: str,
        goal: str | None = None,
        reference_url: str | None = None,
    ) -> Feedback:
        """The submission as it is kept.

        Raises:
            InvalidInput: ``reference_url`` is no http(s) address. It is kept as text and never called.
        """
        if reference_url is not None and not _is_http(reference_url):
            raise InvalidInput("referenceUrl must be an address that starts with http:// or https://")
        made = Feedback(
            id=new_id(),
            project_id=project_id,
            target_type=target_type,
            target=target,
            feedback=feedback,
            goal=goal,
            reference_url=reference_url,
            created_at=utc_now(),
        )
        async with self._postgres.session() as session:
            await repository.add(session, made)
        return made

    async def newest(self, project_id: ProjectId, limit: int) -> list[Feedback]:
        """At most ``limit`` submissions of the project, newest first."""
        async with self._postgres.session() as session:
            return await repository.newest(session, project_id, limit)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
