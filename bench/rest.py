"""How fast lists and numbers of a large project are answered over REST."""

from __future__ import annotations

import asyncio
import time

import httpx

from bench.calls import Call, Known, lists, metrics
from bench.report import Failed, Row, spread
from bench.system import System
from lumenspan.clock import utc_now
from lumenspan.ids import ProjectId
from lumenspan.storage.clickhouse import ClickHouse, Sql

_SAMPLES = 20
_GOAL_MS = 300
# A score of every trace: its root says when and which.
_SCORES = """
INSERT INTO scores (project_id, id, timestamp, name, trace_id, data_type, source, value, environment,
    created_at, event_ts)
SELECT project_id, concat(trace_id, '-score'), start_time, ['quality', 'tone'][1 + cityHash64(id) % 2],
    trace_id, 'NUMERIC', 'API', (cityHash64(id) % 1000) / 1000, environment, start_time, start_time
FROM observations WHERE project_id = {project_id:String} AND parent_id = ''
"""


def measure(system: System, project_id: str, public_key: str, secret_key: str) -> list[Row]:
    """Lists and metrics over REST of a project of a million observations."""
    asyncio.run(_score(system, project_id))
    rows: list[Row] = []
    base = f"http://127.0.0.1:{system.port}"
    with httpx.Client(base_url=base, auth=(public_key, secret_key), timeout=60) as client:
        now = utc_now()
        for call in [*lists(_known(client), now), *metrics(now)]:
            rows += spread(f"REST, 1 M: {call.name}", _times(client, call), "ms", _GOAL_MS)
    return rows


async def _score(system: System, project_id: str) -> None:
    clickhouse = ClickHouse(system.settings)
    try:
        await clickhouse.command(Sql(_SCORES, {"project_id": ProjectId(project_id)}))
    finally:
        await clickhouse.close()


def _known(client: httpx.Client) -> Known:
    """Ids from the middle of what there is."""
    traces = client.get("/api/public/traces", params={"limit": "1", "page": "500", "fields": "core"})
    observations = client.get("/api/public/v2/observations", params={"limit": "1000"})
    (trace,) = traces.json()["data"]
    return Known(trace["id"], trace["sessionId"], observations.json()["meta"]["cursor"])


def _times(client: httpx.Client, call: Call) -> list[float]:
    found = []
    for _ in range(_SAMPLES):
        began = time.monotonic()
        answer = client.get(call.path, params=call.params)
        found.append((time.monotonic() - began) * 1000)
        if answer.status_code != 200 or not answer.json().get("data", True):
            raise Failed(f"{call.name}: {answer.status_code} {answer.text[:200]}")
    return found
