"""The command line, `lumenspan`. Each command loads what it needs itself, so that `--help` is quick."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lumenspan.errors import LumenspanError

if TYPE_CHECKING:
    from lumenspan.embedded.folder import DataFolder
    from lumenspan.embedded.up import Ready

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of all data and logs. Default: LUMENSPAN_DATA_DIR, else .lumenspan in the current folder.",
)


class _Group(click.Group):
    """Shows our own errors as a message without traceback, exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LumenspanError as error:
            raise click.ClickException(error.message) from error
        except Exception as error:
            # Not imported above: the settings model takes a while to load, and most commands need none.
            settings = sys.modules.get("lumenspan.settings")
            if settings is not None and isinstance(error, settings.SettingsError):
                raise click.ClickException(str(error)) from error
            raise


@click.group(cls=_Group)
@click.version_option(package_name="lumenspan")
def main() -> None:
    """Lumenspan: traces, prompts, evaluation and annotation."""


@main.command()
@data_dir_option
def up(data_dir: Path | None) -> None:
    """Start everything and run until Ctrl-C. Engines with an address in the environment are left out."""
    from lumenspan.embedded import up as system
    from lumenspan.logs import configure_logging

    configure_logging("info", "text")
    folder = _folder(data_dir)
    is_first = not (folder.root / "VERSION").exists()
    click.echo(f"Starting Lumenspan on {folder.root}{' for the first time' if is_first else ''}")
    asyncio.run(system.run(folder, _announce))
    click.echo("Stopped.")


@main.command()
@data_dir_option
def status(data_dir: Path | None) -> None:
    """Show what runs on the data folder. Exit code 1 if nothing does."""
    from lumenspan.embedded import status as system

    folder = _folder(data_dir)
    found = system.read(folder)
    if found is None:
        click.echo(f"Nothing runs on {folder.root}. Start it with: lumenspan up")
        sys.exit(1)
    click.echo(f"Running on {folder.root} (pid {found.pid})")
    click.echo(
        f"{'':12}{'state':12}{'pid':>8}{'port':>8}{'restarts':>10}{'start s':>9}"
        f"{'memory MB':>11}{'cpu s':>8}"
    )
    for child in found.children:
        used = system.usage(child.pid) if child.pid else {"memory_bytes": 0, "cpu_s": 0.0}
        ready = "" if child.ready_s is None else f"{child.ready_s:.2f}"
        click.echo(
            f"{child.name:12}{child.state:12}{child.pid or '':>8}{child.port or '':>8}{child.restarts:>10}"
            f"{ready:>9}{used['memory_bytes'] / 1e6:>11.0f}{used['cpu_s']:>8.1f}"
        )


@main.command()
@data_dir_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(data_dir: Path | None, yes: bool) -> None:
    """Delete the data folder with everything in it."""
    folder = _folder(data_dir)
    if not folder.root.exists():
        click.echo(f"There is no {folder.root}.")
        return
    if not yes:
        click.confirm(f"Delete all traces, prompts, users and keys in {folder.root}?", abort=True)
    # Locked, so that no system is deleted while it runs, and only folders that are ours.
    with folder.locked():
        shutil.rmtree(folder.root)
    click.echo(f"Deleted {folder.root}.")


@main.command()
@data_dir_option
def doctor(data_dir: Path | None) -> None:
    """Check this machine; each line says what to do. Exit code 1 if something must be done first."""
    from lumenspan.embedded import doctor as system

    marks = {"ok": "  ok   ", "warning": "  warn ", "failed": "  FAIL "}
    outcomes = []
    for finding in system.examine(_folder(data_dir)):
        outcomes.append(finding.outcome)
        click.echo(
            marks[finding.outcome]
            + finding.what
            + (f"\n         {finding.remedy}" if finding.remedy else "")
        )
    if "failed" in outcomes:
        sys.exit(1)


@main.group()
def config() -> None:
    """The settings, which come from environment variables."""


@config.command()
def check() -> None:
    """Show the settings as the server reads them. Exit code 1 when some are missing or wrong."""
    from lumenspan import settings_report

    for line in settings_report.check():
        click.echo(line)
    click.echo("The settings can be used.")


@main.command()
@click.option(
    "--traces",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Realistic traces of the last week to send.",
)
@click.option(
    "--observations", type=click.IntRange(min=1), help="Instead build this many quickly, inside ClickHouse."
)
@click.option("--project", help="Id of the project to build in. Default: the first one.")
@click.option("--url", help="Server to send to. Default: the running system.")
@click.option("--public-key", help="Of the project to send to. Default: the first one's.")
@click.option("--secret-key", help="The secret of that key.")
@click.option("--seed", default=1, show_default=True, help="Another number makes other traces.")
@data_dir_option
def demo(
    traces: int,
    observations: int | None,
    project: str | None,
    url: str | None,
    public_key: str | None,
    secret_key: str | None,
    seed: int,
    data_dir: Path | None,
) -> None:
    """Fill a project with traces, sessions and users to look at. Running it again doubles nothing."""
    from lumenspan.demo.terminal import fill

    fill(
        data_dir=data_dir,
        url=url,
        public_key=public_key,
        secret_key=secret_key,
        project_id=project,
        traces=traces,
        observations=observations,
        seed=seed,
    )


@main.command()
def migrate() -> None:
    """Bring the schemas of PostgreSQL and ClickHouse up to date."""
    import importlib

    from lumenspan.settings import load_settings

    asyncio.run(importlib.import_module("lumenspan.storage.migrate").migrate_all(load_settings()))


@main.group()
def models() -> None:
    """Definitions of models and what they cost."""


@models.command()
@click.argument("table", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", help="Version of litellm that the file belongs to.")
def refresh(table: Path | None, version: str | None) -> None:
    """Rebuild the built-in prices from litellm's TABLE, or from the installed litellm. For development."""
    from lumenspan.models.refresh import refresh as rebuild

    target, count, made_of = rebuild(table, version)
    click.echo(f"Wrote {count:,} models of litellm {made_of} to {target}.")


@models.command()
@click.option("--project", required=True, help="Id of the project.")
@click.option("--from", "from_", required=True, help="Day or instant in UTC, such as 2026-01-31.")
@click.option("--to", required=True, help="The same; itself not included.")
@data_dir_option
def reprice(project: str, from_: str, to: str, data_dir: Path | None) -> None:
    """Price history again by the definitions of now. Ctrl-C pauses; the same command goes on."""
    from lumenspan.models.terminal import reprice as run

    run(data_dir, project, from_, to)


project_option = click.option("--project", required=True, help="Id of the project.")


@main.group()
def dlq() -> None:
    """Dead letters: parts of payloads that could not be stored."""


@dlq.command("list")
@project_option
@click.option("--reason", default="", help="Only those whose reason contains this.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@data_dir_option
def list_letters(project: str, reason: str, limit: int, data_dir: Path | None) -> None:
    """Show them, newest first."""
    from lumenspan.ingest import terminal

    terminal.list_letters(data_dir, project, reason, limit)


@dlq.command("show")
@project_option
@click.argument("id_", metavar="ID")
@data_dir_option
def show_letter(project: str, id_: str, data_dir: Path | None) -> None:
    """Show one with what was sent."""
    from lumenspan.ingest import terminal

    terminal.show_letter(data_dir, project, id_)


@dlq.command("replay")
@project_option
@click.argument("ids", metavar="[ID]...", nargs=-1)
@data_dir_option
def replay_letters(project: str, ids: tuple[str, ...], data_dir: Path | None) -> None:
    """Process their payloads again; those of all of them where no ID is given."""
    from lumenspan.ingest import terminal

    terminal.handle_letters(data_dir, project, ids, is_replay=True)


@dlq.command("discard")
@project_option
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All of the project's.")
@data_dir_option
def discard_letters(project: str, ids: tuple[str, ...], is_all: bool, data_dir: Path | None) -> None:
    """Forget them. Their payloads stay in the store."""
    from lumenspan.ingest import terminal

    if bool(ids) == is_all:
        raise click.UsageError("Name dead letters, or give --all.")
    terminal.handle_letters(data_dir, project, ids, is_replay=False)


@main.command()
@project_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@data_dir_option
def feedback(project: str, limit: int, data_dir: Path | None) -> None:
    """Show the feedback that was sent with keys of a project, newest first."""
    from lumenspan.feedback import terminal

    terminal.list_feedback(data_dir, project, limit)


@main.command()
@project_option
@click.option("--from", "from_", required=True, help="Day or instant in UTC, such as 2026-01-31.")
@click.option("--to", required=True, help="The same; itself not included.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only count the payloads.")
@data_dir_option
def replay(project: str, from_: str, to: str, is_dry_run: bool, data_dir: Path | None) -> None:
    """Process what was received in a time again, after a correction. Ctrl-C pauses; the same goes on."""
    from lumenspan.ingest import terminal
    from lumenspan.models.repricing import day

    terminal.replay(data_dir, project, day(from_), day(to), is_dry_run=is_dry_run)


def _folder(data_dir: Path | None) -> DataFolder:
    from lumenspan.embedded.folder import DataFolder

    return DataFolder.at(data_dir)


def _announce(ready: Ready) -> None:
    env = ready.env
    click.echo(
        f"\nLumenspan is ready:  {ready.url}\n\n"
        f"  sign in      {env['LANGFUSE_INIT_USER_EMAIL']}  {env['LANGFUSE_INIT_USER_PASSWORD']}\n"
        f"  public key   {env['LANGFUSE_INIT_PROJECT_PUBLIC_KEY']}\n"
        f"  secret key   {env['LANGFUSE_INIT_PROJECT_SECRET_KEY']}\n"
        f"  OTLP gRPC    port {env['LUMENSPAN_OTLP_GRPC_PORT']}\n"
        f"  variables    {ready.env_file}\n\n"
        "Ctrl-C stops it."
    )


if __name__ == "__main__":
    main()
