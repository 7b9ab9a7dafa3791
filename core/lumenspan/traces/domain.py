"""A trace as people see it: what its observations, in any order of arrival, say about it together."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from lumenspan.filters import Condition
from lumenspan.ids import ProjectId, TraceId
from lumenspan.observations.domain import Level

PREVIEW_CHARS = 200
# What clients of the first version may ask for of a trace.
FIELD_GROUPS = frozenset({"core", "io", "scores", "observations", "metrics"})


@dataclass(frozen=True, slots=True)
class TraceKey:
    """A trace and the time its observations span: enough to find them by primary key.

    Attributes:
        start_ns, end_ns: nanoseconds since the epoch, both inclusive.
    """

    id: TraceId
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace without its sums and texts, which are loaded only when asked for.

    Attributes:
        start_ns, end_ns, updated_ns: nanoseconds since the epoch; ``end_ns`` is the latest end (or start)
            of any observation so far.
        created_us: microseconds since the epoch at which its first observation was stored.
    """

    project_id: ProjectId
    id: TraceId
    name: str
    start_ns: int
    end_ns: int
    user_id: str
    session_id: str
    environment: str
    release: str
    version: str
    tags: tuple[str, ...]
    is_public: bool
    is_bookmarked: bool
    level: Level
    created_us: int
    updated_ns: int

    @property
    def key(self) -> TraceKey:
        """Where its observations are."""
        return TraceKey(self.id, self.start_ns, self.end_ns)

    @property
    def latency_ns(self) -> int:
        """Nanoseconds from the first start to the last end."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class TraceSums:
    """Sums over the observations of a trace, each counted once.

    Attributes:
        total_cost: US dollars; None where no observation has a cost.
    """

    observation_count: int = 0
    total_cost: Decimal | None = None
    usage: dict[str, int] = field(default_factory=dict)
    observation_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceTexts:
    """Input and output of a trace; None where there is none."""

    input: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Conditions on traces, all of which must hold; an empty one holds always.

    Attributes:
        from_ns: trace start at or after, nanoseconds since the epoch.
        to_ns: trace start before.
        tags: the trace has all of them; every other tuple means "any of".
        levels: the worst level of its observations is any of these.
        search: part of the id or of the name, whatever the case.
        conditions: of the filter grammar; only the store can decide them.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    releases: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    search: str = ""
    conditions: tuple[Condition, ...] = ()

    @property
    def has_only_times(self) -> bool:
        """Whether nothing but the start time decides."""
        return self == TraceFilter(from_ns=self.from_ns, to_ns=self.to_ns)

    def matches(self, trace: Trace) -> bool:
        """Whether ``trace`` fulfils everything; agrees with the SQL of ``queries.conditions``.

        Raises:
            ValueError: there are ``conditions``, which need the store.
        """
        if self.conditions:
            raise ValueError("conditions of the filter grammar are decided by the store")
        if self.from_ns is not None and trace.start_ns < self.from_ns:
            return False
        if self.to_ns is not None and trace.start_ns >= self.to_ns:
            return False
        any_of: tuple[tuple[tuple[str, ...], str], ...] = (
            (self.ids, trace.id),
            (self.names, trace.name),
            (self.user_ids, trace.user_id),
            (self.session_ids, trace.session_id),
            (self.environments, trace.environment),
            (self.levels, trace.level),
            (self.releases, trace.release),
            (self.versions, trace.version),
        )
        if any(allowed and value not in allowed for allowed, value in any_of):
            return False
        if not set(self.tags) <= set(trace.tags):
            return False
        needle = self.search.lower()
        return needle in trace.id.lower() or needle in trace.name.lower()


class TraceOrderField(StrEnum):
    """What a list of traces can be ordered by."""

    TIMESTAMP = "TIMESTAMP"
    NAME = "NAME"
    LATENCY = "LATENCY"
    USER_ID = "USER_ID"
    SESSION_ID = "SESSION_ID"
    LEVEL = "LEVEL"
    ID = "ID"
    RELEASE = "RELEASE"
    VERSION = "VERSION"
    PUBLIC = "PUBLIC"
    BOOKMARKED = "BOOKMARKED"

    def value_of(self, trace: Trace) -> int | str:
        """What ``trace`` is ordered by, as the store compares it."""
        values: dict[TraceOrderField, int | str] = {
            TraceOrderField.TIMESTAMP: trace.start_ns,
            TraceOrderField.NAME: trace.name,
            TraceOrderField.LATENCY: trace.latency_ns,
            TraceOrderField.USER_ID: trace.user_id,
            TraceOrderField.SESSION_ID: trace.session_id,
            TraceOrderField.LEVEL: trace.level.rank,
            TraceOrderField.ID: trace.id,
            TraceOrderField.RELEASE: trace.release,
            TraceOrderField.VERSION: trace.version,
            TraceOrderField.PUBLIC: int(trace.is_public),
            TraceOrderField.BOOKMARKED: int(trace.is_bookmarked),
        }
        return values[self]

    @property
    def value_type(self) -> type[int] | type[str]:
        """Type of ``value_of``."""
        is_number = self in (
            TraceOrderField.TIMESTAMP,
            TraceOrderField.LATENCY,
            TraceOrderField.LEVEL,
            TraceOrderField.PUBLIC,
            TraceOrderField.BOOKMARKED,
        )
        return int if is_number else str


@dataclass(frozen=True, slots=True)
class TraceOrder:
    """An order of traces; equal values are ordered by id, in the same direction."""

    field: TraceOrderField = TraceOrderField.TIMESTAMP
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class TracePage:
    """A page of a list of traces.

    Attributes:
        has_more: whether another page follows.
        is_cut: a time limit ended the search before it was complete.
    """

    traces: list[Trace]
    has_more: bool = False
    is_cut: bool = False
