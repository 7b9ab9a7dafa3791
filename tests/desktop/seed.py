"""Plausible traces for the stand-in server: an assistant, a support agent, a retrieval pipeline."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
START = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)

_KINDS = (
    ("support-agent", "Where is my order #48213? It should have arrived on Monday."),
    ("answer-question", "Summarise the differences between the 2024 and 2025 privacy policies."),
    ("index-document", "handbook/travel-expenses.pdf"),
    ("translate-ticket", "Der Drucker im dritten Stock zieht kein Papier mehr ein."),
    ("weekly-digest", "Collect the most discussed topics of calendar week 9."),
)
_LEVELS = ("DEFAULT", "DEFAULT", "DEFAULT", "WARNING", "DEFAULT", "DEFAULT", "ERROR")


def iso(moment: datetime) -> str:
    """The instant as the API writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z"


def make_trace(index: int) -> Record:
    """The trace number `index`; a higher number is newer. Always the same for the same number."""
    name, question = _KINDS[index % len(_KINDS)]
    begin = START + timedelta(seconds=47 * index, milliseconds=(index * 137) % 1000)
    latency_ms = 420.0 + (index * 991) % 9000
    tokens_in, tokens_out = 180 + (index * 73) % 4000, 20 + (index * 31) % 900
    trace_id = f"{index:032x}"
    trace: Record = {
        "id": trace_id,
        "projectId": "p1",
        "name": name,
        "timestamp": iso(begin),
        "endTime": iso(begin + timedelta(milliseconds=latency_ms)),
        "latencyMs": latency_ms,
        "userId": f"user-{index % 9:02d}",
        "sessionId": f"chat-{index // 4:04d}",
        "environment": "staging" if index % 6 == 5 else "production",
        "release": "v2.14.0",
        "version": None,
        "tags": ["chat", "gpt"] if index % 2 else ["batch"],
        "isPublic": False,
        "level": _LEVELS[index % len(_LEVELS)],
        "inputPreview": question,
        "outputPreview": "The parcel left our warehouse on Friday.",
        "input": json.dumps({"messages": [{"role": "user", "content": question}]}),
        "output": json.dumps({"role": "assistant", "content": "The parcel left our warehouse on Friday."}),
        "metadata": {"region": "eu-central", "app.version": "2.14.0", "customer": '{"tier": "gold"}'},
        "totalCost": f"{(tokens_in * 0.0000025 + tokens_out * 0.00001):.8f}",
        "usage": [
            {"key": "input", "value": tokens_in},
            {"key": "output", "value": tokens_out},
            {"key": "total", "value": tokens_in + tokens_out},
        ],
    }
    trace["_observations"] = make_observations(trace, begin, latency_ms)
    trace["observationCount"] = len(trace["_observations"])
    return trace


# id, parent, type, name, start and end as shares of the trace, model
_SHAPE = (
    ("root", None, "AGENT", "agent run", 0.0, 1.0, None),
    ("guard", "root", "GUARDRAIL", "check input", 0.0, 0.05, None),
    ("retrieve", "root", "RETRIEVER", "search knowledge base", 0.05, 0.28, None),
    ("embed", "retrieve", "EMBEDDING", "embed question", 0.05, 0.12, "text-embedding-3-small"),
    ("rank", "retrieve", "CHAIN", "rerank passages", 0.14, 0.28, None),
    ("plan", "root", "GENERATION", "plan next step", 0.29, 0.52, "gpt-4o"),
    ("tool", "root", "TOOL", "get_order_status", 0.53, 0.66, None),
    ("http", "tool", "SPAN", "GET /orders/48213", 0.54, 0.65, None),
    ("retry", "tool", "EVENT", "rate limit hit", 0.58, 0.58, None),
    ("answer", "root", "GENERATION", "write answer", 0.67, 0.95, "gpt-4o"),
    ("judge", "root", "EVALUATOR", "helpfulness", 0.95, 1.0, "gpt-4o-mini"),
)


def make_observations(trace: Record, begin: datetime, latency_ms: float) -> list[Record]:
    """The observations of one trace, start time ascending."""
    return [_observation(trace, begin, latency_ms, shape) for shape in _SHAPE]


def _observation(trace: Record, begin: datetime, latency_ms: float, shape: tuple[Any, ...]) -> Record:
    key, parent, kind, name, first, last, model = shape
    start = begin + timedelta(milliseconds=latency_ms * first)
    end = begin + timedelta(milliseconds=latency_ms * last)
    is_model = model is not None
    level = trace["level"] if key in ("http", "answer") else "WARNING" if kind == "EVENT" else "DEFAULT"
    return {
        "id": f"{trace['id']}-{key}",
        "traceId": trace["id"],
        "parentObservationId": f"{trace['id']}-{parent}" if parent else None,
        "type": kind,
        "name": name,
        "startTime": iso(start),
        "endTime": None if kind == "EVENT" else iso(end),
        "completionStartTime": iso(start + (end - start) / 4) if kind == "GENERATION" else None,
        "latencyMs": None if kind == "EVENT" else latency_ms * (last - first),
        "timeToFirstTokenMs": latency_ms * (last - first) / 4 if kind == "GENERATION" else None,
        "level": level,
        "statusMessage": "429 from the order service, retried once" if level != "DEFAULT" else None,
        "environment": trace["environment"],
        "version": None,
        "release": trace["release"],
        "userId": trace["userId"],
        "sessionId": trace["sessionId"],
        "model": model,
        "modelParameters": {"temperature": 0.2, "max_tokens": 800} if kind == "GENERATION" else {},
        "input": _input_of(trace, kind),
        "output": _output_of(kind),
        "inputPreview": None,
        "outputPreview": None,
        "metadata": {"step": key, "attempt": "1"},
        "promptName": "support-answer" if key == "answer" else None,
        "promptVersion": 7 if key == "answer" else None,
        "usage": trace["usage"] if is_model else [],
        "cost": [{"key": "input", "value": "0.0011"}, {"key": "output", "value": "0.0021"}]
        if is_model
        else [],
        "totalCost": "0.0032" if is_model else None,
    }


def _input_of(trace: Record, kind: str) -> str:
    if kind != "GENERATION":
        return json.dumps({"query": trace["inputPreview"], "top_k": 5, "filters": {"lang": ["en", "de"]}})
    return json.dumps(
        [
            {"role": "system", "content": "You help customers of a mail-order shop. Be brief and precise."},
            {"role": "user", "content": trace["inputPreview"]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_order_status", "arguments": '{"order_id": "48213"}'},
                    }
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "call_1",
                "content": '{"status": "in transit", "carrier": "DHL", "eta": "2026-03-06"}',
            },
        ]
    )


def _output_of(kind: str) -> str:
    if kind == "GENERATION":
        text = "Your order #48213 is on its way with DHL and should arrive on Friday, 6 March."
        return json.dumps({"role": "assistant", "content": text})
    return json.dumps({"passages": [{"id": "kb-104", "score": 0.91}, {"id": "kb-77", "score": 0.84}]})


def make_long_trace(trace_id: str, count: int) -> Record:
    """A trace with `count` observations, ten below each step."""
    trace = make_trace(0) | {"id": trace_id, "observationCount": count}
    pattern = make_observations(trace, START, 1000.0)[0]
    trace["_observations"] = [
        pattern
        | {
            "id": f"{trace_id}-{number}",
            "parentObservationId": f"{trace_id}-{number - number % 10}" if number % 10 else None,
            "name": f"step {number}",
            "startTime": iso(START + timedelta(milliseconds=number)),
            "endTime": iso(START + timedelta(milliseconds=number + 5)),
        }
        for number in range(count)
    ]
    return trace
