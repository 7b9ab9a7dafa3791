"""``lumenspan feedback`` as an operator runs it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from lumenspan.cli import main
from lumenspan.feedback.domain import TargetType
from lumenspan.feedback.service import FeedbackService
from lumenspan.ids import ProjectId
from lumenspan.settings import Settings, load_settings
from lumenspan.storage.postgres import Postgres
from tests.conftest import ProjectAccess, Stack


async def test_it_is_shown_newest_first_in_plain_text(
    stack: Stack,
    settings: Settings,
    project: ProjectAccess,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    postgres = Postgres(settings.postgres_url)
    feedback = FeedbackService(postgres)
    project_id = ProjectId(project.project_id)
    await feedback.submit(
        project_id, TargetType.CLI, "lumenspan up", "starts\x1b[2J fast\nindeed", "try it"
    )
    await feedback.submit(project_id, TargetType.DOCS, "/docs", "short", None, "https://example.com/x")
    await postgres.close()
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()

    def run() -> tuple[int, str]:
        done = CliRunner().invoke(main, ["feedback", "--project", project_id])
        return done.exit_code, done.output

    code, output = await asyncio.to_thread(run)
    load_settings.cache_clear()
    assert code == 0, output
    assert "\x1b" not in output
    lines = output.splitlines()
    assert "docs: /docs" in lines[0]
    assert lines[1:3] == ["    short", "    see: https://example.com/x"]
    assert "cli: lumenspan up" in lines[3]
    assert lines[4:6] == ["    starts [2J fast indeed", "    goal: try it"]
    assert "2 shown." in output
