"""Rules of lumenspan.clock: instants keep every nanosecond, in both directions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.clock import (
    LAST_NANOS,
    datetime_to_iso,
    datetime_to_nanos,
    iso_to_nanos,
    iso_to_stored_nanos,
    nanos_to_iso,
)

_IN_DATETIME64 = st.integers(min_value=-2_208_988_800 * 10**9, max_value=9_223_372_036 * 10**9)


class TestIso:
    @given(_IN_DATETIME64)
    def test_every_nanosecond_survives_the_round_trip(self, nanos: int) -> None:
        assert iso_to_nanos(nanos_to_iso(nanos)) == nanos

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1970-01-01T00:00:01Z", 10**9),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:59:59.5-00:00", -(10**9) // 2),
            ("2026-01-02T03:04:05.1234567891Z", 1_767_323_045_123_456_789),
            ("2026-01-02 03:04Z", 1_767_323_040_000_000_000),
        ],
    )
    def test_offset_and_fraction_are_exact(self, text: str, expected: int) -> None:
        assert iso_to_nanos(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "2026-01-02", "2026-01-02T03:04:05", "tomorrow", "2026-13-02T03:04:05Z"]
    )
    def test_a_time_without_offset_or_meaning_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            iso_to_nanos(text)

    def test_digits_are_cut_not_rounded(self) -> None:
        assert nanos_to_iso(1_999_999_999, digits=3) == "1970-01-01T00:00:01.999Z"
        assert nanos_to_iso(1_999_999_999, digits=0) == "1970-01-01T00:00:01Z"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1969-12-31T23:59:59Z", 0),
            ("1970-01-01T00:00:01Z", 10**9),
            ("2262-04-11T23:47:16.854775807Z", LAST_NANOS),
            ("9999-12-31T23:59:59Z", LAST_NANOS),
        ],
    )
    def test_what_columns_cannot_hold_stands_at_the_end_of_it(self, text: str, expected: int) -> None:
        assert iso_to_stored_nanos(text) == expected


class TestDatetime:
    @given(st.datetimes(timezones=st.just(UTC)).filter(lambda value: 1900 <= value.year < 2262))
    def test_microseconds_are_exact(self, value: datetime) -> None:
        assert nanos_to_iso(datetime_to_nanos(value), digits=6) == value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_early_years_keep_their_zeros() -> None:
    assert nanos_to_iso(iso_to_nanos("0003-01-01T00:01:00Z"), digits=3) == "0003-01-01T00:01:00.000Z"


def test_the_public_api_writes_milliseconds() -> None:
    assert datetime_to_iso(datetime(2026, 1, 2, 3, 4, 5, 6_999, UTC)) == "2026-01-02T03:04:05.006Z"
