"""Where an engine is, and what the clients make of its answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lumenspan.storage.blobs import _instant
from lumenspan.storage.clickhouse import _is_here


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("clickhouse", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        (None, False),
        ("", False),
    ],
)
def test_only_a_server_on_this_machine_gets_rows_unpacked(host: str | None, is_here: bool) -> None:
    assert _is_here(host) == is_here


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-29T06:05:04.000Z",
        "2026-11-29T06:05:04+00:00",
        "Sun, 29 Nov 2026 06:05:04 GMT",
        "2026-11-29T08:05:04+02:00",
        1795932304,
    ],
)
def test_times_of_a_store_in_every_form(text: object) -> None:
    assert _instant(text).astimezone(UTC) == datetime(2026, 11, 29, 6, 5, 4, tzinfo=UTC)
