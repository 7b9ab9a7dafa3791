"""An observation: one span of a trace, such as a generation, a tool call or an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from lumenspan.cursors import decode_cursor, encode_cursor
from lumenspan.ids import ObservationId, ProjectId, TraceId


class Level(StrEnum):
    """How bad it is; a trace has the worst level of its observations."""

    DEBUG = "DEBUG"
    DEFAULT = "DEFAULT"
    WARNING = "WARNING"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        """1 (DEBUG) to 4 (ERROR), as the store keeps it."""
        return LEVELS.index(self) + 1


LEVELS = (Level.DEBUG, Level.DEFAULT, Level.WARNING, Level.ERROR)


class ObservationType(StrEnum):
    """What kind of work an observation records."""

    SPAN = "SPAN"
    GENERATION = "GENERATION"
    EVENT = "EVENT"
    AGENT = "AGENT"
    TOOL = "TOOL"
    CHAIN = "CHAIN"
    RETRIEVER = "RETRIEVER"
    EVALUATOR = "EVALUATOR"
    EMBEDDING = "EMBEDDING"
    GUARDRAIL = "GUARDRAIL"


@dataclass(frozen=True, slots=True)
class Pricing:
    """Where an observation's token counts and cost come from; empty texts where nothing is known.

    Attributes:
        model_id: the definition that its model name matched.
        tier_id, tier_name: which of the definition's tiers priced it.
        price_source: the exact prices: the table and its version, or the revision of the project's own.
        usage_source: ``provided``, ``tokenizer`` or ``estimated``.
        cost_source: ``provided`` or ``calculated``.
    """

    model_id: str = ""
    tier_id: str = ""
    tier_name: str = ""
    price_source: str = ""
    usage_source: str = ""
    cost_source: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """The newest write of one observation; texts are empty where there are none.

    Attributes:
        start_ns, end_ns, completion_start_ns, updated_ns: nanoseconds since the epoch.
        created_us: microseconds since the epoch at which it was stored.
        input, output: in full; None where they were not asked for.
        input_preview, output_preview: the first 200 characters.
        cost: US dollars by kind; ``total`` is their sum.
        model_parameters: a JSON object as text.
    """

    project_id: ProjectId
    trace_id: TraceId
    id: ObservationId
    parent_id: str
    type: str
    name: str
    start_ns: int
    end_ns: int | None
    completion_start_ns: int | None
    level: Level
    status_message: str
    environment: str
    version: str
    release: str
    user_id: str
    session_id: str
    model: str
    model_parameters: str
    prompt_name: str
    prompt_version: int | None
    input_preview: str
    output_preview: str
    is_root: bool
    updated_ns: int
    created_us: int
    usage: dict[str, int] = field(default_factory=dict)
    cost: dict[str, Decimal] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    trace_name: str = ""
    is_public: bool = False
    is_bookmarked: bool = False
    pricing: Pricing = Pricing()
    input: str | None = None
    output: str | None = None

    @property
    def latency_ns(self) -> int | None:
        """Nanoseconds from start to end; None while it runs."""
        return None if self.end_ns is None else self.end_ns - self.start_ns

    @property
    def time_to_first_token_ns(self) -> int | None:
        """Nanoseconds from start to the first part of the answer."""
        return None if self.completion_start_ns is None else self.completion_start_ns - self.start_ns

    @property
    def total_cost(self) -> Decimal | None:
        """US dollars; None where no cost is known."""
        return self.cost.get("total")

    @property
    def position(self) -> ObservationPosition:
        """Where it stands in the list of the project's observations."""
        return ObservationPosition(self.start_ns, self.trace_id, self.id)


@dataclass(frozen=True, slots=True)
class ObservationTexts:
    """Input and output in full, as stored; None where there is none."""

    input: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class ObservationOutline:
    """The few facts of an observation that a tree shows: a long trace has many of them.

    Attributes:
        start_ns, end_ns: nanoseconds since the epoch; ``end_ns`` is None while it runs.
        total_cost: US dollars; None where no cost is known.
        total_usage: tokens; None where none are known.
    """

    id: ObservationId
    parent_id: str
    type: str
    name: str
    start_ns: int
    end_ns: int | None
    level: Level
    model: str
    total_cost: Decimal | None
    total_usage: int | None


@dataclass(frozen=True, slots=True)
class ObservationPage:
    """A page of observations; ``has_more`` says whether another follows."""

    observations: list[Observation]
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class ObservationPosition:
    """A place in the list of a project's observations, which is ordered by start, newest first."""

    start_ns: int
    trace_id: str
    id: str

    @classmethod
    def of_cursor(cls, text: str) -> ObservationPosition | None:
        """The place that a cursor stands for; None where it is empty.

        Raises:
            InvalidInput: it is no cursor of such a list.
        """
        if not text:
            return None
        start_ns, trace_id, id_ = decode_cursor(text, (int, str, str))
        return cls(int(start_ns), str(trace_id), str(id_))

    @property
    def cursor(self) -> str:
        """What stands for the place in an answer."""
        return encode_cursor((self.start_ns, self.trace_id, self.id))


@dataclass(frozen=True, slots=True)
class ObservationParts:
    """Which wide columns a search reads.

    Attributes:
        has_texts: input and output in full.
        metadata_chars: characters of each metadata value; None for all, 0 for no metadata at all.
    """

    has_texts: bool = False
    metadata_chars: int | None = 0
