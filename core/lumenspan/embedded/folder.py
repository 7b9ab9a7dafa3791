"""The data folder of `lumenspan up`: its layout, its version, its lock and its secrets."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Self

from lumenspan.errors import Conflict

LAYOUT = 1
DEFAULT = ".lumenspan"

_PARTS = ("postgres", "valkey", "s3", "clickhouse", "logs", "run")


class FolderRefused(Conflict):
    """The folder is in use, of a newer version, or not one of ours. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once, at the first start; kept in ``secrets.json`` (readable by the owner only).

    ``encryption_key`` is 64 hexadecimal digits (AES-256).
    """

    salt: str
    encryption_key: str
    session_secret: str
    postgres_password: str
    clickhouse_password: str
    valkey_password: str
    s3_access_key_id: str
    s3_secret_access_key: str
    project_public_key: str
    project_secret_key: str
    user_password: str

    @classmethod
    def made(cls) -> Self:
        """New random secrets. The passwords hold letters and digits only: they stand in URLs."""
        return cls(
            salt=secrets.token_hex(16),
            encryption_key=secrets.token_hex(32),
            session_secret=secrets.token_hex(32),
            postgres_password=secrets.token_hex(16),
            clickhouse_password=secrets.token_hex(16),
            valkey_password=secrets.token_hex(16),
            s3_access_key_id=secrets.token_hex(10),
            s3_secret_access_key=secrets.token_hex(20),
            project_public_key=f"pk-lf-{uuid.uuid4()}",
            project_secret_key=f"sk-lf-{uuid.uuid4()}",
            user_password=secrets.token_hex(8),
        )


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths inside a data folder.

    Attributes:
        root: absolute path of the folder.
    """

    root: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """The folder at ``path``, else at ``LUMENSPAN_DATA_DIR``, else ``.lumenspan``. Creates nothing."""
        chosen = path or os.environ.get("LUMENSPAN_DATA_DIR") or DEFAULT
        return cls(Path(chosen).expanduser().absolute())

    def part(self, name: str) -> Path:
        """The sub-folder of an engine, of the ``logs`` or of the ``run`` files."""
        assert name in _PARTS
        return self.root / name

    @property
    def logs(self) -> Path:
        """Where each child has its log file."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is true of the running system only: pid files, ports, generated configuration."""
        return self.root / "run"

    @property
    def status_file(self) -> Path:
        """Written by ``up`` at each change, read by ``lumenspan status``."""
        return self.run / "status.json"

    @property
    def env_file(self) -> Path:
        """The variables of server and worker, for tools; readable by the owner only."""
        return self.run / "env"

    def check_version(self) -> None:
        """FolderRefused if a newer version wrote the folder, or if something else did."""
        path = self.root / "VERSION"
        if not path.exists():
            strangers = self._strangers()
            if strangers:
                raise FolderRefused(
                    f"{self.root} is no data folder of Lumenspan: it holds {strangers[0]!r}, no VERSION. "
                    "Choose an empty or a new folder with --data-dir."
                )
            return
        try:
            content = json.loads(path.read_text())
            layout, product = int(content["layout"]), str(content["product"])
        except (ValueError, KeyError, TypeError):
            raise FolderRefused(
                f"{path} cannot be read; restore it from a backup of the data folder."
            ) from None
        if layout > LAYOUT:
            raise FolderRefused(
                f"{self.root} was written by Lumenspan {product} (layout {layout}); this is Lumenspan "
                f"{product_version()} (layout {LAYOUT}). Upgrade, or choose another folder with --data-dir."
            )

    def owner_pid(self) -> int | None:
        """Pid of the process that holds the lock, 0 if not known, None if the folder is not in use."""
        try:
            descriptor = os.open(self.root / "lock", os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(descriptor)
        else:
            return None
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def locked(self) -> Iterator[Secrets]:
        """Hold the folder, created if need be, and yield its secrets.

        FolderRefused when it is in use (names the pid), newer than this program, or not ours. The lock ends
        with the process, however that ends.
        """
        self.check_version()
        self._create()
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderRefused(
                    f"{self.root} is in use by process {_pid_in(descriptor) or '(unknown)'}. Stop it, or "
                    "choose another folder with --data-dir."
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            # Only now: before the lock, another process may be at it.
            self._write_version()
            yield self._secrets()
        finally:
            os.close(descriptor)

    def _strangers(self) -> list[str]:
        if not self.root.exists():
            return []
        names = sorted(entry.name for entry in self.root.iterdir())
        # A kill in the middle of the very first start leaves these and no VERSION.
        ours = {*_PARTS, "lock", ".gitignore"}
        return [name for name in names if name not in ours and not name.startswith(".VERSION.")]

    def _create(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # Others may pass through (root's PostgreSQL runs as another user) but not list it.
            self.root.chmod(0o711)
            for name in _PARTS:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
            (self.root / ".gitignore").write_text("*\n")
        except OSError as error:
            raise FolderRefused(f"{self.root} cannot be used as data folder: {error.strerror}.") from None

    def _write_version(self) -> None:
        write_private(self.root / "VERSION", json.dumps({"layout": LAYOUT, "product": product_version()}))

    def _secrets(self) -> Secrets:
        path = self.root / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(asdict(Secrets.made()), indent=1))
        try:
            content = json.loads(path.read_text())
            return Secrets(**{field.name: str(content[field.name]) for field in fields(Secrets)})
        except (ValueError, KeyError, TypeError):
            raise FolderRefused(
                f"{path} cannot be read; restore it from a backup of the data folder."
            ) from None


def write_private(path: Path, text: str) -> None:
    """Replace the file at once, readable by the owner only: a reader sees the old text or the new."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def product_version() -> str:
    """Version of the installed distribution, ``0`` in a checkout that is not installed."""
    try:
        return metadata.version("lumenspan")
    except metadata.PackageNotFoundError:
        return "0"


def _pid_in(descriptor: int) -> int:
    text = os.pread(descriptor, 20, 0).decode(errors="replace")
    return int(text) if text.isdigit() else 0
