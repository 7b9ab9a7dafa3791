"""The table of limits as operators write it."""

from __future__ import annotations

import pytest

from lumenspan.rate_limits.domain import RateLimit, RateLimits
from tests.unit.test_settings import problems, settings


def test_a_table_is_read() -> None:
    table = RateLimits.parse(" public-api = 1_000/minute,feedback=20/day, ingestion=5/hour")
    assert table.by_resource == {
        "public-api": RateLimit(1000, 60),
        "feedback": RateLimit(20, 86_400),
        "ingestion": RateLimit(5, 3600),
    }
    assert RateLimits.parse("").by_resource == {}


@pytest.mark.parametrize(
    "text",
    [
        "public-api", "public-api=", "public-api=0/minute", "public-api=-1/minute", "public-api=1/week",
        "public-api=1.5/minute", "public-api=99999999999/day", "public-api=1/minute,", "=1/minute",
        "public-api=_/minute", "unknown=1/minute", "feedback=1/day,feedback=2/day",
    ],
)  # fmt: skip
def test_what_is_no_table_is_told(text: str) -> None:
    with pytest.raises(ValueError):
        RateLimits.parse(text)
    assert problems(LUMENSPAN_RATE_LIMITS=text)[0].startswith(f"LUMENSPAN_RATE_LIMITS is {text!r}: ")


def test_nothing_is_limited_unless_asked_for() -> None:
    assert settings().rate_limits == ""
    assert settings(LUMENSPAN_RATE_LIMITS=" ").rate_limits == ""
