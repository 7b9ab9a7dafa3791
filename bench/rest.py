"""How fast lists and numbers of a large project are answered over REST."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import httpx

from bench.report import Failed, Row, spread
from bench.system import System
from lumenspan.clock import datetime_to_nanos, nanos_to_iso, utc_now

_SAMPLES = 15
_GOAL_MS = 300
_V2, _V1, _DAILY = "/api/public/v2/metrics", "/api/public/metrics", "/api/public/metrics/daily"
_DEAR = '[{"type":"number","column":"totalCost","operator":">","value":0.001}]'
_COUNT = {"measure": "count", "aggregation": "count"}
_COST = {"measure": "totalCost", "aggregation": "sum"}
_LATENCY = {"measure": "latency", "aggregation": "p95"}
# What a dashboard asks: name of the row, route, days of the range, the rest of the query.
_QUESTIONS: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    (
        "cost by model",
        _V2,
        31,
        {"view": "observations", "metrics": [_COST], "dimensions": [{"field": "providedModelName"}]},
    ),
    (
        "latency by day",
        _V2,
        31,
        {"view": "observations", "metrics": [_COUNT, _LATENCY], "timeDimension": {"granularity": "day"}},
    ),
    (
        "count by level and hour, 3 days",
        _V2,
        3,
        {
            "view": "observations",
            "metrics": [_COUNT],
            "dimensions": [{"field": "level"}],
            "timeDimension": {"granularity": "hour"},
        },
    ),
    (
        "cost by user",
        _V2,
        31,
        {
            "view": "observations",
            "metrics": [_COST],
            "dimensions": [{"field": "userId"}],
            "orderBy": [{"field": "sum_totalCost", "direction": "desc"}],
            "config": {"row_limit": 20},
        },
    ),
    (
        "traces by name",
        _V1,
        31,
        {"view": "traces", "metrics": [_COUNT, _LATENCY], "dimensions": [{"field": "name"}]},
    ),
    (
        "cost of traces by name",
        _V1,
        31,
        {"view": "traces", "metrics": [_COST], "dimensions": [{"field": "name"}]},
    ),
)


# Lists as SDKs and integrations read them.
_LISTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("traces", "/api/public/traces", {"limit": "50"}),
    ("traces by cost filter", "/api/public/traces", {"limit": "50", "filter": _DEAR}),
    ("observations v2", "/api/public/v2/observations", {"limit": "50"}),
    (
        "observations v2 with texts",
        "/api/public/v2/observations",
        {"limit": "50", "fields": "core,basic,io"},
    ),
    ("observations v2 by name", "/api/public/v2/observations", {"limit": "50", "name": "answer"}),
    ("daily summary", _DAILY, {}),
)


def measure(system: System, public_key: str, secret_key: str) -> list[Row]:
    """Lists and metrics over REST of a project of a million observations."""
    rows: list[Row] = []
    base = f"http://127.0.0.1:{system.port}"
    with httpx.Client(base_url=base, auth=(public_key, secret_key), timeout=60) as client:
        for name, route, params in _LISTS:
            rows += spread(f"REST, 1 M: {name}", _times(client, route, params), "ms", _GOAL_MS)
        for name, route, days, query in _QUESTIONS:
            span = {
                "fromTimestamp": nanos_to_iso(datetime_to_nanos(utc_now() - timedelta(days=days)), 3),
                "toTimestamp": nanos_to_iso(datetime_to_nanos(utc_now()), 3),
            }
            asked = {"query": json.dumps(query | span)}
            rows += spread(f"REST, 1 M: metrics, {name}", _times(client, route, asked), "ms", _GOAL_MS)
    return rows


def _times(client: httpx.Client, route: str, params: dict[str, str]) -> list[float]:
    found = []
    for _ in range(_SAMPLES):
        began = time.monotonic()
        answer = client.get(route, params=params)
        found.append((time.monotonic() - began) * 1000)
        if answer.status_code != 200 or not answer.json()["data"]:
            raise Failed(f"{route}: {answer.status_code} {answer.text[:200]}")
    return found
