"""`lumenspan demo` as a person sees it: a progress bar, what was written where, what to do next."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lumenspan.demo.runner import Report, run


def fill(
    *,
    data_dir: Path | None,
    url: str | None,
    public_key: str | None,
    secret_key: str | None,
    project_id: str | None,
    traces: int,
    observations: int | None,
    seed: int,
) -> None:
    """Run the demo with progress on the terminal. Ctrl-C ends it with exit code 130.

    Raises:
        LumenspanError: as of :func:`lumenspan.demo.run`.
    """
    began = time.monotonic()
    try:
        with _progress(traces if observations is None else observations) as report:
            result = run(
                data_dir=data_dir,
                url=url,
                public_key=public_key,
                secret_key=secret_key,
                project_id=project_id,
                traces=traces,
                observations=observations,
                seed=seed,
                report=report,
            )
    except KeyboardInterrupt:
        click.echo(
            "\nStopped. What was written stays; the same command later writes it again under the same ids, "
            "so nothing doubles.",
            err=True,
        )
        raise SystemExit(130) from None
    click.echo(
        f"Wrote {result.traces:,} traces with {result.observations:,} observations to {result.place} "
        f"in {time.monotonic() - began:.1f} s.\n"
        "Look at them with lumenspan-desktop (`make desktop`), or in the explorer at /graphql."
    )


@contextmanager
def _progress(total: int) -> Iterator[Report]:
    """A bar on the error output; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=total, label="Writing", show_pos=True, file=sys.stderr) as bar:
        yield lambda done, total: bar.update(done - bar.pos)
