"""The doctor names the package to install."""

from pathlib import Path

import pytest

from lumenspan.embedded import doctor
from lumenspan.embedded.folder import DataFolder


def test_a_missing_library_of_qt_fails_with_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ("libc.so.6", "libc6", "glibc")
    missing = ("libnowhere.so.9", "libnowhere9", "nowhere-libs")
    monkeypatch.setattr(doctor, "QT_LIBRARIES", (there, missing))
    findings = [
        finding
        for finding in doctor.examine(DataFolder.at(tmp_path / "data"))
        if "libnowhere" in finding.what
    ]
    assert [finding.outcome for finding in findings] == ["failed"]
    assert "libnowhere9" in findings[0].remedy or "nowhere-libs" in findings[0].remedy
    assert "libc" not in findings[0].what


def test_the_libraries_of_this_machine_are_found() -> None:
    assert doctor.is_loadable("libc.so.6")
    assert not doctor.is_loadable("libnowhere.so.9")
