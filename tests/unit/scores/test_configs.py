"""Which score configs make sense."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.errors import InvalidInput
from lumenspan.scores.configs import checked
from lumenspan.scores.domain import Category, DataType
from tests.unit.scores.test_schema import config

GOOD = (Category("a", 1), Category("b", 2))


@pytest.mark.parametrize(
    ("data_type", "given"),
    [
        (DataType.NUMERIC, {}),
        (DataType.NUMERIC, {"min_value": -1, "max_value": 1}),
        (DataType.NUMERIC, {"min_value": 5}),
        (DataType.CATEGORICAL, {"categories": GOOD}),
        (DataType.BOOLEAN, {}),
        (DataType.TEXT, {"name": "A name_with (all) of-it."}),
    ],
)
def test_taken(data_type: DataType, given: dict[str, Any]) -> None:
    made = config(data_type, **given)
    assert checked(made) is made


@pytest.mark.parametrize(
    ("data_type", "given"),
    [
        (DataType.NUMERIC, {"name": ""}),
        (DataType.NUMERIC, {"name": "x" * 36}),
        (DataType.NUMERIC, {"name": "a/b"}),
        (DataType.NUMERIC, {"name": "a\n"}),
        (DataType.NUMERIC, {"min_value": 1, "max_value": 1}),
        (DataType.NUMERIC, {"min_value": 2, "max_value": 1}),
        (DataType.NUMERIC, {"max_value": float("nan")}),
        (DataType.NUMERIC, {"categories": GOOD}),
        (DataType.CATEGORICAL, {}),
        (DataType.CATEGORICAL, {"categories": (*GOOD, Category("a", 3))}),
        (DataType.CATEGORICAL, {"categories": (*GOOD, Category("c", 2))}),
        (DataType.CATEGORICAL, {"categories": (Category("", 1),)}),
        (DataType.CATEGORICAL, {"categories": GOOD, "min_value": 0}),
        (DataType.BOOLEAN, {"max_value": 1}),
        (DataType.CORRECTION, {}),
    ],
)
def test_refused(data_type: DataType, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        checked(config(data_type, **given))
