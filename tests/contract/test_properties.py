"""What is open in queries: filters, metrics, names, cursors, numbers and times, as anybody may send them.

Whatever is sent, the answer is never a failure of the server; where it is refused because of a parameter,
the answer names it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.filters import OPERATORS
from lumenspan.metrics.domain import Aggregation, Granularity, ViewName
from tests.conftest import ProjectAccess, Stack

OPEN = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

LISTS = (
    "traces",
    "v2/observations",
    "sessions",
    "scores",
    "v2/scores",
    "v3/scores",
    "v2/prompts",
    "dataset-items",
    "metrics/daily",
)
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["\0", "\ud800", "%00", "a/../b", "x" * 10_000, "\u202e", "'"]
)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["1e400", "-1e400", "0x10", "1_000", "٣", "NaN", "9" * 5_000, "+1", "1.5"])
)
OFFSETS = st.sampled_from(
    ["Z", "z", "+00:00", "-12:00", "+14:00", "+23:59", "+0530", " 02:00", "+99:99", ""]
)
TIMES = st.builds(
    lambda at, offset: f"{at.isoformat()}{offset}", st.datetimes(), OFFSETS
) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-01-01"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
COLUMNS = st.sampled_from(
    ["name", "timestamp", "startTime", "tags", "traceTags", "metadata", "value", "latency", "level", "id"]
)
CONDITIONS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(sorted(OPERATORS)) | TEXTS,
        "column": COLUMNS | TEXTS,
        "operator": st.sampled_from(sorted(set().union(*OPERATORS.values()))) | TEXTS,
        "value": TEXTS | TIMES | st.lists(TEXTS, max_size=3) | st.floats() | st.integers() | JSON,
    },
    optional={"key": TEXTS | JSON},
)
FIELDS = st.sampled_from(
    ["name", "providedModelName", "traceId", "userId", "tags", "environment", "level", "value", "toolNames"]
)
MEASURES = st.sampled_from(["count", "latency", "totalCost", "totalTokens", "value", "uniqueUserIds"])
SOME = st.fixed_dictionaries(
    {
        "view": st.sampled_from([str(each) for each in ViewName]),
        "metrics": st.lists(
            st.fixed_dictionaries(
                {
                    "measure": MEASURES | TEXTS,
                    "aggregation": st.sampled_from([str(each) for each in Aggregation]),
                }
            ),
            max_size=3,
        ),
        "fromTimestamp": TIMES,
        "toTimestamp": TIMES,
    },
    optional={
        "dimensions": st.lists(st.fixed_dictionaries({"field": FIELDS | TEXTS}), max_size=3),
        "filters": st.lists(CONDITIONS, max_size=2),
        "timeDimension": st.fixed_dictionaries(
            {"granularity": st.sampled_from([str(each) for each in Granularity])}
        )
        | st.none(),
        "orderBy": st.lists(
            st.fixed_dictionaries(
                {"field": FIELDS | TEXTS, "direction": st.sampled_from(["asc", "desc", "up"])}
            ),
            max_size=2,
        ),
        "config": st.fixed_dictionaries({}, optional={"bins": st.integers(), "row_limit": st.integers()}),
    },
)


class Caller:
    """Calls the server with the keys of a project."""

    def __init__(self, stack: Stack, access: ProjectAccess) -> None:
        self._client = httpx.Client(base_url=stack.base_url, headers=access.headers, timeout=30)

    def get(self, path: str, query: dict[str, Any]) -> httpx.Response:
        """The answer, which is never a failure of the server."""
        parts = [f"{quoted(name)}={quoted(value)}" for name, value in query.items()]
        answer = self._client.get(f"/api/public/{path}?{'&'.join(parts)}")
        assert answer.status_code in (200, 400, 404, 422), (answer.status_code, answer.text)
        return answer

    def close(self) -> None:
        self._client.close()


def quoted(value: Any) -> str:
    """Percent-encoded, also what is no character."""
    return quote(str(value).encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture
def caller(stack: Stack, project: ProjectAccess) -> Any:
    made = Caller(stack, project)
    yield made
    made.close()


def dumped(value: Any) -> str:
    return json.dumps(value)


@pytest.mark.parametrize("path", LISTS)
class TestLists:
    @given(filters=st.lists(CONDITIONS, max_size=2) | JSON)
    @OPEN
    def test_filters(self, caller: Caller, path: str, filters: Any) -> None:
        caller.get(path, {"filter": dumped(filters)})

    @given(name=st.sampled_from(["page", "limit", "version", "value"]), number=NUMBERS)
    @OPEN
    def test_numbers(self, caller: Caller, path: str, name: str, number: Any) -> None:
        refuses(caller.get(path, {name: number}), name)

    @given(
        name=st.sampled_from(
            ["fromTimestamp", "toTimestamp", "fromStartTime", "toStartTime", "fromUpdatedAt", "version"]
        ),
        time=TIMES | TEXTS,
    )
    @OPEN
    def test_times(self, caller: Caller, path: str, name: str, time: str) -> None:
        refuses(caller.get(path, {name: time}), name)

    @given(
        name=st.sampled_from(
            ["name", "userId", "tags", "traceId", "cursor", "fields", "label", "datasetName", "environment"]
        ),
        text=TEXTS,
    )
    @OPEN
    def test_texts(self, caller: Caller, path: str, name: str, text: str) -> None:
        caller.get(path, {name: text})


def refuses(answer: httpx.Response, name: str) -> None:
    """Where the parameter is what is wrong, the answer says so."""
    error = answer.json().get("error") if answer.status_code == 400 else None
    if isinstance(error, list):
        assert [each["path"] for each in error] == [[name]], answer.text


@pytest.mark.parametrize("path", ["metrics", "v2/metrics"])
@given(query=SOME | JSON)
@OPEN
def test_metrics(caller: Caller, path: str, query: Any) -> None:
    caller.get(path, {"query": dumped(query)})


@pytest.mark.parametrize(
    "path",
    ["traces", "sessions", "v2/scores", "v2/prompts", "v2/datasets", "dataset-items", "models", "media"],
)
@given(id_=TEXTS.filter(bool))
@OPEN
def test_ids(caller: Caller, path: str, id_: str) -> None:
    caller.get(f"{path}/{quoted(id_)}", {})
