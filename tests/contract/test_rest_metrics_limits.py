"""Metrics over REST: every name of the registry can be asked for, and everything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.metrics.domain import Aggregation, ViewName
from lumenspan.metrics.views import VIEWS
from tests.conftest import ProjectAccess
from tests.contract.test_rest_metrics import DAILY, V1, V2, ask, rows, seeded
from tests.integration.server.conftest import RunningServer

__all__ = ["seeded"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"metrics": []}, "metrics"),
            (
                {"metrics": [{"measure": "speed", "aggregation": "sum"}]},
                "Invalid metric speed. Must be one of",
            ),
            ({"dimensions": [{"field": "colour"}]}, "Invalid dimension colour. Must be one of id, traceId"),
            ({"metrics": [{"measure": "traceId", "aggregation": "sum"}]}, "is not valid"),
            ({"fromTimestamp": "2026-03-05T00:00:00Z"}, "before"),
            ({"fromTimestamp": "yesterday"}, "fromTimestamp"),
            ({"orderBy": [{"field": "name", "direction": "asc"}]}, "Invalid orderBy field"),
            ({"orderBy": [{"field": "count_count", "direction": "up"}]}, "direction"),
            ({"config": {"row_limit": 1001}}, "row_limit"),
            ({"config": {"bins": 0}}, "bins"),
            ({"filters": [{"type": "string", "column": "shoe", "operator": "=", "value": ""}]}, "shoe"),
            (
                {"filters": [{"type": "string", "column": "tags", "operator": "=", "value": ""}]},
                "filter type",
            ),
            (
                {"timeDimension": {"granularity": "minute"}, "fromTimestamp": "2020-01-01T00:00:00Z"},
                "coarser",
            ),
            ({"dimensions": [{"field": "costType"}, {"field": "usageType"}]}, "together"),
        ],
    )
    async def test_what_is_wrong_is_named(
        self, server: RunningServer, project: ProjectAccess, change: dict[str, Any], said: str
    ) -> None:
        answer = await ask(server, project, **change)
        assert answer.status_code == 400, answer.text
        assert said in json.dumps(answer.json())

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"'])
    async def test_what_is_no_query(self, server: RunningServer, project: ProjectAccess, text: str) -> None:
        answer = await server.client.get(V2, params={"query": text}, headers=project.headers)
        assert answer.status_code == 400

    async def test_keys(self, server: RunningServer, project: ProjectAccess) -> None:
        assert (await server.client.get(V2)).status_code == 401
        assert (await server.client.get(DAILY)).status_code == 401


@pytest.mark.parametrize("view", list(ViewName))
async def test_every_dimension_and_measure_of_the_registry_can_be_asked_for(
    server: RunningServer, project: ProjectAccess, seeded: list[dict[str, Any]], view: ViewName
) -> None:
    """One query a dimension with all measures, so that no expression of the registry is wrong SQL."""
    known = VIEWS[view]
    metrics = [
        {"measure": name, "aggregation": "p95" if each.is_numeric else "uniq"}
        for name, each in known.measures.items()
    ]
    path = V2 if "v2" in known.editions else V1
    for name, dimension in known.dimensions.items():
        order = [{"field": f"{metrics[0]['aggregation']}_count", "direction": "desc"}]
        found = await rows(
            server,
            project,
            path,
            view=view,
            dimensions=[{"field": name}],
            metrics=metrics,
            orderBy=order,
            config={"row_limit": 5},
        )
        assert all(name in row for row in found)
        if not dimension.kind.value.startswith(("number", "boolean", "string")):
            continue
        kinds = {"string": "string", "number": "number", "boolean": "boolean", "strings": "arrayOptions"}
        values = {"string": "x", "number": 1, "boolean": True, "strings": ["x"]}
        kind = dimension.kind.value
        operator = "any of" if kind == "strings" else "="
        condition = {"type": kinds[kind], "column": name, "operator": operator, "value": values[kind]}
        await rows(server, project, path, view=view, filters=[condition])


class TestAnything:
    @given(
        query=st.fixed_dictionaries(
            {},
            optional={
                "view": st.sampled_from([*ViewName, "", 7]),
                "metrics": st.lists(
                    st.fixed_dictionaries(
                        {
                            "measure": st.sampled_from(
                                ["count", "latency", "traceId", "costByType", "value", "'", "totalCost"]
                            ),
                            "aggregation": st.sampled_from([*Aggregation, "median"]),
                        }
                    ),
                    max_size=3,
                ),
                "dimensions": st.lists(
                    st.fixed_dictionaries(
                        {
                            "field": st.sampled_from(
                                ["name", "tags", "toolNames", "value", "costType", "a`b", ""]
                            )
                        }
                    ),
                    max_size=3,
                ),
                "timeDimension": st.one_of(
                    st.none(),
                    st.fixed_dictionaries({"granularity": st.sampled_from(["auto", "week", "eon"])}),
                ),
                "fromTimestamp": st.sampled_from(
                    ["2026-03-02T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59+14:00", ""]
                ),
                "toTimestamp": st.sampled_from(["2026-03-05T00:00:00Z", "9999-12-31T23:59:59Z", 5]),
                "config": st.one_of(
                    st.none(), st.dictionaries(st.sampled_from(["bins", "row_limit"]), st.integers())
                ),
                "filters": st.lists(
                    st.fixed_dictionaries(
                        {
                            "type": st.sampled_from(
                                ["string", "number", "stringObject", "null", "datetime"]
                            ),
                            "column": st.sampled_from(
                                ["name", "metadata", "startTime", "promptVersion", "value"]
                            ),
                            "operator": st.sampled_from(["=", ">", "contains", "is null"]),
                            "value": st.one_of(st.text(max_size=9), st.floats(), st.integers(), st.none()),
                            "key": st.text(max_size=3),
                        }
                    ),
                    max_size=2,
                ),
            },
        )
    )
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_is_answered_or_refused_but_never_fails(
        self, server: RunningServer, project: ProjectAccess, query: dict[str, Any]
    ) -> None:
        for path in (V1, V2):
            assert (await ask(server, project, path, **query)).status_code in (200, 400)
