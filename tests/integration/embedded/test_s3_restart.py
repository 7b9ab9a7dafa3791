"""S3 forgets the election state of its master at each start: nothing stored is touched by that."""

from __future__ import annotations

import os
from pathlib import Path

from lumenspan.embedded import engines
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs

_UNUSED = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
    "REDIS_CONNECTION_STRING": "redis://127.0.0.1",
    "CLICKHOUSE_URL": "http://127.0.0.1:1",
    "CLICKHOUSE_USER": "nobody",
    "CLICKHOUSE_PASSWORD": "",
    "SALT": "salt",
    "NEXTAUTH_SECRET": "secret",
    "ENCRYPTION_KEY": "ab" * 32,
}


async def test_objects_of_every_run_are_kept_apart(tmp_path: Path) -> None:
    written: dict[str, bytes] = {}
    for run in range(3):
        async with engines.running(tmp_path, names=["s3"]) as addresses:
            blobs = Blobs(Settings(_env_file=None, **_UNUSED, **addresses.env))  # type: ignore[arg-type]
            for number in range(20):
                # Large enough to lie in a volume; small ones are kept beside the name.
                written[f"run-{run}/{number}"] = os.urandom(9_000)
                await blobs.put(f"run-{run}/{number}", written[f"run-{run}/{number}"])  # type: ignore[arg-type]
            for key, body in written.items():
                assert await blobs.get(key) == body, key  # type: ignore[arg-type]
            await blobs.close()
    assert len(written) == 60
