"""Calls of the public API that ``bench`` measures in a large project: lists, single things, metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lumenspan.clock import datetime_to_nanos, nanos_to_iso

_API = "/api/public"
_COUNT = {"measure": "count", "aggregation": "count"}
_COST = {"measure": "totalCost", "aggregation": "sum"}
_LATENCY = {"measure": "latency", "aggregation": "p95"}
_BY_MODEL = [{"field": "providedModelName"}]


@dataclass(frozen=True)
class Call:
    """One call, by the name of its row."""

    name: str
    path: str
    params: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """Ids that the project holds."""

    trace_id: str
    session_id: str
    cursor: str


def lists(known: Known, now: datetime) -> list[Call]:
    """Lists and single things as SDKs and integrations read them."""
    day = _iso(now - timedelta(days=1))
    page = {"limit": "50"}
    observations = f"{_API}/v2/observations"
    return [
        Call("traces", f"{_API}/traces", page),
        Call("traces, core fields", f"{_API}/traces", page | {"fields": "core"}),
        Call("traces of a user", f"{_API}/traces", page | {"userId": "user-7"}),
        Call("traces by two tags", f"{_API}/traces", page | {"tags": "web", "name": "returns"}),
        Call(
            "traces by cost filter",
            f"{_API}/traces",
            page | {"filter": '[{"type":"number","column":"totalCost","operator":">","value":0.001}]'},
        ),
        Call("one trace", f"{_API}/traces/{known.trace_id}"),
        Call("observations v2", observations, page),
        Call("observations v2 with texts", observations, page | {"fields": "core,basic,io"}),
        Call("observations v2, 1,000", observations, {"limit": "1000", "fields": "core,basic,usage,model"}),
        Call("observations v2 by name", observations, page | {"name": "answer"}),
        Call(
            "observations v2, errors of a day",
            observations,
            page | {"level": "ERROR", "fromStartTime": day},
        ),
        Call("observations v2 of a trace", observations, page | {"traceId": known.trace_id}),
        Call("observations v2 from a cursor", observations, page | {"cursor": known.cursor}),
        Call("sessions", f"{_API}/sessions", page),
        Call("one session", f"{_API}/sessions/{known.session_id}"),
        Call("scores v2", f"{_API}/v2/scores", page),
        Call("scores v3", f"{_API}/v3/scores", page | {"fields": "details,subject"}),
        Call("scores v3 by name and value", f"{_API}/v3/scores", page | _DEAR_SCORES),
        Call("daily summary", f"{_API}/metrics/daily"),
    ]


_DEAR_SCORES = {"name": "quality", "dataType": "NUMERIC", "valueMin": "0.9"}


def metrics(now: datetime) -> list[Call]:
    """What a dashboard asks."""
    v1, v2 = f"{_API}/metrics", f"{_API}/v2/metrics"

    def asked(name: str, path: str, days: int, **query: Any) -> Call:
        span = {"fromTimestamp": _iso(now - timedelta(days=days)), "toTimestamp": _iso(now)}
        return Call(f"metrics, {name}", path, {"query": json.dumps({**query, **span})})

    by_user = {
        "dimensions": [{"field": "userId"}],
        "orderBy": [{"field": "sum_totalCost", "direction": "desc"}],
        "config": {"row_limit": 20},
    }
    return [
        asked("cost by model", v2, 31, view="observations", metrics=[_COST], dimensions=_BY_MODEL),
        asked(
            "latency by day",
            v2,
            31,
            view="observations",
            metrics=[_COUNT, _LATENCY],
            timeDimension={"granularity": "day"},
        ),
        asked(
            "count by level and hour, 3 days",
            v2,
            3,
            view="observations",
            metrics=[_COUNT],
            dimensions=[{"field": "level"}],
            timeDimension={"granularity": "hour"},
        ),
        asked("cost by user", v2, 31, view="observations", metrics=[_COST], **by_user),
        asked(
            "tokens by prompt",
            v2,
            31,
            view="observations",
            metrics=[{"measure": "totalTokens", "aggregation": "sum"}],
            dimensions=[{"field": "promptName"}],
        ),
        asked(
            "scores by name",
            v2,
            31,
            view="scores-numeric",
            metrics=[_COUNT, {"measure": "value", "aggregation": "avg"}],
            dimensions=[{"field": "name"}],
        ),
        asked(
            "traces by name",
            v1,
            31,
            view="traces",
            metrics=[_COUNT, _LATENCY],
            dimensions=[{"field": "name"}],
        ),
        asked(
            "cost of traces by name", v1, 31, view="traces", metrics=[_COST], dimensions=[{"field": "name"}]
        ),
    ]


def _iso(at: datetime) -> str:
    return nanos_to_iso(datetime_to_nanos(at), 3)
