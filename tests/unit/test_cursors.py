"""Cursors stand for a position and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lumenspan.clock import datetime_to_nanos
from lumenspan.cursors import encode_cursor, number_and_id, time_and_id
from lumenspan.errors import InvalidInput
from lumenspan.observations.domain import ObservationPosition


def test_a_number_and_an_id_come_back() -> None:
    assert number_and_id(encode_cursor((-5, "ä"))) == (-5, "ä")
    assert number_and_id(None) is None


def test_a_time_and_an_id_come_back() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert time_and_id(encode_cursor((datetime_to_nanos(at), "a"))) == (at, "a")
    assert time_and_id(None) is None


def test_the_place_of_an_observation_comes_back() -> None:
    place = ObservationPosition(1, "trace", "id")
    assert ObservationPosition.of_cursor(place.cursor) == place
    assert ObservationPosition.of_cursor("") is None


@pytest.mark.parametrize("text", ["", "?", encode_cursor(("a", 1)), encode_cursor((2**63, "a"))])
def test_the_cursor_of_another_list_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        number_and_id(text)
