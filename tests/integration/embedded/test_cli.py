"""The command line, as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumenspan.embedded.folder import LAYOUT, DataFolder


def lumenspan(
    *arguments: str | Path, stdin: str = "", env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and output of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "lumenspan.cli", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(env or {})},
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder.at(tmp_path / "data")
    with made.locked():
        pass
    return made


class TestStatus:
    def test_nothing_running_is_exit_code_1(self, folder: DataFolder) -> None:
        code, output = lumenspan("status", "--data-dir", folder.root)
        assert code == 1
        assert "Nothing runs" in output


class TestReset:
    def test_it_asks_first(self, folder: DataFolder) -> None:
        code, output = lumenspan("reset", "--data-dir", folder.root, stdin="n\n")
        assert code == 1
        assert f"Delete all traces, prompts, users and keys in {folder.root}?" in output
        assert (folder.root / "secrets.json").exists()

    def test_yes_deletes_the_folder(self, folder: DataFolder) -> None:
        assert lumenspan("reset", "--yes", "--data-dir", folder.root)[0] == 0
        assert not folder.root.exists()

    def test_a_folder_in_use_stays(self, folder: DataFolder) -> None:
        with folder.locked():
            code, output = lumenspan("reset", "--yes", "--data-dir", folder.root)
        assert code == 1
        assert f"in use by process {os.getpid()}" in output
        assert (folder.root / "secrets.json").exists()

    def test_a_folder_of_something_else_stays(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.odt").touch()
        code, output = lumenspan("reset", "--yes", "--data-dir", tmp_path)
        assert code == 1
        assert "no data folder" in output
        assert (tmp_path / "thesis.odt").exists()


class TestUp:
    def test_a_newer_folder_is_refused(self, folder: DataFolder) -> None:
        (folder.root / "VERSION").write_text(json.dumps({"layout": LAYOUT + 1, "product": "9.9"}))
        code, output = lumenspan("up", "--data-dir", folder.root)
        assert code == 1
        assert "written by Lumenspan 9.9" in output
        assert "Traceback" not in output

    def test_a_folder_in_use_is_refused(self, folder: DataFolder) -> None:
        with folder.locked():
            code, output = lumenspan("up", "--data-dir", folder.root)
        assert code == 1
        assert f"in use by process {os.getpid()}" in output


class TestDoctor:
    def test_each_part_has_a_line(self, folder: DataFolder) -> None:
        _, output = lumenspan("doctor", "--data-dir", folder.root)
        for part in (
            "Python 3.",
            "postgres: ",
            "valkey: ",
            "s3: ",
            "clickhouse: ",
            "desktop: ",
            "disk: ",
            "port: ",
        ):
            assert part in output
        assert f"data folder: {folder.root}, not in use" in output

    def test_a_newer_folder_fails(self, folder: DataFolder) -> None:
        (folder.root / "VERSION").write_text(json.dumps({"layout": LAYOUT + 1, "product": "9.9"}))
        code, output = lumenspan("doctor", "--data-dir", folder.root)
        assert code == 1
        assert "FAIL data folder" in output

    def test_an_engine_of_ones_own_is_not_looked_for(self, folder: DataFolder) -> None:
        own = {"DATABASE_URL": "postgresql://db/x"}
        _, output = lumenspan("doctor", "--data-dir", folder.root, env=own)
        assert "postgres: DATABASE_URL is set, none is started" in output


class TestConfigCheck:
    def test_a_wrong_value_is_named_with_what_was_read(self) -> None:
        code, output = lumenspan("config", "check", env={"PORT": "eighty"})
        assert code == 1
        assert "PORT is 'eighty'" in output
        assert "Traceback" not in output
