"""`lumenspan demo`: finds the running system, then sends traces or builds a large project in ClickHouse."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lumenspan.clock import utc_now
from lumenspan.demo import large
from lumenspan.demo.schedule import traces as scheduled
from lumenspan.demo.send import Result, Target, send
from lumenspan.embedded.folder import DataFolder
from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId

Report = Callable[[int, int], None]


def run(
    *,
    data_dir: Path | None = None,
    url: str | None = None,
    public_key: str | None = None,
    secret_key: str | None = None,
    project_id: str | None = None,
    traces: int = 1000,
    observations: int | None = None,
    seed: int = 1,
    report: Report = lambda done, total: None,
) -> Result:
    """Fill a project with demo data and return what was written; safe to repeat and to interrupt.

    With ``observations`` a large project of that many spans is built inside ClickHouse, else ``traces``
    realistic ones are sent to the server. What is not given (address, keys, project) comes from the system
    that runs on the data folder, else from the environment. ``report`` gets how many are done, of how many.

    Raises:
        InvalidInput: neither options nor a running system nor the environment say where to write.
        LumenspanError: as of :func:`lumenspan.demo.send.send` and :func:`lumenspan.demo.large.build`.
    """
    env = {**os.environ, **running_env(DataFolder.at(data_dir))}
    now = utc_now()
    if observations is not None:
        if observations < 1:
            raise InvalidInput("The number of observations must be at least 1.")
        return asyncio.run(_build(env, project_id, observations, now, seed, report))
    if traces < 1:
        raise InvalidInput("The number of traces must be at least 1.")
    return _send(target(env, url, public_key, secret_key), traces, now, seed, report)


def running_env(folder: DataFolder) -> dict[str, str]:
    """The variables of the system that runs on the folder; empty if none does."""
    try:
        lines = folder.env_file.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: "".join(shlex.split(value)) for name, value in pairs}


def target(
    env: Mapping[str, str], url: str | None, public_key: str | None, secret_key: str | None
) -> Target:
    """Where to send: what is given, else what ``env`` says; the variables of the SDKs come last."""
    local = f"http://127.0.0.1:{env['PORT']}" if env.get("PORT") else ""
    found = Target(
        url or local or env.get("LANGFUSE_BASE_URL") or env.get("LANGFUSE_HOST") or "",
        public_key or env.get("LANGFUSE_INIT_PROJECT_PUBLIC_KEY") or env.get("LANGFUSE_PUBLIC_KEY") or "",
        secret_key or env.get("LANGFUSE_INIT_PROJECT_SECRET_KEY") or env.get("LANGFUSE_SECRET_KEY") or "",
    )
    if not (found.url and found.public_key and found.secret_key):
        raise InvalidInput(
            "No running system was found. Start one with `lumenspan up`, "
            "or give --url, --public-key and --secret-key."
        )
    return found


def _send(where: Target, count: int, now: datetime, seed: int, report: Report) -> Result:
    result = Result(0, 0)
    for result in send(scheduled(seed, count, now), where):
        report(result.traces, count)
    return replace(result, place=where.url)


async def _build(
    env: Mapping[str, str], project_id: str | None, count: int, now: datetime, seed: int, report: Report
) -> Result:
    # Loaded here: sending traces needs neither.
    from pydantic import ValidationError

    from lumenspan.settings import Settings, explain
    from lumenspan.storage.clickhouse import ClickHouse

    project = project_id or env.get("LANGFUSE_INIT_PROJECT_ID")
    if not project or not env.get("CLICKHOUSE_URL"):
        raise InvalidInput(
            "No running system was found. Start one with `lumenspan up`, or set the variables of the one "
            "to write to and give --project."
        )
    try:
        settings = Settings(_env_file=None, **env)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InvalidInput(explain(error)) from None
    clickhouse = ClickHouse(settings)
    try:
        async with aclosing(large.build(clickhouse, ProjectId(project), count, now, seed=seed)) as built:
            async for done in built:
                report(done, count)
    finally:
        await clickhouse.close()
    return Result(-(-count // large.SPANS_PER_TRACE), count, f"project {project!r}")
