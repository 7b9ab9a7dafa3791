"""Qt without a display; without its system libraries each file is skipped and names the missing one."""

import os
from pathlib import Path

import pytest

from tests.support import why_qt_is_missing

os.environ["QT_QPA_PLATFORM"] = "offscreen"
QT_MISSING = why_qt_is_missing()


class SkippedFile(pytest.Module):
    """A test file that cannot be imported here."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """Skips the file as a whole."""
        pytest.skip(f"Qt cannot be loaded: {QT_MISSING}", allow_module_level=True)


if QT_MISSING:

    def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> SkippedFile:
        """Takes the place of every test file of this folder."""
        return SkippedFile.from_parent(parent, path=module_path)

else:
    from tests.desktop.fixtures import (  # noqa: F401
        api,
        config_folder,
        fake_server,
        garbage_is_collected_here,
        network,
        no_garbage_is_left,
        no_thread_is_left,
        profiles,
        signed_in,
        window,
    )
