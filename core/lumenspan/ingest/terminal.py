"""`lumenspan dlq` and `lumenspan replay` as a person sees them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lumenspan.ids import ProjectId
from lumenspan.running import running_settings

if TYPE_CHECKING:
    from datetime import datetime

    from lumenspan.ingest.dead_letter_service import DeadLetterService
    from lumenspan.ingest.dead_letters import DeadLetter
    from lumenspan.ingest.replays import Replay, ReplayService

_PAGE = 200
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class _Services:
    letters: DeadLetterService
    replays: ReplayService


@asynccontextmanager
async def _opened(data_dir: Path | None) -> AsyncIterator[_Services]:
    from lumenspan.ingest.dead_letter_service import DeadLetterService
    from lumenspan.ingest.replays import ReplayService
    from lumenspan.storage.blobs import Blobs
    from lumenspan.storage.cache import connect_redis
    from lumenspan.storage.postgres import Postgres
    from lumenspan.storage.queue import JobQueue

    settings = running_settings(data_dir)
    postgres, redis = Postgres(settings.postgres_url, pool_size=2), connect_redis(settings)
    blobs, queue = Blobs(settings), JobQueue(redis, settings)
    try:
        yield _Services(DeadLetterService(postgres, queue), ReplayService(postgres, blobs, queue, settings))
    finally:
        await blobs.close()
        await redis.aclose()
        await postgres.close()


def list_letters(data_dir: Path | None, project_id: str, reason: str, limit: int) -> None:
    """The dead letters of a project, newest first, one a line."""

    async def run() -> None:
        async with _opened(data_dir) as services:
            page = await services.letters.page(ProjectId(project_id), limit, None, reason)
            total = await services.letters.count(ProjectId(project_id))
        for letter in page.letters:
            click.echo(_line(letter))
        click.echo(f"{len(page.letters):,} of {total:,} dead letters.", err=True)

    asyncio.run(run())


def show_letter(data_dir: Path | None, project_id: str, id_: str) -> None:
    """One letter with what was sent.

    Raises:
        NotFound: the project has no such letter.
    """

    async def run() -> DeadLetter:
        async with _opened(data_dir) as services:
            return await services.letters.get(ProjectId(project_id), id_)

    letter = asyncio.run(run())
    click.echo(_line(letter))
    click.echo(f"payload  {letter.blob_key}")
    click.echo(f"tried    {letter.attempts} times, last at {letter.failed_at:%Y-%m-%d %H:%M:%S} UTC\n")
    click.echo(letter.excerpt or "(nothing was kept of what was sent)")


def handle_letters(data_dir: Path | None, project_id: str, ids: Sequence[str], *, is_replay: bool) -> None:
    """Replay or discard letters; all of the project where no ids are given.

    Raises:
        NotFound: the project has no such letter.
    """

    async def run() -> int:
        async with _opened(data_dir) as services:
            handle = services.letters.replay if is_replay else services.letters.discard
            handled = 0
            async for part in _ids(services.letters, ProjectId(project_id), ids):
                handled += await handle(ProjectId(project_id), part)
            return handled

    handled = asyncio.run(run())
    what = "payloads are processed again" if is_replay else "dead letters are gone"
    click.echo(f"{handled:,} {what}.")


async def _ids(
    letters: DeadLetterService, project_id: ProjectId, ids: Sequence[str]
) -> AsyncIterator[list[str]]:
    if ids:
        yield list(ids)
        return
    after: tuple[datetime, str] | None = None
    while True:
        page = await letters.page(project_id, _PAGE, after)
        if page.letters:
            yield [letter.id for letter in page.letters]
            after = page.letters[-1].created_at, page.letters[-1].id
        if not page.has_more:
            return


def _line(letter: DeadLetter) -> str:
    place = f"{letter.trace_id}/{letter.span_id}" if letter.span_id else ""
    waits = "  (replay waits)" if letter.replay_requested_at else ""
    return (
        f"{letter.id}  {letter.created_at:%Y-%m-%d %H:%M:%S}  {letter.stage:8}"
        f"  {letter.reason}  {place}{waits}"
    ).rstrip()


def replay(
    data_dir: Path | None, project_id: str, from_at: datetime, to_at: datetime, *, is_dry_run: bool
) -> None:
    """Have raw payloads processed again, with progress. Ctrl-C pauses it, with exit code 130.

    Raises:
        InvalidInput: the range is empty, or nothing says where the engines are.
        Unavailable: an engine is down.
    """
    asyncio.run(_replay(data_dir, ProjectId(project_id), from_at, to_at, is_dry_run=is_dry_run))


async def _replay(
    data_dir: Path | None, project_id: ProjectId, from_at: datetime, to_at: datetime, *, is_dry_run: bool
) -> None:
    from lumenspan.ingest.replays import ReplayState

    async with _opened(data_dir) as services:
        total = await services.replays.count(project_id, from_at, to_at)
        if is_dry_run or not total:
            click.echo(f"{total:,} payloads would be processed again.")
            return
        replay = await services.replays.start(project_id, from_at, to_at)
        loop, pausing = asyncio.get_running_loop(), set()

        def pause() -> None:
            pausing.add(loop.create_task(services.replays.stop(project_id, replay.id, ReplayState.PAUSED)))

        loop.add_signal_handler(signal.SIGINT, pause)
        loop.add_signal_handler(signal.SIGTERM, pause)
        replay = await _watch(services.replays, replay, total)
    if replay.state is ReplayState.DONE:
        click.echo(f"Done: {replay.payloads:,} payloads, {replay.spans:,} spans and events.")
        return
    click.echo(
        f"Stopped ({replay.state.lower()}) after {replay.payloads:,} of {total:,} payloads."
        " The same command goes on from there."
    )
    raise SystemExit(130)


async def _watch(replays: ReplayService, replay: Replay, total: int) -> Replay:
    from lumenspan.ingest.replays import ReplayState

    shown = -1
    while replay.state is ReplayState.RUNNING:
        if replay.payloads != shown:
            shown = replay.payloads
            click.echo(f"{shown / total:6.1%}  {shown:,} of {total:,} payloads, {replay.spans:,} spans")
        await asyncio.sleep(_LOOK_S)
        replay = await replays.get(replay.project_id, replay.id)
    return replay
