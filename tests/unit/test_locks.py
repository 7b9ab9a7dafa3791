"""Lock files hold names, versions and hashes: where a package comes from is the installer's business."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(
    [
        ROOT / "requirements.lock",
        *(ROOT / "compose").glob("*.lock"),
        *(ROOT / "tests/contract/sdks/requirements").glob("*.txt"),
        *(ROOT / "tests/contract/sdks/requirements").glob("*/package-lock.json"),
    ]
)


def test_there_are_lock_files_of_every_kind() -> None:
    assert {path.suffix for path in LOCKS} == {".lock", ".txt", ".json"}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_names_no_address(path: Path) -> None:
    assert re.findall(r"[a-z+]+://[^\s\"]+", path.read_text()) == []
