"""`lumenspan feedback` as a person sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from lumenspan.feedback.domain import Feedback
from lumenspan.ids import ProjectId
from lumenspan.running import running_settings


def list_feedback(data_dir: Path | None, project_id: str, limit: int) -> None:
    """The newest feedback of a project, a paragraph each."""
    from lumenspan.feedback.service import FeedbackService
    from lumenspan.storage.postgres import Postgres

    async def run() -> list[Feedback]:
        postgres = Postgres(running_settings(data_dir).postgres_url, pool_size=1)
        try:
            return await FeedbackService(postgres).newest(ProjectId(project_id), limit)
        finally:
            await postgres.close()

    found = asyncio.run(run())
    for each in found:
        click.echo(f"{each.created_at:%Y-%m-%d %H:%M}  {each.target_type.value}: {each.target}  {each.id}")
        for label, text in (("", each.feedback), ("goal: ", each.goal), ("see: ", each.reference_url)):
            if text:
                click.echo(f"    {label}{_plain(text)}")
    click.echo(f"{len(found):,} shown.", err=True)


def _plain(text: str) -> str:
    """One line without what a terminal would act on."""
    return "".join(character if character.isprintable() else " " for character in text)
