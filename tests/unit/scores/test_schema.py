"""What a score must be, by itself and by its config (contract, section 4)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from lumenspan.ids import ProjectId, ScoreConfigId
from lumenspan.ingest.events.schema import InvalidEvent
from lumenspan.scores.domain import BOOLEAN_CATEGORIES, Category, DataType, ScoreConfig, ScoreSource
from lumenspan.scores.schema import CheckedScore, check, parse

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def score(config: ScoreConfig | None = None, **given: Any) -> CheckedScore:
    body = {"traceId": "t", "name": "n", "value": 1, **given}
    sent = json.dumps({name: value for name, value in body.items() if value is not ...})
    parsed = parse(sent, is_eval_allowed=True)
    return check(parsed, config)


def config(data_type: DataType, **given: Any) -> ScoreConfig:
    values: dict[str, Any] = {
        "id": ScoreConfigId("c"),
        "project_id": ProjectId("p"),
        "name": "config name",
        "data_type": data_type,
        "is_archived": False,
        "min_value": None,
        "max_value": None,
        "categories": BOOLEAN_CATEGORIES if data_type == DataType.BOOLEAN else (),
        "description": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ScoreConfig(**{**values, **given})


class TestValues:
    @pytest.mark.parametrize(
        ("data_type", "value", "stored"),
        [
            (..., 0.5, ("NUMERIC", 0.5, None)),
            (..., "good", ("CATEGORICAL", 0.0, "good")),
            (None, 3, ("NUMERIC", 3.0, None)),
            ("NUMERIC", -1, ("NUMERIC", -1.0, None)),
            ("BOOLEAN", 1.0, ("BOOLEAN", 1.0, "True")),
            ("BOOLEAN", 0, ("BOOLEAN", 0.0, "False")),
            ("CATEGORICAL", "", ("CATEGORICAL", 0.0, "")),
            ("TEXT", "x" * 500, ("TEXT", 0.0, "x" * 500)),
        ],
    )
    def test_what_is_stored(
        self, data_type: Any, value: Any, stored: tuple[str, float, str | None]
    ) -> None:
        made = score(dataType=data_type, value=value)
        assert (made.data_type, made.value, made.string_value) == stored

    @pytest.mark.parametrize(
        ("data_type", "value"),
        [
            ("NUMERIC", "1"),
            ("BOOLEAN", 2),
            ("BOOLEAN", "True"),
            ("BOOLEAN", True),
            (..., True),
            (..., None),
            (..., [1]),
            ("CATEGORICAL", 1),
            ("TEXT", ""),
            ("TEXT", "x" * 501),
            ("CORRECTION", 1),
            ("OTHER", 1),
            (..., ...),
            (..., 10**400),
        ],
        ids=lambda value: str(value)[:10],
    )
    def test_what_is_refused(self, data_type: Any, value: Any) -> None:
        with pytest.raises(InvalidEvent):
            score(dataType=data_type, value=value)

    def test_a_correction_is_a_long_text_named_output(self) -> None:
        made = score(dataType="CORRECTION", value="x" * 9000, source="ANNOTATION")
        assert (made.name, made.value, made.string_value) == ("output", 0.0, None)
        assert made.long_string_value == "x" * 9000


class TestTarget:
    @pytest.mark.parametrize(
        "target",
        [
            {"traceId": ...},
            {"traceId": None},
            {"traceId": ""},
            {"sessionId": "s"},
            {"datasetRunId": "r"},
            {"traceId": ..., "observationId": "o"},
            {"traceId": ..., "sessionId": "s", "observationId": "o"},
            {"traceId": ..., "sessionId": "s", "dataType": "CORRECTION", "value": "x"},
        ],
    )
    def test_refused(self, target: dict[str, Any]) -> None:
        with pytest.raises(InvalidEvent):
            score(**target)

    def test_taken(self) -> None:
        assert score(observationId="o").observation_id == "o"
        assert score(traceId=..., sessionId="s").session_id == "s"
        assert score(traceId=..., datasetRunId="r").dataset_run_id == "r"


class TestSource:
    def test_annotation_needs_a_config_unless_it_corrects(self) -> None:
        with pytest.raises(InvalidEvent, match="configId is required"):
            score(source="ANNOTATION")
        numeric = config(DataType.NUMERIC)
        assert score(numeric, configId="c", source="ANNOTATION").source == ScoreSource.ANNOTATION

    def test_eval_only_where_it_is_allowed(self) -> None:
        body = orjson.dumps({"traceId": "t", "name": "n", "value": 1, "source": "EVAL"})
        assert parse(body, is_eval_allowed=True)
        with pytest.raises(InvalidEvent):
            parse(body, is_eval_allowed=False)

    @pytest.mark.parametrize("name", ["", None, 5])
    def test_names(self, name: Any) -> None:
        with pytest.raises(InvalidEvent):
            score(name=name)


class TestConfig:
    def test_name_and_type_come_from_the_config(self) -> None:
        made = score(config(DataType.BOOLEAN), configId="c", value=1)
        assert (made.name, made.data_type, made.string_value) == ("config name", "BOOLEAN", "True")

    def test_a_category_has_the_number_of_its_config(self) -> None:
        categories = (Category("good", 3), Category("bad", -1))
        made = score(config(DataType.CATEGORICAL, categories=categories), configId="c", value="bad")
        assert (made.value, made.string_value) == (-1, "bad")
        with pytest.raises(InvalidEvent, match="Category"):
            score(config(DataType.CATEGORICAL, categories=categories), configId="c", value="ugly")

    @pytest.mark.parametrize("value", [0, 0.5, 1])
    def test_limits_are_inclusive(self, value: float) -> None:
        assert score(config(DataType.NUMERIC, min_value=0, max_value=1), configId="c", value=value)

    @pytest.mark.parametrize("value", [-0.001, 1.001])
    def test_beyond_the_limits(self, value: float) -> None:
        with pytest.raises(InvalidEvent, match="config's m"):
            score(config(DataType.NUMERIC, min_value=0, max_value=1), configId="c", value=value)

    @pytest.mark.parametrize(
        ("made", "given"),
        [
            (config(DataType.NUMERIC, is_archived=True), {}),
            (config(DataType.NUMERIC), {"dataType": "BOOLEAN"}),
            (config(DataType.NUMERIC), {"value": "1"}),
            (config(DataType.BOOLEAN), {"value": 0.5}),
            (config(DataType.TEXT), {"value": ""}),
        ],
    )
    def test_what_does_not_fit(self, made: ScoreConfig, given: dict[str, Any]) -> None:
        with pytest.raises(InvalidEvent):
            score(made, configId="c", **given)
