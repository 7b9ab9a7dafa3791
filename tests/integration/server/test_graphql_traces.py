"""Traces through GraphQL: complete, isolated, paged without loss, in a bounded number of queries."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.conftest import ProjectAccess
from tests.factories.observations import HOUR_NS, SECOND_NS, insert, observation
from tests.integration.server.conftest import QueryCounter, RunningServer

LIST = """
query List($project: ID!, $first: Int, $after: String, $filter: TraceFilter, $orderBy: TraceOrder) {
  project(id: $project) {
    traces(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
      isCut
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { id name timestamp userId level } }
    }
  }
}
"""
FULL_LIST = """
query Full($project: ID!, $first: Int) {
  project(id: $project) {
    traces(first: $first) {
      edges { node {
        id inputPreview outputPreview input output metadata observationCount totalCost usage { key value }
        observations(first: 5) { edges { node { id input output } } }
      } }
    }
  }
}
"""
ONE = """
query One($project: ID!, $id: ID!, $first: Int, $after: String) {
  project(id: $project) {
    trace(id: $id) {
      id projectId name timestamp endTime latencyMs userId sessionId environment release version tags
      isPublic level inputPreview outputPreview input output metadata observationCount totalCost
      usage { key value }
      observations(first: $first, after: $after) {
        pageInfo { hasNextPage endCursor }
        edges { node {
          id traceId parentObservationId type name startTime endTime completionStartTime latencyMs
          timeToFirstTokenMs level statusMessage environment version model modelParameters input output
          inputPreview metadata promptName promptVersion usage { key value } cost { key value } totalCost
        } }
      }
    }
  }
}
"""


async def all_ids(server: RunningServer, access: ProjectAccess, first: int, **variables: Any) -> list[str]:
    """Ids of every trace of a list, page by page."""
    ids: list[str] = []
    after = None
    for _ in range(500):
        data = await server.data(
            access, LIST, project=access.project_id, first=first, after=after, **variables
        )
        page = data["project"]["traces"]
        assert page["isCut"] is False
        ids += [edge["node"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return ids
        after = page["pageInfo"]["endCursor"]
        assert after == page["edges"][-1]["cursor"]
    raise AssertionError("the list does not end")


class TestOneTrace:
    async def test_reads_back_complete_and_exact(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        start = 1_767_323_045_123_456_789
        root = observation(
            project.project_id,
            trace_id="trace-1",
            id="root",
            name="answer",
            start_time=start,
            end_time=start + 2 * SECOND_NS,
            input='{"question": "why"}',
            output="because",
            metadata={"team": "search", "n": "1"},
            user_id="ada",
            session_id="s1",
            tags=["b", "a"],
            environment="production",
            release="r1",
            version="v1",
        )
        generation = observation(
            project.project_id,
            trace_id="trace-1",
            id="generation",
            parent_id="root",
            type="GENERATION",
            name="llm",
            start_time=start + 1,
            end_time=start + SECOND_NS,
            completion_start_time=start + 500_000_001,
            level="ERROR",
            status_message="too long",
            model="gpt-x",
            model_parameters='{"temperature": 0.5}',
            prompt_name="greet",
            prompt_version=3,
            usage={"input": 5_000_000_000, "output": 7, "total": 5_000_000_007},
            cost={"input": "0.000000000001", "total": "0.000000000001"},
            input="x" * 300,
        )
        await insert(server.services.clickhouse, [generation, root])

        data = await server.data(project, ONE, project=project.project_id, id="trace-1")
        trace = data["project"]["trace"]
        observations = [edge["node"] for edge in trace.pop("observations")["edges"]]
        assert trace == {
            "id": "trace-1",
            "projectId": project.project_id,
            "name": "answer",
            "timestamp": "2026-01-02T03:04:05.123456789Z",
            "endTime": "2026-01-02T03:04:07.123456789Z",
            "latencyMs": 2000.0,
            "userId": "ada",
            "sessionId": "s1",
            "environment": "production" if root["event_ts"] > generation["event_ts"] else "default",
            "release": "r1",
            "version": "v1",
            "tags": ["a", "b"],
            "isPublic": False,
            "level": "ERROR",
            "inputPreview": '{"question": "why"}',
            "outputPreview": "because",
            "input": '{"question": "why"}',
            "output": "because",
            "metadata": {"team": "search", "n": "1"},
            "observationCount": 2,
            "totalCost": "0.000000000001",
            "usage": [
                {"key": "input", "value": 5_000_000_000},
                {"key": "output", "value": 7},
                {"key": "total", "value": 5_000_000_007},
            ],
        }
        assert [found["id"] for found in observations] == ["root", "generation"]
        llm = observations[1]
        assert llm["parentObservationId"] == "root"
        assert llm["startTime"] == "2026-01-02T03:04:05.123456790Z"
        assert llm["timeToFirstTokenMs"] == 500.0
        assert llm["modelParameters"] == {"temperature": 0.5}
        assert (llm["input"], llm["inputPreview"]) == ("x" * 300, "x" * 200)
        assert (llm["promptName"], llm["promptVersion"], llm["type"]) == ("greet", 3, "GENERATION")
        assert llm["cost"] == [
            {"key": "input", "value": "0.000000000001"},
            {"key": "total", "value": "0.000000000001"},
        ]

    async def test_the_newest_write_of_an_observation_counts_once(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        start = time.time_ns()
        same = {"trace_id": "t", "id": "o", "start_time": start}
        old = observation(project.project_id, **same, usage={"total": 1}, output="old", event_ts=start)
        new = observation(project.project_id, **same, usage={"total": 2}, output="new", event_ts=start + 1)
        await insert(server.services.clickhouse, [new])
        await insert(server.services.clickhouse, [old])
        await insert(server.services.clickhouse, [new])
        data = await server.data(project, ONE, project=project.project_id, id="t")
        trace = data["project"]["trace"]
        assert (trace["observationCount"], trace["output"]) == (1, "new")
        assert trace["usage"] == [{"key": "total", "value": 2}]
        assert [edge["node"]["output"] for edge in trace["observations"]["edges"]] == ["new"]

    async def test_text_set_on_the_trace_wins_over_the_root_in_any_order(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        start = time.time_ns()
        await insert(
            server.services.clickhouse,
            [
                observation(
                    project.project_id, trace_id="t", input="of the root", output="kept", event_ts=start + 5
                ),
                observation(
                    project.project_id,
                    trace_id="t",
                    parent_id="p",
                    trace_input="of the trace",
                    event_ts=start,
                ),
            ],
        )
        trace = (await server.data(project, ONE, project=project.project_id, id="t"))["project"]["trace"]
        assert (trace["input"], trace["inputPreview"]) == ("of the trace", "of the trace")
        assert (trace["output"], trace["outputPreview"]) == ("kept", "kept")

    async def test_observations_are_paged_in_order_of_start(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        start = time.time_ns()
        rows = [
            observation(project.project_id, trace_id="t", id=f"{n:03}", start_time=start + n // 3)
            for n in range(25)
        ]
        random.Random(1).shuffle(rows)
        await insert(server.services.clickhouse, rows)
        found: list[str] = []
        after = None
        while True:
            data = await server.data(project, ONE, project=project.project_id, id="t", first=7, after=after)
            page = data["project"]["trace"]["observations"]
            found += [edge["node"]["id"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert found == [f"{n:03}" for n in range(25)]

    async def test_deleted_observations_are_not_seen(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        start = time.time_ns()
        rows = [observation(project.project_id, trace_id="t", id=id_, start_time=start) for id_ in "ab"]
        await insert(server.services.clickhouse, rows)
        await insert(
            server.services.clickhouse, [{**rows[0], "is_deleted": 1, "event_ts": rows[0]["event_ts"] + 1}]
        )
        trace = (await server.data(project, ONE, project=project.project_id, id="t"))["project"]["trace"]
        assert trace["observationCount"] == 1
        assert [edge["node"]["id"] for edge in trace["observations"]["edges"]] == ["b"]

    async def test_absent_is_null(self, server: RunningServer, project: ProjectAccess) -> None:
        data = await server.data(project, ONE, project=project.project_id, id="no such trace")
        assert data["project"]["trace"] is None


class TestList:
    @pytest.mark.parametrize("first", [1, 7, 50])
    async def test_every_trace_is_on_exactly_one_page(
        self, server: RunningServer, project: ProjectAccess, first: int
    ) -> None:
        now = time.time_ns()
        chance = random.Random(first)
        starts = [now - chance.randrange(0, 400 * HOUR_NS) for _ in range(30)]
        starts += [starts[0], starts[0], now + HOUR_NS, now - 20_000 * HOUR_NS]
        rows = []
        for number, start in enumerate(starts):
            rows.append(observation(project.project_id, trace_id=f"t{number:02}", start_time=start))
            # Some go on for hours or days: they have rows in many buckets and still one place in the list.
            for _ in range(number % 4):
                later = start + chance.randrange(0, 60 * HOUR_NS)
                rows.append(
                    observation(
                        project.project_id, trace_id=f"t{number:02}", parent_id="x", start_time=later
                    )
                )
        await insert(server.services.clickhouse, rows)
        expected = [
            f"t{number:02}"
            for _, number in sorted(((start, number) for number, start in enumerate(starts)), reverse=True)
        ]
        assert await all_ids(server, project, first) == expected
        ascending = {"field": "TIMESTAMP", "direction": "ASC"}
        assert await all_ids(server, project, first, orderBy=ascending) == expected[::-1]

    async def test_a_time_range_is_by_start_from_inclusive_to_exclusive(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        base = 1_767_323_045_000_000_000
        rows = [
            observation(project.project_id, trace_id=f"t{n}", start_time=base + n * 1_000) for n in range(5)
        ]
        # Began before the range, and goes on within it.
        rows.append(observation(project.project_id, trace_id="t0", parent_id="x", start_time=base + 3_000))
        await insert(server.services.clickhouse, rows)
        where = {
            "fromTimestamp": "2026-01-02T03:04:05.000001Z",
            "toTimestamp": "2026-01-02T03:04:05.000003Z",
        }
        assert await all_ids(server, project, 50, filter=where) == ["t2", "t1"]
        by_name = {"field": "NAME", "direction": "ASC"}
        assert await all_ids(server, project, 1, filter=where, orderBy=by_name) == ["t1", "t2"]

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ({"name": ["chat", "none"]}, {"a"}),
            ({"userId": ["ada", "bob"]}, {"a", "b"}),
            ({"sessionId": ["s2"]}, {"b"}),
            ({"tags": ["x", "y"]}, {"a"}),
            ({"environment": ["staging"]}, {"b"}),
            ({"level": ["ERROR", "WARNING"]}, {"b"}),
            ({"release": ["r1"]}, {"a"}),
            ({"version": ["v1"]}, {"a"}),
            ({"search": "CHA"}, {"a"}),
            ({"search": "b"}, {"b"}),
            ({"search": "%"}, set()),
            ({"name": ["' OR 1 = 1 --"]}, set()),
            ({"userId": ["ada"], "tags": ["z"]}, set()),
            ({"name": []}, {"a", "b"}),
        ],
    )
    async def test_filters(
        self, server: RunningServer, project: ProjectAccess, where: dict[str, Any], expected: set[str]
    ) -> None:
        await insert(
            server.services.clickhouse,
            [
                observation(
                    project.project_id,
                    trace_id="a",
                    trace_name="Chat",
                    user_id="ada",
                    session_id="s1",
                    tags=["x"],
                    release="r1",
                ),
                observation(project.project_id, trace_id="a", parent_id="p", tags=["y"], version="v1"),
                observation(
                    project.project_id,
                    trace_id="b",
                    name="job",
                    user_id="bob",
                    session_id="s2",
                    environment="staging",
                    level="ERROR",
                ),
            ],
        )
        if where.get("name") == ["chat", "none"]:
            where = {"name": ["Chat", "none"]}
        assert set(await all_ids(server, project, 50, filter=where)) == expected

    @pytest.mark.parametrize("field", ["NAME", "LATENCY", "USER_ID", "SESSION_ID", "LEVEL"])
    @pytest.mark.parametrize("direction", ["ASC", "DESC"])
    async def test_orders(
        self, server: RunningServer, project: ProjectAccess, field: str, direction: str
    ) -> None:
        start = time.time_ns()
        keys = [(3, "c"), (1, "b"), (2, "a"), (2, "d")]
        levels = {1: "DEBUG", 2: "DEFAULT", 3: "ERROR"}
        await insert(
            server.services.clickhouse,
            [
                observation(
                    project.project_id,
                    trace_id=id_,
                    name=f"n{rank}",
                    user_id=f"u{rank}",
                    session_id=f"s{rank}",
                    level=levels[rank],
                    start_time=start,
                    end_time=start + rank,
                )
                for rank, id_ in keys
            ],
        )
        expected = [id_ for _, id_ in sorted(keys, reverse=direction == "DESC")]
        order = {"field": field, "direction": direction}
        assert await all_ids(server, project, 3, orderBy=order) == expected

    @pytest.mark.parametrize("first", [0, -1, 201])
    async def test_a_page_size_out_of_range_is_refused(
        self, server: RunningServer, project: ProjectAccess, first: int
    ) -> None:
        body = await server.graphql(project, LIST, project=project.project_id, first=first)
        assert body["errors"][0]["extensions"]["code"] == "INVALID_INPUT"

    @pytest.mark.parametrize("after", ["", "x", "WyJhIl0", "WyJOQU1FIiwiYSIsImIiXQ"])
    async def test_a_cursor_of_something_else_is_refused(
        self, server: RunningServer, project: ProjectAccess, after: str
    ) -> None:
        body = await server.graphql(project, LIST, project=project.project_id, after=after)
        assert body["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


class TestIsolation:
    async def test_another_project_is_null_and_its_traces_are_absent(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await insert(server.services.clickhouse, [observation(project.project_id, trace_id="secret")])
        assert (await server.data(other_project, LIST, project=project.project_id))["project"] is None
        own = await server.data(other_project, ONE, project=other_project.project_id, id="secret")
        assert own["project"]["trace"] is None


class TestQueries:
    @pytest.mark.parametrize("parents", [1, 50])
    async def test_a_page_with_everything_takes_as_many_queries_for_fifty_as_for_one(
        self, server: RunningServer, project: ProjectAccess, queries: QueryCounter, parents: int
    ) -> None:
        await insert(
            server.services.clickhouse,
            [
                observation(
                    project.project_id,
                    trace_id=f"t{number}",
                    parent_id="" if n == 0 else "x",
                    input=f"{number}-{n}",
                    usage={"total": n},
                )
                for number in range(parents)
                for n in range(3)
            ],
        )
        queries.reset()
        data = await server.data(project, FULL_LIST, project=project.project_id, first=parents)
        edges = data["project"]["traces"]["edges"]
        assert len(edges) == parents
        for edge in edges:
            assert edge["node"]["observationCount"] == 3
            assert len(edge["node"]["observations"]["edges"]) == 3
        # After the page itself: sums, previews, texts, metadata, observations, their texts.
        windows = [text for text in queries.texts if "FROM trace_rollup" in text]
        assert len(queries.texts) - len(windows) == 6
        assert len(windows) <= 12

    async def test_nothing_is_read_that_was_not_asked_for(
        self, server: RunningServer, project: ProjectAccess, queries: QueryCounter
    ) -> None:
        await insert(server.services.clickhouse, [observation(project.project_id)])
        queries.reset()
        await server.data(project, LIST, project=project.project_id, first=10)
        assert not [text for text in queries.texts if "FROM observations" in text]
