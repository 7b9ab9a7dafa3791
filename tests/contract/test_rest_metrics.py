"""Metrics over REST: what is answered, against sums made by hand, and what is refused."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

V1, V2, DAILY = "/api/public/metrics", "/api/public/v2/metrics", "/api/public/metrics/daily"
DAY_NS = 86_400 * SECOND_NS
# 2026-03-02, a Monday.
BEGIN = 1_772_409_600 * SECOND_NS
RANGE = {"fromTimestamp": "2026-03-02T00:00:00Z", "toTimestamp": "2026-03-05T00:00:00Z"}
MODELS = ("gpt", "gpt", "claude", "")
COUNT = [{"measure": "count", "aggregation": "count"}]


async def ask(server: RunningServer, access: ProjectAccess, path: str = V2, **query: Any) -> httpx.Response:
    text = json.dumps({"view": "observations", "metrics": COUNT} | RANGE | query)
    return await server.client.get(path, params={"query": text}, headers=access.headers)


async def rows(
    server: RunningServer, access: ProjectAccess, path: str = V2, **query: Any
) -> list[dict[str, Any]]:
    answer = await ask(server, access, path, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def spans(project_id: str) -> list[dict[str, Any]]:
    """Two traces on the first day, one on the third; four observations each, a second longer each."""
    made = []
    for trace, (day, user) in enumerate(((0, "ann"), (0, "bob"), (2, "ann"))):
        start = BEGIN + day * DAY_NS + trace * 60 * SECOND_NS
        for number, model in enumerate(MODELS):
            made.append(
                observation(
                    project_id,
                    trace_id=f"trace-{trace}",
                    id=f"{trace}-{number}",
                    parent_id=f"{trace}-0" if number else "",
                    name="root" if not number else "call",
                    start_time=start,
                    end_time=start + (number + 1) * SECOND_NS,
                    completion_start_time=start + SECOND_NS // 2 if model else None,
                    type="GENERATION" if model else "SPAN",
                    model=model,
                    user_id="" if number else user,
                    trace_name=f"flow {day}",
                    tags=["all", user],
                    metadata={"tier": "gold" if trace else "free"},
                    usage={"input": 10 * number, "output": 5, "total": 10 * number + 5} if model else {},
                    cost={"input": "0.1", "output": "0.2", "total": "0.3"} if model else {},
                )
            )
    return made


@pytest.fixture
async def seeded(server: RunningServer, project: ProjectAccess) -> list[dict[str, Any]]:
    made = spans(project.project_id)
    await insert(server.services.clickhouse, made)
    return made


class TestObservations:
    async def test_sums_by_model_are_those_made_by_hand(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        # The same spans once more, as a retried delivery leaves them: nothing counts twice.
        await insert(server.services.clickhouse, seeded)
        found = await rows(
            server,
            project,
            dimensions=[{"field": "providedModelName"}],
            metrics=[
                {"measure": "totalCost", "aggregation": "sum"},
                {"measure": "totalTokens", "aggregation": "sum"},
                {"measure": "count", "aggregation": "count"},
                {"measure": "latency", "aggregation": "avg"},
                {"measure": "latency", "aggregation": "p50"},
                {"measure": "timeToFirstToken", "aggregation": "max"},
                {"measure": "traceId", "aggregation": "uniq"},
                {"measure": "uniqueUserIds", "aggregation": "count"},
            ],
        )
        wanted: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
        for row in seeded:
            wanted[row["model"] or None].append(row)
        assert {row["providedModelName"] for row in found} == set(wanted)
        assert found[0]["providedModelName"] == "gpt"  # the first metric decides the order
        for row in found:
            own = wanted[row["providedModelName"]]
            took = sorted((each["end_time"] - each["start_time"]) / 1e6 for each in own)
            cost = sum((each["cost"].get("total", Decimal(0)) for each in own), Decimal(0))
            assert row["sum_totalCost"] == (float(cost) if row["providedModelName"] else None)
            assert row["sum_totalTokens"] == sum(each["usage"].get("total", 0) for each in own)
            assert row["count_count"] == len(own)
            assert row["avg_latency"] == pytest.approx(sum(took) / len(took))
            assert took[0] <= row["p50_latency"] <= took[-1]
            assert row["max_timeToFirstToken"] == (500 if row["providedModelName"] else None)
            assert (row["uniq_traceId"], row["count_uniqueUserIds"]) == (3, 2)

    async def test_time_buckets_without_anything_are_there_too(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        found = await rows(
            server,
            project,
            timeDimension={"granularity": "day"},
            metrics=[*COUNT, {"measure": "latency", "aggregation": "max"}],
        )
        assert found == [
            {"time_dimension": "2026-03-02T00:00:00.000Z", "count_count": 8, "max_latency": 4000.0},
            {"time_dimension": "2026-03-03T00:00:00.000Z", "count_count": 0, "max_latency": None},
            {"time_dimension": "2026-03-04T00:00:00.000Z", "count_count": 4, "max_latency": 4000.0},
            {"time_dimension": "2026-03-05T00:00:00.000Z", "count_count": 0, "max_latency": None},
        ]
        ordered = await rows(
            server,
            project,
            timeDimension={"granularity": "day"},
            orderBy=[{"field": "count_count", "direction": "asc"}],
        )
        assert [row["count_count"] for row in ordered] == [4, 8]

    @pytest.mark.parametrize(
        ("granularity", "begins"),
        [
            ("hour", "2026-03-02T00:00:00.000Z"),
            ("week", "2026-03-02T00:00:00.000Z"),
            ("month", "2026-03-01T00:00:00.000Z"),
        ],
    )
    async def test_buckets_begin_where_they_should(
        self,
        server: RunningServer,
        project: ProjectAccess,
        seeded: list[dict[str, Any]],
        granularity: str,
        begins: str,
    ) -> None:
        found = await rows(server, project, timeDimension={"granularity": granularity})
        assert found[0]["time_dimension"] == begins
        assert sum(row["count_count"] for row in found) == len(seeded)
        assert all(row["count_count"] == 0 for row in found[1:-1] if granularity == "month")

    @pytest.mark.parametrize(
        ("condition", "count"),
        [
            ({"type": "string", "column": "name", "operator": "=", "value": "root"}, 3),
            ({"type": "stringOptions", "column": "type", "operator": "none of", "value": ["SPAN"]}, 9),
            ({"type": "string", "column": "userId", "operator": "=", "value": "bob"}, 4),
            ({"type": "string", "column": "traceName", "operator": "=", "value": "flow 2"}, 4),
            ({"type": "arrayOptions", "column": "tags", "operator": "any of", "value": ["bob"]}, 4),
            ({"type": "boolean", "column": "isRootObservation", "operator": "=", "value": True}, 3),
            (
                {
                    "type": "stringObject",
                    "column": "metadata",
                    "key": "tier",
                    "operator": "contains",
                    "value": "go",
                },
                8,
            ),
            (
                {
                    "type": "datetime",
                    "column": "startTime",
                    "operator": ">",
                    "value": "2026-03-03T00:00:00Z",
                },
                4,
            ),
        ],
    )
    async def test_filters_hold(
        self,
        server: RunningServer,
        project: ProjectAccess,
        seeded: list[dict[str, Any]],
        condition: dict[str, Any],
        count: int,
    ) -> None:
        assert (await rows(server, project, filters=[condition]))[0]["count_count"] == count

    async def test_cost_by_kind_adds_up_to_the_total(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        measure = [{"measure": "costByType", "aggregation": "sum"}]
        found = await rows(server, project, dimensions=[{"field": "costType"}], metrics=measure)
        by_kind = {row["costType"]: row["sum_costByType"] for row in found}
        assert by_kind == {"input": 0.9, "output": 1.8, "total": 2.7}
        assert (await rows(server, project, metrics=measure))[0]["sum_costByType"] == 2.7

    async def test_a_histogram_counts_every_value(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        metrics = [{"measure": "latency", "aggregation": "histogram"}]
        found = await rows(server, project, metrics=metrics, config={"bins": 4})
        bins = found[0]["histogram_latency"]
        assert 1 <= len(bins) <= 4
        assert sum(height for _, _, height in bins) == pytest.approx(len(seeded))
        assert bins[0][0] == 1000
        assert bins[-1][1] == 4000

    async def test_many_valued_dimensions_need_a_bounded_order(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        by_trace: dict[str, Any] = {"dimensions": [{"field": "traceId"}]}
        bounded: dict[str, Any] = {
            "config": {"row_limit": 2},
            "orderBy": [{"field": "count_count", "direction": "desc"}],
        }
        assert (await ask(server, project, **by_trace)).status_code == 400
        assert (await ask(server, project, **by_trace, config={"row_limit": 2})).status_code == 400
        assert len(await rows(server, project, **by_trace, **bounded)) == 2
        assert len(await rows(server, project, V1, **by_trace)) == 3

    async def test_another_project_counts_nothing(
        self,
        server: RunningServer,
        project: ProjectAccess,
        other_project: ProjectAccess,
        seeded: list[dict[str, Any]],
    ) -> None:
        assert (await rows(server, other_project))[0]["count_count"] == 0
        of_trace = [{"measure": "uniqueUserIds", "aggregation": "uniq"}]
        assert (await rows(server, other_project, metrics=of_trace))[0]["uniq_uniqueUserIds"] == 0


class TestTraces:
    async def test_numbers_of_traces(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        await insert_scores(
            server.services.clickhouse, [score(project.project_id, trace_id="trace-0") for _ in range(2)]
        )
        names = ("count", "observationsCount", "scoresCount", "totalTokens", "totalCost")
        found = await rows(
            server,
            project,
            V1,
            view="traces",
            dimensions=[{"field": "name"}],
            metrics=[{"measure": name, "aggregation": "sum"} for name in names]
            + [
                {"measure": "latency", "aggregation": "max"},
                {"measure": "uniqueUserIds", "aggregation": "uniq"},
            ],
        )
        assert found == [
            {
                "name": "flow 0",
                "sum_count": 2,
                "sum_observationsCount": 8,
                "sum_scoresCount": 2,
                "sum_totalTokens": 2 * (5 + 15 + 25),
                "sum_totalCost": 1.8,
                "max_latency": 4000.0,
                "uniq_uniqueUserIds": 2,
            },
            {
                "name": "flow 2",
                "sum_count": 1,
                "sum_observationsCount": 4,
                "sum_scoresCount": 0,
                "sum_totalTokens": 45,
                "sum_totalCost": 0.9,
                "max_latency": 4000.0,
                "uniq_uniqueUserIds": 1,
            },
        ]

    async def test_metadata_of_the_root_can_be_asked_for(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        gold = {
            "type": "stringObject",
            "column": "metadata",
            "key": "tier",
            "operator": "=",
            "value": "gold",
        }
        found = await rows(server, project, V1, view="traces", filters=[gold])
        assert found == [{"count_count": 2}]

    async def test_the_second_version_has_no_such_view(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        answer = await ask(server, project, view="traces")
        assert answer.status_code == 400
        assert "scores-boolean" in answer.json()["message"]


class TestScores:
    async def test_values_and_what_was_scored(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        made = [
            score(
                project.project_id,
                name=name,
                value=value,
                data_type=kind,
                string_value=text,
                trace_id="trace-1",
                observation_id="1-2",
                timestamp=BEGIN + SECOND_NS,
            )
            for name, value, kind, text in (
                ("quality", 0.25, "NUMERIC", None),
                ("quality", 0.75, "NUMERIC", None),
                ("safe", 1, "BOOLEAN", None),
                ("tone", 0, "CATEGORICAL", "warm"),
            )
        ]
        await insert_scores(server.services.clickhouse, made)
        value = {"measure": "value", "aggregation": "avg"}
        numeric = await rows(
            server,
            project,
            view="scores-numeric",
            dimensions=[{"field": "name"}, {"field": "observationModelName"}, {"field": "traceName"}],
            metrics=[*COUNT, value],
        )
        assert numeric == [
            {
                "name": "quality",
                "observationModelName": "claude",
                "traceName": "flow 0",
                "count_count": 2,
                "avg_value": 0.5,
            },
            {
                "name": "safe",
                "observationModelName": "claude",
                "traceName": "flow 0",
                "count_count": 1,
                "avg_value": 1.0,
            },
        ]
        dimension = [{"field": "booleanValue"}]
        boolean = await rows(server, project, view="scores-boolean", dimensions=dimension, metrics=[value])
        assert boolean == [{"booleanValue": True, "avg_value": 1.0}]
        words = await rows(
            server, project, view="scores-categorical", dimensions=[{"field": "stringValue"}]
        )
        assert words == [{"stringValue": "warm", "count_count": 1}]
        scored = {"measure": "countScores", "aggregation": "sum"}
        by_model = await rows(
            server, project, dimensions=[{"field": "providedModelName"}], metrics=[scored]
        )
        assert by_model[0] == {"providedModelName": "claude", "sum_countScores": 4}


class TestDaily:
    async def test_days_models_and_pages(
        self, server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]]
    ) -> None:
        answer = await server.client.get(DAILY, params={"limit": 1}, headers=project.headers)
        body = answer.json()
        assert body["meta"] == {"page": 1, "limit": 1, "totalItems": 2, "totalPages": 2}
        (newest,) = body["data"]
        assert (newest["date"], newest["countTraces"], newest["countObservations"]) == ("2026-03-04", 1, 4)
        assert newest["totalCost"] == pytest.approx(0.9)
        assert newest["usage"][0] == {
            "model": "gpt",
            "inputUsage": 10,
            "outputUsage": 10,
            "totalUsage": 20,
            "countObservations": 2,
            "countTraces": 1,
            "totalCost": 0.6,
        }
        params = {"userId": "bob", "tags": "all"}
        of_bob = (await server.client.get(DAILY, params=params, headers=project.headers)).json()
        assert [(day["date"], day["countTraces"]) for day in of_bob["data"]] == [("2026-03-02", 1)]
