"""Which traces are kept where not all are: decided by the trace's id, so alike for all of its parts."""

from __future__ import annotations

import hashlib
import re

from lumenspan.settings import Settings

_OTEL_ID = re.compile(r"[0-9a-f]{32}\Z")
_ALL = 1 << 64


def is_kept(trace_id: str, share: float) -> bool:
    """Whether a trace belongs to the ``share`` (0 to 1) that is kept.

    Of OpenTelemetry ids the lower half decides, as in its own ratio sampler; other ids are hashed.
    """
    if share >= 1:
        return True
    if _OTEL_ID.match(trace_id):
        place = int(trace_id[16:], 16)
    else:
        place = int.from_bytes(hashlib.sha256(trace_id.encode()).digest()[:8], "big")
    return place < share * _ALL


def share_of_project(settings: Settings, project_id: str) -> float:
    """The share of its traces that is kept."""
    return settings.project_sample_rates.get(project_id, settings.sample_rate)
