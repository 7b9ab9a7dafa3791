"""ClickHouse: our HTTP endpoint over the chDB engine, in a process of its own."""

from __future__ import annotations

import sys

from lumenspan.embedded import probes
from lumenspan.embedded.folder import DataFolder, Secrets, write_private
from lumenspan.embedded.supervisor import ChildSpec

NAME = "clickhouse"
USER = "default"


def spec(folder: DataFolder, port: int, secrets: Secrets) -> ChildSpec:
    """How to run it on ``port``."""
    password_file = folder.run / "clickhouse.password"

    def prepare() -> None:
        write_private(password_file, secrets.clickhouse_password)

    return ChildSpec(
        name=NAME,
        argv=(
            *(sys.executable, "-m", "lumenspan.embedded.chserver"),
            *("--data", str(folder.part(NAME)), "--port", str(port), "--password-file", str(password_file)),
        ),
        cwd=folder.run,
        is_ready=lambda: probes.http_ok(port, "/ping"),
        port=port,
        prepare=prepare,
    )
