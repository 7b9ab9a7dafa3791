"""Rules of reading that join several nouns: filters on scores, models, experiments; names encoded twice."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

NOW = 1_780_000_000 * SECOND_NS


async def get(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> httpx.Response:
    return await server.client.get(f"/api/public/{path}", params=params, headers=access.headers)


async def judged(server: RunningServer, project: ProjectAccess, other: ProjectAccess) -> None:
    """Three traces: ``good`` and ``bad`` have scores, ``none`` has none that counts."""
    clickhouse = server.services.clickhouse
    for access in (project, other):
        await insert(
            clickhouse,
            [
                observation(access.project_id, trace_id=id_, id=f"{id_}-o", start_time=NOW + n)
                for n, id_ in enumerate(("good", "bad", "none"))
            ],
        )
    of_good: list[dict[str, Any]] = [
        {"name": "quality", "value": 0.5},
        # Of an observation: it counts for the trace, too.
        {"name": "quality", "value": 1.0, "observation_id": "good-o"},
        {"name": "tone", "data_type": "CATEGORICAL", "string_value": "warm"},
        {"name": "tone", "data_type": "CATEGORICAL", "string_value": "calm"},
        {"name": "safe", "data_type": "BOOLEAN", "value": 1},
    ]
    of_bad: list[dict[str, Any]] = [
        {"name": "quality", "value": 0.25},
        {"name": "tone", "data_type": "CATEGORICAL", "string_value": "cold"},
        {"name": "safe", "data_type": "BOOLEAN", "value": 0},
    ]
    rows = [score(project.project_id, trace_id="good", **each) for each in of_good]
    rows += [score(project.project_id, trace_id="bad", **each) for each in of_bad]
    rows.append(score(project.project_id, trace_id="none", name="quality", is_deleted=1))
    rows.append(score(other.project_id, trace_id="none", name="quality", value=0.75))
    await insert_scores(clickhouse, rows)


class TestTracesByScores:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (("numberObject", "scores_avg", "=", 0.75, "quality"), {"good"}),
            (("numberObject", "scores_avg", "<", 0.5, "quality"), {"bad"}),
            (("numberObject", "scores_avg", ">", 0, "quality"), {"good", "bad"}),
            (("numberObject", "scores_avg", "=", 1, "safe"), {"good"}),
            (("numberObject", "scores_avg", ">=", 0, "tone"), set()),
            (("numberObject", "scores_avg", ">=", 0, "absent"), set()),
            (("categoryOptions", "score_categories", "any of", ["warm", "cold"], "tone"), {"good", "bad"}),
            (("categoryOptions", "score_categories", "any of", ["calm"], "tone"), {"good"}),
            (("categoryOptions", "score_categories", "none of", ["calm"], "tone"), {"bad"}),
            (("categoryOptions", "score_categories", "any of", [], "tone"), set()),
            (("categoryOptions", "score_categories", "none of", ["x"], "absent"), set()),
            (("booleanObject", "score_booleans", "=", True, "safe"), {"good"}),
            (("booleanObject", "score_booleans", "<>", True, "safe"), {"bad"}),
            (("booleanObject", "score_booleans", "<>", True, "absent"), set()),
        ],
    )
    async def test_by_name_and_value(
        self,
        server: RunningServer,
        project: ProjectAccess,
        other_project: ProjectAccess,
        condition: tuple[Any, ...],
        expected: set[str],
    ) -> None:
        await judged(server, project, other_project)
        text = json.dumps(
            [dict(zip(("type", "column", "operator", "value", "key"), condition, strict=True))]
        )
        answer = await get(server, project, "traces", filter=text)
        assert answer.status_code == 200, answer.text
        assert {row["id"] for row in answer.json()["data"]} == expected
        assert answer.json()["meta"]["totalItems"] == len(expected)

    async def test_several_hold_together(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await judged(server, project, other_project)
        conditions = [
            {"type": "numberObject", "column": "scores_avg", "operator": ">", "value": 0, "key": "quality"},
            {
                "type": "booleanObject",
                "column": "score_booleans",
                "operator": "=",
                "value": False,
                "key": "safe",
            },
            {"type": "number", "column": "errorCount", "operator": "=", "value": 0},
        ]
        answer = await get(server, project, "traces", filter=json.dumps(conditions))
        assert [row["id"] for row in answer.json()["data"]] == ["bad"]

    @pytest.mark.parametrize("type_", ["number", "string", "categoryOptions", "booleanObject"])
    async def test_of_another_type(self, server: RunningServer, project: ProjectAccess, type_: str) -> None:
        values = {"number": 1, "string": "x", "categoryOptions": ["x"], "booleanObject": True}
        operator = "any of" if type_ == "categoryOptions" else "="
        condition = {"type": type_, "column": "scores_avg", "operator": operator, "key": "k"}
        text = json.dumps([condition | {"value": values[type_]}])
        answer = await get(server, project, "traces", filter=text)
        assert answer.status_code == 400
        assert "Invalid filter type" in answer.json()["message"]


async def test_observations_by_the_model_that_priced_them(
    server: RunningServer, project: ProjectAccess
) -> None:
    rows = [
        observation(project.project_id, id=id_, model_id=model, start_time=NOW)
        for id_, model in (("a", "m"), ("b", ""))
    ]
    await insert(server.services.clickhouse, rows)
    for condition, expected in (
        ({"type": "string", "operator": "=", "value": "m"}, ["a"]),
        ({"type": "null", "operator": "is null", "value": ""}, ["b"]),
    ):
        text = json.dumps([{"column": "modelId", **condition}])
        answer = await get(server, project, "v2/observations", filter=text)
        assert [row["id"] for row in answer.json()["data"]] == expected


async def test_score_columns_are_none_of_observations(
    server: RunningServer, project: ProjectAccess
) -> None:
    condition = {"type": "numberObject", "column": "scores_avg", "operator": ">", "value": 0, "key": "k"}
    answer = await get(server, project, "v2/observations", filter=json.dumps([condition]))
    assert answer.status_code == 400


async def test_scores_of_runs_and_of_their_items_count_for_the_experiment(
    server: RunningServer, project: ProjectAccess
) -> None:
    experiment = {"id": "e", "name": "n", "item.root_observation_id": "o"}
    root = observation(project.project_id, trace_id="t", id="o", start_time=NOW, experiment=experiment)
    await insert(server.services.clickhouse, [root])
    subjects = [{"dataset_run_id": "e"}, {"trace_id": "t", "observation_id": "o"}, {"trace_id": "t"}]
    await insert_scores(
        server.services.clickhouse,
        [score(project.project_id, timestamp=NOW, value=1, **subject) for subject in subjects],
    )
    query = {
        "view": "scores-numeric",
        "metrics": [{"measure": "count", "aggregation": "count"}],
        "filters": [{"type": "string", "column": "experimentId", "operator": "=", "value": "e"}],
        "fromTimestamp": "2020-01-01T00:00:00Z",
        "toTimestamp": "2100-01-01T00:00:00Z",
    }
    answer = await get(server, project, "v2/metrics", query=json.dumps(query))
    assert [int(row["count_count"]) for row in answer.json()["data"]] == [2]


async def test_no_answer_speaks_of_deprecation(server: RunningServer, project: ProjectAccess) -> None:
    await insert(server.services.clickhouse, [observation(project.project_id, trace_id="t")])
    for path in ("traces", "traces/t", "sessions", "scores", "v2/scores", "metrics/daily"):
        answer = await get(server, project, path)
        assert answer.status_code == 200, answer.text
        assert "_deprecation" not in answer.json()


@pytest.mark.parametrize("name", ["a/b c", "50%", "50%25", "ключ/é"])
async def test_names_may_be_encoded_twice(server: RunningServer, project: ProjectAccess, name: str) -> None:
    headers = project.headers
    made = await server.client.post("/api/public/v2/datasets", json={"name": name}, headers=headers)
    assert made.status_code == 200, made.text
    once = quote(name, safe="")
    for path in (once, quote(once, safe="")):
        answer = await server.client.get(f"/api/public/v2/datasets/{path}", headers=headers)
        assert answer.json().get("id") == made.json()["id"], path
    item = await server.client.post(
        "/api/public/dataset-items", json={"datasetName": name, "input": 1}, headers=headers
    )
    body = {"datasetItemId": item.json()["id"], "traceId": "t", "runName": name}
    answer = await server.client.post("/api/public/dataset-run-items", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    for path in (once, quote(once, safe="")):
        answer = await server.client.get(f"/api/public/datasets/{path}/runs/{path}", headers=headers)
        assert answer.json().get("name") == name, answer.text
