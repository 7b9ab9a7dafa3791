"""Values in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lumenspan_server.pages import values
from lumenspan_server.pages.access import local_address
from lumenspan_server.pages.rendering import address


@pytest.mark.parametrize(
    ("nanos", "expected"),
    [
        (None, ""),
        (0, "0 ms"),
        (250_000, "0.25 ms"),
        (840_000_000, "840 ms"),
        (3_210_000_000, "3.21 s"),
        (125_000_000_000, "2 m 05 s"),
        (3_840_000_000_000, "1 h 04 m"),
    ],
)
def test_duration(nanos: int | None, expected: str) -> None:
    assert values.duration(nanos) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (None, ""),
        ("0", "$0"),
        ("1234.5", "$1,234.50"),
        ("0.00417", "$0.0042"),
        ("0.0000123", "$0.000012"),
        ("0.00000001", "<$0.000001"),
    ],
)
def test_money(amount: str | None, expected: str) -> None:
    assert values.money(None if amount is None else Decimal(amount)) == expected


def test_instants_are_utc() -> None:
    assert (
        values.instant(datetime(2026, 11, 29, 12, 0, 0, 125_000, tzinfo=UTC)) == "2026-11-29 12:00:00.125"
    )
    assert values.instant(1_790_000_000_125_000_000) == "2026-09-21 14:13:20.125"


def test_plurals() -> None:
    assert [values.plural(number, "trace") for number in (0, 1, 1_000)] == [
        "0 traces",
        "1 trace",
        "1,000 traces",
    ]


def test_kinds_of_usage_end_with_the_sum() -> None:
    found = values.by_kind({"total": 3, "input": 1, "output": 2}, {"input": Decimal("0.5")})
    assert found == [("input", "1", "$0.50"), ("output", "2", ""), ("total", "3", "")]


def test_addresses_are_quoted() -> None:
    assert address("project", "p", "traces", "a/b?c#d", observation="x&y", after="") == (
        "/project/p/traces/a%2Fb%3Fc%23d?observation=x%26y"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/project/p/traces/t?observation=o", "/project/p/traces/t?observation=o"),
        ("", "/project"),
        ("//host/path", "/project"),
        ("/\\host/path", "/project"),
        ("https://host/", "/project"),
        ("javascript:alert(1)", "/project"),
        ("/a\r\nSet-Cookie: x=y", "/project"),
        ("/ü", "/project"),
        ("/" + "a" * 5_000, "/project"),
    ],
)
def test_only_addresses_of_this_server_are_gone_to(text: str, expected: str) -> None:
    assert local_address(text) == expected
