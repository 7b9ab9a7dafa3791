"""Values as the screen shows them."""

from datetime import UTC
from decimal import Decimal

import pytest

from lumenspan_desktop import values


class TestInstants:
    @pytest.mark.parametrize(
        ("text", "ns"),
        [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-02T03:04:05.123456789Z", 1767323045123456789),
            ("2026-01-02T03:04:05.5Z", 1767323045500000000),
            ("2026-01-02T04:04:05.5+01:00", 1767323045500000000),
        ],
    )
    def test_no_digit_is_lost(self, text: str, ns: int) -> None:
        assert values.parse_instant(text) == ns
        assert values.parse_instant(values.instant_text(ns)) == ns

    @pytest.mark.parametrize("text", ["", "2026-01-02", "2026-01-02T03:04:05", "now"])
    def test_other_text_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="not an instant"):
            values.parse_instant(text)

    def test_shown_to_the_millisecond(self) -> None:
        assert values.format_instant(1767323045123999999, UTC) == "2026-01-02 03:04:05.123"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.25, "0.25 ms"),
        (840.4, "840 ms"),
        (999.7, "1.00 s"),
        (3210, "3.21 s"),
        (59_999, "1 m 00 s"),
        (125_000, "2 m 05 s"),
        (3_840_000, "1 h 04 m"),
    ],
)
def test_duration_unit_keeps_it_short(ms: float | None, text: str) -> None:
    assert values.format_duration(ms) == text


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, ""),
        ("0", "$0"),
        ("1234.5", "$1,234.50"),
        ("0.0321", "$0.0321"),
        ("0.00042", "$0.00042"),
        ("0.0000001", "<$0.000001"),
    ],
)
def test_cost_keeps_the_digits_that_say_something(cost: str | None, text: str) -> None:
    assert values.format_cost(None if cost is None else Decimal(cost)) == text


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        ({}, ""),
        ({"input": 1204, "output": 310, "total": 1514}, "1,204 → 310"),
        ({"total": 5000}, "5,000"),
        ({"a": 1, "b": 2}, "3"),
    ],
)
def test_usage_shows_in_and_out_else_the_total(usage: dict[str, int], text: str) -> None:
    assert values.format_usage(usage) == text
