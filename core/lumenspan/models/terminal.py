"""`lumenspan models` as a person sees it."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lumenspan.ids import ProjectId
from lumenspan.models.repricing import Run, State, day
from lumenspan.running import running_settings

if TYPE_CHECKING:
    from lumenspan.settings import Settings


def reprice(data_dir: Path | None, project_id: str, from_: str, to: str) -> None:
    """Price history again with progress on the terminal. Ctrl-C pauses it, with exit code 130.

    Raises:
        InvalidInput: the range is wrong, or nothing says where the engines are.
        Unavailable: an engine is down.
    """
    run = asyncio.run(_reprice(running_settings(data_dir), ProjectId(project_id), day(from_), day(to)))
    what = f"{run.changed:,} of {run.seen:,} observations have new prices"
    if run.state is State.DONE:
        click.echo(f"Done: {what}.")
        return
    click.echo(
        f"Stopped at {run.position_at:%Y-%m-%d %H:%M} UTC: {what}. The same command goes on from there."
    )
    raise SystemExit(130)


async def _reprice(settings: Settings, project_id: ProjectId, from_at: datetime, to_at: datetime) -> Run:
    from lumenspan.models.definitions import Definitions
    from lumenspan.models.repricing import Repricing
    from lumenspan.models.tokens import TokenCounter
    from lumenspan.storage.cache import connect_redis
    from lumenspan.storage.clickhouse import ClickHouse
    from lumenspan.storage.postgres import Postgres

    postgres, redis = Postgres(settings.postgres_url, pool_size=2), connect_redis(settings)
    clickhouse = ClickHouse(settings)
    try:
        definitions = Definitions(postgres, redis, settings)
        repricing = Repricing(postgres, clickhouse, definitions, TokenCounter())
        run = await repricing.start(project_id, from_at, to_at)
        if run.seen:
            click.echo(f"Going on at {run.position_at:%Y-%m-%d %H:%M} UTC.")
        loop, pausing = asyncio.get_running_loop(), set()

        def pause() -> None:
            pausing.add(loop.create_task(repricing.stop(project_id, run.id, State.PAUSED)))

        loop.add_signal_handler(signal.SIGINT, pause)
        loop.add_signal_handler(signal.SIGTERM, pause)
        return await repricing.run(run, _show)
    finally:
        await clickhouse.close()
        await redis.aclose()
        await postgres.close()


def _show(run: Run) -> None:
    click.echo(f"{run.share_done:6.1%}  {run.position_at:%Y-%m-%d %H:%M}  {run.changed:,} of {run.seen:,}")
