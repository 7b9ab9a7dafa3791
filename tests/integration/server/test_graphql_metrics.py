"""Metrics over GraphQL."""

from __future__ import annotations

from typing import Any

from lumenspan.metrics.views import VIEWS
from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

QUERY = """query Q($id: ID!, $asked: MetricsQueryInput!) {
  project(id: $id) { metrics(query: $asked) { rows } } }"""
KNOWN = "{ metricsViews { view dimensions { name isHighCardinality } measures { name unit isNumeric } } }"
BEGIN = 1_772_409_600 * SECOND_NS
ASKED = {
    "view": "OBSERVATIONS",
    "metrics": [{"measure": "count", "aggregation": "COUNT"}],
    "dimensions": ["name"],
    "fromTimestamp": "2026-03-02T00:00:00Z",
    "toTimestamp": "2026-03-03T00:00:00Z",
}


async def test_rows_and_conditions(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    made = [observation(project.project_id, name=name, start_time=BEGIN) for name in ("a", "b", "b")]
    await insert(server.services.clickhouse, made)
    data = await server.data(project, QUERY, id=project.project_id, asked=ASKED)
    assert data["project"]["metrics"]["rows"] == [
        {"name": "b", "count_count": 2},
        {"name": "a", "count_count": 1},
    ]
    only = {"filters": [{"type": "string", "column": "name", "operator": "=", "value": "a"}]}
    data = await server.data(project, QUERY, id=project.project_id, asked=ASKED | only)
    assert data["project"]["metrics"]["rows"] == [{"name": "a", "count_count": 1}]
    foreign = await server.data(other_project, QUERY, id=other_project.project_id, asked=ASKED)
    assert foreign["project"]["metrics"]["rows"] == []


async def test_what_is_wrong_is_named(server: RunningServer, project: ProjectAccess) -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"dimensions": ["colour"]}, "Invalid dimension colour"),
        ({"rowLimit": 0}, "rowLimit"),
        ({"filters": {"a": 1}}, "array"),
        ({"metrics": []}, "metrics"),
    )
    for change, said in wrong:
        answer = await server.graphql(project, QUERY, id=project.project_id, asked=ASKED | change)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INVALID_INPUT"
        assert said in error["message"]


async def test_the_registry_can_be_read(server: RunningServer, project: ProjectAccess) -> None:
    views = (await server.data(project, KNOWN))["metricsViews"]
    assert {view["view"] for view in views} == {name.name for name in VIEWS}
    (traces,) = (view for view in views if view["view"] == "TRACES")
    assert {"name": "latency", "unit": "milliseconds", "isNumeric": True} in traces["measures"]
