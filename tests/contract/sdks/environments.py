"""Environments of the SDKs: made from a lock file at first use, kept in the user's cache folder.

A folder is named by the hash of its lock, so that a changed lock makes a new one. Where the package index
cannot be reached the tests are skipped, with what the installer said; with ``LUMENSPAN_SDKS_REQUIRED=1``
they fail.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent
_INSTALL_S = 400
_NODE_MAJOR = 20
_WHOLE = ".whole"


@dataclass(frozen=True)
class Modules:
    """A folder with ``node_modules``, and the interpreter for it."""

    node: Path
    folder: Path


def python(name: str) -> Path:
    """The interpreter of an environment with what ``requirements/<name>.txt`` locks."""
    _skip_unless_wanted(name)
    lock = _FOLDER / "requirements" / f"{name}.txt"
    folder = _cached(f"{name}-{sys.version_info[0]}.{sys.version_info[1]}", [lock])
    interpreter = Path("bin", "python")
    if not (folder / _WHOLE).exists():
        with _made(folder):
            _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
            # The installer of this environment writes into the new one: no second pip is unpacked.
            _run(
                [
                    *(sys.executable, "-m", "pip", "--python", str(folder / interpreter)),
                    *("install", "--quiet", "--no-deps", "--require-hashes", "--no-compile"),
                    *("--requirement", str(lock)),
                ]
            )
    return folder / interpreter


def javascript(name: str) -> Modules:
    """The modules that ``requirements/<name>/package-lock.json`` locks, and what runs them."""
    _skip_unless_wanted(name)
    tools = _node()
    source = _FOLDER / "requirements" / name
    files = [source / "package.json", source / "package-lock.json"]
    folder = _cached(name, files)
    if not (folder / _WHOLE).exists():
        with _made(folder):
            for file in files:
                shutil.copy(file, folder)
            install = [str(tools / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            _run(install, cwd=folder, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
    return Modules(tools / "node", folder)


def _node() -> Path:
    """The folder of ``node`` and ``npm``: the machine's, else those of a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and Path(node).parent == Path(npm).parent:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
        if int(said.stdout.removeprefix("v").partition(".")[0] or 0) >= _NODE_MAJOR:
            return Path(node).parent
    return python("node").parent


def _skip_unless_wanted(name: str) -> None:
    """``LUMENSPAN_SDKS`` names the environments to use, separated by blanks; unset means all."""
    wanted = os.environ.get("LUMENSPAN_SDKS", "").split()
    if wanted and name not in {*wanted, "node"}:
        pytest.skip(f"LUMENSPAN_SDKS does not name {name}")


def _cached(name: str, files: list[Path]) -> Path:
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "lumenspan-sdks" / f"{name}-{digest}"


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """An empty folder that counts as whole once nothing was raised: scripts in it name where they are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield
    (folder / _WHOLE).touch()


def _run(command: list[str], cwd: Path | None = None, **env: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _unavailable(f"not installed within {_INSTALL_S} s")
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        _unavailable("could not be installed: " + (said[-1] if said else f"exit code {done.returncode}"))


def _unavailable(reason: str) -> None:
    if os.environ.get("LUMENSPAN_SDKS_REQUIRED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
