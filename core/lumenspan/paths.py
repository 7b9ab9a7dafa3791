"""Where files that are not Python live: beside the sources when editable, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def migrations_folder() -> Path:
    """The folder that holds ``postgres/`` and ``clickhouse/``.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for candidate in (_PACKAGE / "_assets" / "migrations", _PACKAGE.parents[1] / "migrations"):
        if (candidate / "clickhouse").is_dir():
            return candidate
    raise FileNotFoundError("the migrations are missing from this installation; install the package again")
