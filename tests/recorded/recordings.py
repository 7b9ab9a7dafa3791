"""Recorded exports: what real libraries sent, one compressed file a library and version."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from pathlib import Path

import orjson

FOLDER = Path(__file__).parent
_PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Request:
    """One call.

    Attributes:
        kind: ``traces`` or ``ingestion``.
        headers: those that say which SDK sent it, lower case.
        body: inflated.
    """

    kind: str
    content_type: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Recording:
    """What one program sent with one version of a library."""

    library: str
    version: str
    requests: list[Request]


def write(recording: Recording) -> None:
    """Keep a recording in its file, replacing an older one."""
    listed = [
        {
            "kind": each.kind,
            "contentType": each.content_type,
            "headers": each.headers,
            "body": base64.b64encode(each.body).decode()
            if each.content_type == _PROTOBUF
            else orjson.loads(each.body),
        }
        for each in recording.requests
    ]
    made = {"library": recording.library, "version": recording.version, "requests": listed}
    data = gzip.compress(orjson.dumps(made), 9, mtime=0)
    (FOLDER / f"{recording.library}-{recording.version}.json.gz").write_bytes(data)


def read(name: str) -> Recording:
    """The recording ``<library>-<version>``."""
    made = orjson.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    requests = [
        Request(
            each["kind"],
            each["contentType"],
            each["headers"],
            base64.b64decode(each["body"])
            if each["contentType"] == _PROTOBUF
            else orjson.dumps(each["body"]),
        )
        for each in made["requests"]
    ]
    return Recording(made["library"], made["version"], requests)


def names() -> list[str]:
    """Every recording there is."""
    return sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))
