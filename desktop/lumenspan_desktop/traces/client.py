"""Traces as the list asks for them: filter and order in, rows out."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from lumenspan_desktop.api import Api
from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.values import instant_text, one_line, parse_cost, parse_instant, parse_usage

PAGE_SIZE = 100


class OrderField(StrEnum):
    """What the API can order traces by."""

    TIMESTAMP = "TIMESTAMP"
    NAME = "NAME"
    LATENCY = "LATENCY"
    USER_ID = "USER_ID"
    SESSION_ID = "SESSION_ID"
    LEVEL = "LEVEL"


@dataclass(frozen=True)
class Order:
    """Order of the list; the newest first unless said otherwise."""

    field: OrderField = OrderField.TIMESTAMP
    is_descending: bool = True

    def to_input(self) -> dict[str, str]:
        """As `TraceOrder`."""
        return {"field": self.field.value, "direction": "DESC" if self.is_descending else "ASC"}


@dataclass(frozen=True)
class TraceFilter:
    """Which traces to list. Empty fields do not restrict.

    Attributes:
        from_ns, to_ns: half-open range of the trace's timestamp, in nanoseconds since the epoch.
        names, user_ids, session_ids, environments, levels: any of.
        tags: all of.
        search: part of the id or the name.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    names: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    search: str = ""

    def to_input(self) -> dict[str, Any]:
        """As the API's `TraceFilter`; only the fields that restrict."""
        every: dict[str, Any] = {
            "fromTimestamp": None if self.from_ns is None else instant_text(self.from_ns),
            "toTimestamp": None if self.to_ns is None else instant_text(self.to_ns),
            "name": list(self.names),
            "userId": list(self.user_ids),
            "sessionId": list(self.session_ids),
            "tags": list(self.tags),
            "environment": list(self.environments),
            "level": list(self.levels),
            "search": self.search.strip(),
        }
        return {key: value for key, value in every.items() if value}


@dataclass(frozen=True)
class TraceRow:
    """One row of the list: time in nanoseconds since the epoch, latency in ms, cost in dollars."""

    id: str
    name: str
    timestamp_ns: int
    latency_ms: float | None
    user_id: str
    session_id: str
    environment: str
    tags: tuple[str, ...]
    level: str
    input_preview: str
    output_preview: str
    observation_count: int
    cost_usd: Decimal | None
    usage: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "TraceRow":
        """From a `TraceRow` fragment."""
        return cls(
            id=node["id"],
            name=node["name"] or "",
            timestamp_ns=parse_instant(node["timestamp"]),
            latency_ms=node["latencyMs"],
            user_id=node["userId"] or "",
            session_id=node["sessionId"] or "",
            environment=node["environment"],
            tags=tuple(node["tags"]),
            level=node["level"],
            input_preview=one_line(node["inputPreview"]),
            output_preview=one_line(node["outputPreview"]),
            observation_count=node["observationCount"],
            cost_usd=parse_cost(node["totalCost"]),
            usage=parse_usage(node["usage"]),
        )


@dataclass(frozen=True)
class TracePage:
    """Rows in the order asked for; `end_cursor` is None on the last page."""

    rows: tuple[TraceRow, ...]
    end_cursor: str | None
    is_cut: bool


@dataclass(frozen=True)
class TailBatch:
    """Traces that were written since the last batch; after a gap the list must be loaded anew."""

    rows: tuple[TraceRow, ...]
    is_gap: bool


class TracesClient:
    """The list's questions to one project of one server."""

    def __init__(self, api: Api, project_id: str) -> None:
        self._api = api
        self.project_id = project_id

    async def page(self, wanted: TraceFilter, order: Order, after: str | None = None) -> TracePage:
        """One page after the cursor (None: the first). Raises `ClientError`."""
        data = await self._api.execute(
            "Traces",
            {
                "projectId": self.project_id,
                "first": PAGE_SIZE,
                "after": after,
                "filter": wanted.to_input(),
                "orderBy": order.to_input(),
            },
        )
        traces = self._project(data)["traces"]
        info = traces["pageInfo"]
        return TracePage(
            rows=tuple(TraceRow.of(edge["node"]) for edge in traces["edges"]),
            end_cursor=info["endCursor"] if info["hasNextPage"] else None,
            is_cut=traces["isCut"],
        )

    async def environments(self) -> tuple[str, ...]:
        """Names of the environments seen lately. Raises `ClientError`."""
        data = await self._api.execute("Environments", {"projectId": self.project_id})
        return tuple(self._project(data)["environments"])

    async def tail(
        self, wanted: TraceFilter, after: str | None
    ) -> AsyncGenerator[tuple[str, TailBatch] | None, None]:
        """Batches with their cursors from one connection; None once connected. Raises `ClientError`."""
        variables = {"projectId": self.project_id, "filter": wanted.to_input(), "after": after}
        async for data in self._api.subscribe("TraceTail", variables):
            if data is None:
                yield None
                continue
            event = data["traceTail"]
            rows = tuple(TraceRow.of(node) for node in event["traces"])
            yield event["cursor"], TailBatch(rows, event["isGap"])

    def _project(self, data: Mapping[str, Any]) -> Any:
        if data["project"] is None:
            raise ClientError(Problem.NOT_FOUND, "This project does not exist or is not yours to see.")
        return data["project"]
