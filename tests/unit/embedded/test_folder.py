"""The data folder: what is refused, what is remembered."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from lumenspan.embedded.folder import LAYOUT, DataFolder, FolderRefused, Secrets

HOLD = """
import sys
from lumenspan.embedded.folder import DataFolder
with DataFolder.at(sys.argv[1]).locked():
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def locked_secrets(folder: DataFolder) -> Secrets:
    with folder.locked() as secrets:
        return secrets


class TestLocked:
    def test_secrets_are_made_once_and_private(self, tmp_path: Path) -> None:
        folder = DataFolder.at(tmp_path / "data")
        first = locked_secrets(folder)
        assert locked_secrets(folder) == first
        assert stat.S_IMODE((folder.root / "secrets.json").stat().st_mode) == 0o600
        assert len(bytes.fromhex(first.encryption_key)) == 32
        assert first.project_public_key.startswith("pk-lf-")
        assert first.project_secret_key.startswith("sk-lf-")

    def test_two_folders_share_no_secret(self, tmp_path: Path) -> None:
        one, other = (locked_secrets(DataFolder.at(tmp_path / name)) for name in ("one", "other"))
        assert not set(asdict(one).values()) & set(asdict(other).values())

    def test_folder_in_use_is_refused_with_its_pid(self, tmp_path: Path) -> None:
        folder = DataFolder.at(tmp_path / "data")
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            assert folder.owner_pid() == holder.pid
            with pytest.raises(FolderRefused, match=f"in use by process {holder.pid}"), folder.locked():
                pytest.fail("locked twice")
            holder.kill()
        assert folder.owner_pid() is None
        locked_secrets(folder)

    def test_newer_layout_is_refused(self, tmp_path: Path) -> None:
        folder = DataFolder.at(tmp_path / "data")
        locked_secrets(folder)
        newer = json.dumps({"layout": LAYOUT + 1, "product": "9.9"})
        (folder.root / "VERSION").write_text(newer)
        with pytest.raises(FolderRefused, match=r"written by Lumenspan 9\.9"), folder.locked():
            pytest.fail("opened a newer folder")
        assert (folder.root / "VERSION").read_text() == newer

    def test_folder_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.odt").write_text("years of work")
        with pytest.raises(FolderRefused, match="no data folder"), DataFolder.at(tmp_path).locked():
            pytest.fail("took over a stranger's folder")
        assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.odt"]

    @pytest.mark.parametrize("name", ["VERSION", "secrets.json"])
    def test_damaged_file_is_named(self, tmp_path: Path, name: str) -> None:
        folder = DataFolder.at(tmp_path / "data")
        locked_secrets(folder)
        (folder.root / name).write_text("{")
        with pytest.raises(FolderRefused, match=name), folder.locked():
            pytest.fail("opened a damaged folder")

    def test_start_after_a_kill_before_the_version_was_written(self, tmp_path: Path) -> None:
        folder = DataFolder.at(tmp_path / "data")
        locked_secrets(folder)
        (folder.root / "VERSION").rename(folder.root / ".VERSION.4711")
        (folder.root / "secrets.json").unlink()
        locked_secrets(folder)
        assert (folder.root / "VERSION").exists()


class TestAt:
    def test_environment_names_the_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LUMENSPAN_DATA_DIR", str(tmp_path / "there"))
        assert DataFolder.at().root == tmp_path / "there"
        assert DataFolder.at(tmp_path / "here").root == tmp_path / "here"
