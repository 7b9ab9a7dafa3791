"""One trace as the screen asks for it: its head, its observations, and one observation in full."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lumenspan_desktop.api import Api
from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.trace.content import Content, decode_nested, understand
from lumenspan_desktop.values import (
    format_cost,
    format_duration,
    format_instant,
    format_usage,
    parse_cost,
    parse_instant,
    parse_optional_instant,
    parse_usage,
)

PAGE_SIZE = 1000
MOST_OBSERVATIONS = 50_000


@dataclass(frozen=True)
class Node:
    """An observation as the tree needs it: times in nanoseconds since the epoch, cost in dollars."""

    id: str
    parent_id: str | None
    type: str
    name: str
    start_ns: int
    end_ns: int | None
    latency_ms: float | None
    level: str
    model: str
    cost_usd: Decimal | None
    usage: Mapping[str, int]

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "Node":
        """From an `ObservationNode` fragment."""
        return cls(
            id=node["id"],
            parent_id=node["parentObservationId"],
            type=node["type"],
            name=node["name"] or node["type"].lower(),
            start_ns=parse_instant(node["startTime"]),
            end_ns=parse_optional_instant(node["endTime"]),
            latency_ms=node["latencyMs"],
            level=node["level"],
            model=node["model"] or "",
            cost_usd=parse_cost(node["totalCost"]),
            usage=parse_usage(node["usage"]),
        )


@dataclass(frozen=True)
class Details:
    """All that is shown about one observation, or about the trace as a whole.

    Attributes:
        node: what it is; a trace has the type `TRACE`.
        facts: captions and values that are worth a place, in order; those without a value are left out.
        status_message: what the application said about the level; may be empty.
        metadata: decoded where its values hold JSON.
    """

    node: Node
    facts: tuple[tuple[str, str], ...]
    status_message: str
    input: Content
    output: Content
    metadata: Any


@dataclass(frozen=True)
class NodePage:
    """Observations by start time; `end_cursor` is None on the last page."""

    nodes: tuple[Node, ...]
    end_cursor: str | None


class TraceClient:
    """Questions about one trace of one project."""

    def __init__(self, api: Api, project_id: str, trace_id: str) -> None:
        self._api = api
        self._variables = {"projectId": project_id, "traceId": trace_id}

    async def head(self) -> Details:
        """The trace as a whole. Raises `ClientError`, `NOT_FOUND` when it does not exist."""
        found = await self._trace("Trace", {})
        # Parsing megabytes of JSON must hold up neither the window nor the other requests.
        return await asyncio.to_thread(_head_of, found)

    async def observations(self, after: str | None = None) -> NodePage:
        """One page of observations. Raises `ClientError`."""
        found = await self._trace("TraceObservations", {"first": PAGE_SIZE, "after": after})
        page = found["observations"]
        info = page["pageInfo"]
        return NodePage(
            tuple(Node.of(edge["node"]) for edge in page["edges"]),
            info["endCursor"] if info["hasNextPage"] else None,
        )

    async def rest(self, after: str) -> NodePage:
        """Every observation after the cursor, up to `MOST_OBSERVATIONS`. Raises `ClientError`."""
        nodes: list[Node] = []
        cursor: str | None = after
        while cursor is not None and len(nodes) < MOST_OBSERVATIONS:
            page = await self.observations(cursor)
            nodes.extend(page.nodes)
            cursor = page.end_cursor
        return NodePage(tuple(nodes), cursor)

    async def details(self, observation_id: str) -> Details:
        """One observation in full. Raises `ClientError`, `NOT_FOUND` when it does not exist."""
        found = (await self._trace("Observation", {"observationId": observation_id}))["observation"]
        if found is None:
            raise ClientError(Problem.NOT_FOUND, "This observation no longer exists.")
        return await asyncio.to_thread(_details_of, found)

    async def _trace(self, operation: str, more: Mapping[str, Any]) -> Any:
        data = await self._api.execute(operation, self._variables | dict(more))
        trace = data["project"] and data["project"]["trace"]
        if trace is None:
            raise ClientError(Problem.NOT_FOUND, "This trace does not exist or is not yours to see.")
        return trace


def facts_of(node: Node) -> tuple[tuple[str, str], ...]:
    """Captions and values that the tree already knows; those without a value are left out."""
    every = (
        ("Started", format_instant(node.start_ns)),
        ("Latency", format_duration(node.latency_ms)),
        ("Cost", format_cost(node.cost_usd)),
        ("Usage", format_usage(node.usage)),
        ("Model", node.model),
    )
    return tuple((caption, value) for caption, value in every if value)


def _head_of(found: Mapping[str, Any]) -> Details:
    node = Node(
        id=found["id"],
        parent_id=None,
        type="TRACE",
        name=found["name"] or "Unnamed trace",
        start_ns=parse_instant(found["timestamp"]),
        end_ns=parse_optional_instant(found["endTime"]),
        latency_ms=found["latencyMs"],
        level=found["level"],
        model="",
        cost_usd=parse_cost(found["totalCost"]),
        usage=parse_usage(found["usage"]),
    )
    return _details(
        node,
        found,
        ("User", found["userId"]),
        ("Session", found["sessionId"]),
        ("Environment", found["environment"]),
        ("Release", found["release"]),
        ("Version", found["version"]),
        ("Tags", ", ".join(found["tags"])),
        ("Observations", f"{found['observationCount']:,}"),
    )


def _details_of(found: Mapping[str, Any]) -> Details:
    prompt = found["promptName"]
    if prompt and found["promptVersion"] is not None:
        prompt = f"{prompt}  v{found['promptVersion']}"
    parameters = found["modelParameters"] or {}
    return _details(
        Node.of(found),
        found,
        ("First token", found["timeToFirstTokenMs"]),
        ("Prompt", prompt),
        *((str(key), str(value)) for key, value in parameters.items()),
        ("Environment", found["environment"]),
        ("Version", found["version"]),
        ("Release", found["release"]),
    )


def _details(node: Node, found: Mapping[str, Any], *facts: tuple[str, Any]) -> Details:
    shown = [(key, format_duration(v) if isinstance(v, float) else str(v)) for key, v in facts if v]
    return Details(
        node=node,
        facts=(*facts_of(node), *shown),
        status_message=found.get("statusMessage") or "",
        input=understand(found["input"]),
        output=understand(found["output"]),
        metadata=decode_nested(found["metadata"] or {}),
    )
