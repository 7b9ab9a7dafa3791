"""Rules of lumenspan.ids."""

from __future__ import annotations

import uuid

from lumenspan.ids import new_id


def test_ids_are_version_7_and_unique() -> None:
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {uuid.UUID(text).version for text in made} == {7}


def test_ids_of_later_milliseconds_sort_later() -> None:
    first = new_id()
    while new_id()[:13] == first[:13]:
        pass
    assert new_id() > first
