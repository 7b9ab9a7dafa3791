"""How fast the list of traces opens in a large project."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import rest
from bench.api import Api, of_new_project
from bench.report import Failed, Row, at_most, exactly, spread
from bench.system import System
from lumenspan.clock import utc_now
from lumenspan.demo import large
from lumenspan.ids import ProjectId
from lumenspan.storage.clickhouse import ClickHouse

_KEY = """mutation($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { apiKey { publicKey } secretKey } }"""
_OBSERVATIONS = 1_000_000
_SAMPLES, _PAGE = 100, 50
_ROOT = Path(__file__).resolve().parents[1]
# The list as the desktop asks for it, with sums and previews.
_OPERATIONS = (_ROOT / "graphql" / "operations" / "traces.graphql").read_text()


def measure(system: System) -> list[Row]:
    """First pages of 50 traces of a project of a million observations over 30 days, through GraphQL."""
    api, project_id = of_new_project(system, "A million observations")
    began = time.monotonic()
    asyncio.run(_build(system, project_id))
    built_s = time.monotonic() - began
    rows = [at_most("building a million observations", built_s, "s", 60)]
    rows += spread("first page of traces, 1 M observations", _times(api, project_id), "ms", 150)
    at_errors = _times(api, project_id, filter={"level": ["ERROR"]})
    rows += spread("  the same of failed traces", at_errors, "ms", 500)
    rows += spread("  the same by user", _times(api, project_id, filter={"userId": ["user-7"]}), "ms", 500)
    rows.append(
        exactly("  observations of those projects", _sum(api, project_id), "on the page", 10 * _PAGE)
    )
    made = api.graphql(_KEY, input={"projectId": project_id})["createApiKey"]
    api.close()
    return rows + rest.measure(system, project_id, made["apiKey"]["publicKey"], made["secretKey"])


async def _build(system: System, project_id: str) -> None:
    clickhouse = ClickHouse(system.settings)
    try:
        async for _ in large.build(clickhouse, ProjectId(project_id), _OBSERVATIONS, utc_now()):
            pass
    finally:
        await clickhouse.close()


def _times(api: Api, project_id: str, **variables: object) -> list[float]:
    found = []
    for _ in range(_SAMPLES):
        began = time.monotonic()
        edges = _edges(api, project_id, **variables)
        found.append((time.monotonic() - began) * 1000)
        if not edges:
            raise Failed("the page is empty")
    return found


def _sum(api: Api, project_id: str) -> int:
    """Observations of the traces of the first page: ten each."""
    return sum(int(edge["node"]["observationCount"]) for edge in _edges(api, project_id))


def _edges(api: Api, project_id: str, **variables: object) -> list[dict[str, dict[str, str]]]:
    data = api.operation(_OPERATIONS, "Traces", projectId=project_id, first=_PAGE, **variables)
    edges: list[dict[str, dict[str, str]]] = data["project"]["traces"]["edges"]
    return edges
