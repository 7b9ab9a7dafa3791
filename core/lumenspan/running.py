"""Which engines a command of the terminal works on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lumenspan.errors import InvalidInput

if TYPE_CHECKING:
    from lumenspan.settings import Settings


def running_settings(data_dir: Path | None) -> Settings:
    """Of the system that runs on the data folder, else of the environment.

    Raises:
        InvalidInput: the running system does not say where its engines are.
        SettingsError: nothing runs, and the environment is incomplete or wrong.
    """
    from lumenspan.demo.runner import running_env
    from lumenspan.embedded.folder import DataFolder
    from lumenspan.settings import Settings, load_settings

    env = running_env(DataFolder.at(data_dir))
    if not env:
        return load_settings()
    if not env.get("CLICKHOUSE_URL"):
        raise InvalidInput("The running system does not say where its engines are")
    return Settings(_env_file=None, **{**os.environ, **env})  # type: ignore[arg-type]
