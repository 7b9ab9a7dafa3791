"""How many calls an organization may make: the table that operators set, and where a caller stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Resource = Literal[
    "public-api",
    "public-api-legacy",
    "prompts",
    "datasets",
    "annotation-queues",
    "media-upload",
    "ingestion",
    "legacy-ingestion",
    "public-api-metrics",
    "public-api-v2-metrics",
    "public-api-daily-metrics-legacy",
    "trace-delete",
    "score-delete",
    "feedback",
    "none",
]
"""Buckets in which calls of an organization count (contract, section 1.5); ``none`` is never limited."""

RESOURCES = tuple(each for each in get_args(Resource) if each != "none")
_WINDOWS_S = {"minute": 60, "hour": 3600, "day": 86_400}
_ENTRY = re.compile(r"\s*([a-z0-9-]+)\s*=\s*([0-9_]+)\s*/\s*([a-z]+)\s*")
_MOST = 10**9


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``calls`` within ``window_s`` seconds; a window begins with the first call."""

    calls: int
    window_s: int


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Limits by resource; what is not in the table is not limited."""

    by_resource: Mapping[str, RateLimit] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> RateLimits:
        """A table such as ``public-api=1000/minute,feedback=20/day``.

        Raises:
            ValueError: an entry does not look like that, or names an unknown resource.
        """
        found: dict[str, RateLimit] = {}
        for entry in text.split(",") if text.strip() else ():
            match = _ENTRY.fullmatch(entry)
            if match is None or match[3] not in _WINDOWS_S or not 0 < _number(match[2]) <= _MOST:
                raise ValueError(
                    "must look like public-api=1000/minute,feedback=20/day (minute, hour or day)"
                )
            if match[1] not in RESOURCES:
                raise ValueError(f"{match[1]!r} is none of {', '.join(RESOURCES)}")
            if match[1] in found:
                raise ValueError(f"{match[1]!r} is there twice")
            found[match[1]] = RateLimit(_number(match[2]), _WINDOWS_S[match[3]])
        return cls(found)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an organization stands after a call that was let through.

    Attributes:
        remaining: calls left until ``reset_at``.
    """

    limit: int
    remaining: int
    reset_at: datetime


def _number(text: str) -> int:
    digits = text.replace("_", "")
    return int(digits) if 0 < len(digits) <= 10 else 0
