"""Keys of raw payloads: when a payload came and whose it is can be read from its key."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from lumenspan.clock import now_nanos
from lumenspan.ids import BlobKey, ProjectId, new_id
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.fair_queue import Share

FOLDER = "otel/"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,200}\Z")
_KIB = 1 << 10
# A job costs something however small its payload is.
_LEAST_COST = 64
_PAGE = 1000


def make_key(prefix: str, project_id: ProjectId, at_nanos: int) -> BlobKey:
    """``<prefix>otel/<yyyy>/<mm>/<dd>/<hh>/<mi>/<project>/<uuid7>``: time first, to list a minute."""
    minute = datetime.fromtimestamp(at_nanos // 1_000_000_000, UTC).strftime("%Y/%m/%d/%H/%M")
    return BlobKey(f"{prefix}{FOLDER}{minute}/{key_segment(project_id)}/{new_id(at_nanos)}")


def key_segment(project_id: str) -> str:
    """The project id as a part of a key; distinct ids stay distinct."""
    if _SAFE.match(project_id) and project_id not in (".", ".."):
        return project_id
    digest = hashlib.sha256(project_id.encode()).hexdigest()[:16]
    return re.sub(r"[^A-Za-z0-9._-]", "_", project_id)[:180] + "_" + digest


def share_of(key: str) -> str:
    """Whose turn a payload is: the project's part of its key, which is next to last."""
    return key.rpartition("/")[0].rpartition("/")[2]


def received_ms(key: str) -> int:
    """When a payload came, in milliseconds since the epoch, by the id at the end of its key."""
    try:
        return uuid.UUID(key.rpartition("/")[2]).int >> 80
    except ValueError:
        return now_nanos() // 1_000_000


def share(key: str, size_bytes: int = 0) -> Share:
    """Place of a payload in the queue; a large one counts for as much as many small ones."""
    return Share(share_of(key), max(_LEAST_COST, size_bytes // _KIB), key, received_ms(key))


async def payload_keys(
    blobs: Blobs, prefix: str, after: str, until: datetime
) -> AsyncIterator[list[BlobKey]]:
    """Keys behind ``after`` of payloads that came before ``until``, in order, page by page.

    What is no key of ours is left out. ``after`` may be what ``before_minute`` returns.

    Raises:
        Unavailable: the store is down.
    """
    folder = prefix + FOLDER
    limit = folder + _path(minute(until) + timedelta(minutes=1))
    while True:
        found = await blobs.list(folder, after, _PAGE)
        keys = [BlobKey(key) for key in found if key < limit and _came_before(key, until)]
        if keys:
            yield keys
        if len(found) < _PAGE or found[-1] >= limit:
            return
        after = found[-1]


def before_minute(prefix: str, start: datetime) -> str:
    """What sorts behind all keys of the minute before ``start``, and before those of its own."""
    # The name of a folder itself some stores take as behind all in it.
    return prefix + FOLDER + _path(minute(start) - timedelta(minutes=1)) + "/~"


def minute_of(prefix: str, key: str) -> datetime:
    """The minute in which a payload came."""
    parts = key.removeprefix(prefix + FOLDER).split("/")[:5]
    return datetime(*map(int, parts), tzinfo=UTC)  # type: ignore[arg-type, misc]


def minute(at: datetime) -> datetime:
    """Its minute in UTC."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _path(at: datetime) -> str:
    return at.strftime("%Y/%m/%d/%H/%M")


def _came_before(key: str, end: datetime) -> bool:
    """By the time within the id at the end of the key; what is no key of ours is left alone."""
    try:
        millis = uuid.UUID(key.rpartition("/")[2]).int >> 80
    except ValueError:
        return False
    return millis < int(end.timestamp() * 1000)
