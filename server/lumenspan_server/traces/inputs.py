"""GraphQL inputs of trace lists and how they become the domain's filter and order."""

import enum

import strawberry

from lumenspan.errors import InvalidInput
from lumenspan.observations.domain import Level
from lumenspan.traces.domain import TraceFilter, TraceOrder, TraceOrderField
from lumenspan_server.gql.scalars import Instant

strawberry.enum(Level, name="ObservationLevel")
_MAX_VALUES = 1_000
_MAX_SEARCH_CHARS = 1_000


@strawberry.enum(name="TraceOrderField")
class TraceOrderFieldEnum(enum.Enum):
    TIMESTAMP = "TIMESTAMP"
    NAME = "NAME"
    LATENCY = "LATENCY"
    USER_ID = "USER_ID"
    SESSION_ID = "SESSION_ID"
    LEVEL = "LEVEL"


@strawberry.enum
class OrderDirection(enum.Enum):
    ASC = "ASC"
    DESC = "DESC"


@strawberry.input(name="TraceOrder")
class TraceOrderInput:
    field: TraceOrderFieldEnum = TraceOrderFieldEnum.TIMESTAMP
    direction: OrderDirection = OrderDirection.DESC

    def to_domain(self) -> TraceOrder:
        return TraceOrder(TraceOrderField(self.field.value), self.direction is OrderDirection.DESC)


@strawberry.input(name="TraceFilter", description="Conditions that must all hold; lists mean any of them")
class TraceFilterInput:
    from_timestamp: Instant | None = strawberry.field(default=None, description="At or after")
    to_timestamp: Instant | None = strawberry.field(default=None, description="Before")
    name: list[str] | None = None
    user_id: list[str] | None = None
    session_id: list[str] | None = None
    tags: list[str] | None = strawberry.field(default=None, description="All of them")
    environment: list[str] | None = None
    level: list[Level] | None = strawberry.field(default=None, description="Worst level of the trace")
    release: list[str] | None = None
    version: list[str] | None = None
    search: str | None = strawberry.field(
        default=None, description="Part of the id or the name, whatever the case"
    )

    def to_domain(self) -> TraceFilter:
        """The domain's filter; InvalidInput where it is unreasonably long."""
        lists = (self.name, self.user_id, self.session_id, self.tags, self.environment)
        if any(len(values) > _MAX_VALUES for values in (*lists, self.release, self.version) if values):
            raise InvalidInput(f"A filter takes at most {_MAX_VALUES} values of a kind")
        if self.search and len(self.search) > _MAX_SEARCH_CHARS:
            raise InvalidInput(f"search takes at most {_MAX_SEARCH_CHARS} characters")
        return TraceFilter(
            from_ns=self.from_timestamp,
            to_ns=self.to_timestamp,
            names=tuple(self.name or ()),
            user_ids=tuple(self.user_id or ()),
            session_ids=tuple(self.session_id or ()),
            tags=tuple(self.tags or ()),
            environments=tuple(self.environment or ()),
            levels=tuple(self.level or ()),
            releases=tuple(self.release or ()),
            versions=tuple(self.version or ()),
            search=self.search or "",
        )
