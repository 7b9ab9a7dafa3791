"""Types of identifiers and how new ones are made.

Ids that clients choose (organization, project, trace, observation) are any text; the ones made here are
UUIDs, ordered by time where rows are listed by them.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import NewType

OrganizationId = NewType("OrganizationId", str)
ProjectId = NewType("ProjectId", str)
UserId = NewType("UserId", str)
ApiKeyId = NewType("ApiKeyId", str)
TraceId = NewType("TraceId", str)
ObservationId = NewType("ObservationId", str)
SessionId = NewType("SessionId", str)
ScoreId = NewType("ScoreId", str)
ScoreConfigId = NewType("ScoreConfigId", str)
BlobKey = NewType("BlobKey", str)


def new_id(at_nanos: int | None = None) -> str:
    """A UUID of version 7 (RFC 9562): Unix milliseconds (of ``at_nanos`` or now), then random bits."""
    millis = (time.time_ns() if at_nanos is None else at_nanos) // 1_000_000
    value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))
