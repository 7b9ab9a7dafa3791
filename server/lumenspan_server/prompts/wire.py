"""Prompts on the wire: what the routes take and answer."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from lumenspan.prompts.domain import NewPrompt, PromptFilter, PromptType
from lumenspan_server.operations import Instant, Nanos, PageMeta, PageQuery, Wire

_Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class PromptBody(Wire):
    """A version to make: ``prompt`` is a text, or the messages of a chat."""

    name: str
    prompt: Any
    type: PromptType | None = None
    labels: Annotated[list[str], Meta(max_length=100)] | None = None
    tags: Annotated[list[str], Meta(max_length=1_000)] | None = None
    config: Any = None
    commit_message: str | None = None

    def to_domain(self, *labels: str) -> NewPrompt:
        """What the service takes, with further labels."""
        return NewPrompt(
            name=self.name,
            type=self.type or PromptType.TEXT,
            prompt=self.prompt,
            labels=(*(self.labels or ()), *labels),
            tags=None if self.tags is None else tuple(self.tags),
            config=self.config,
            commit_message=self.commit_message,
        )


class PromptBodyV1(PromptBody, kw_only=True):
    """The same of the first version: ``isActive`` puts it into production."""

    is_active: bool


class PromptLabels(Wire):
    """Labels that the version gets besides its own."""

    new_labels: Annotated[list[str], Meta(max_length=100)]


class PromptChoice(Wire):
    """Which version: by number or by label."""

    version: _Number | None = None
    label: str | None = None


class PromptQuery(PromptChoice):
    """Which version, and whether the prompts that it refers to are put in their places."""

    resolve: bool | None = None


class PromptQueryV1(Wire):
    """Which prompt; the version in production where no number is given."""

    name: str
    version: _Number | None = None


class PromptListQuery(PageQuery):
    """What ``GET /v2/prompts`` takes; ``filter`` stands in for the other conditions."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    name: str | None = None
    version: _Number | None = None
    label: str | None = None
    tag: str | None = None
    from_updated_at: Nanos | None = None
    to_updated_at: Nanos | None = None
    filter: str | None = None

    def to_domain(self) -> PromptFilter:
        """The conditions besides ``filter``."""
        return PromptFilter(
            name=self.name,
            version=self.version,
            label=self.label,
            tag=self.tag,
            since_ns=self.from_updated_at,
            until_ns=self.to_updated_at,
        )


class PromptMessage(Wire):
    """A message with ``role`` and ``content``, or a placeholder with ``name``."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    type: Literal["chatmessage", "placeholder"] | UnsetType = UNSET
    name: str | UnsetType = UNSET


class _Version(Wire, tag_field="type"):
    id: str
    created_at: Instant
    updated_at: Instant
    project_id: str
    created_by: str
    name: str
    version: int
    is_active: bool
    config: Any
    tags: list[str]
    labels: list[str]
    commit_message: str | None
    resolution_graph: dict[str, Any] | UnsetType | None = UNSET


class TextPrompt(_Version, tag="text", kw_only=True):
    """A version that is a text."""

    prompt: str


class ChatPrompt(_Version, tag="chat", kw_only=True):
    """A version that is a conversation."""

    prompt: list[PromptMessage]


PromptVersion = TextPrompt | ChatPrompt


class PromptSummary(Wire):
    """All versions of a name that fit."""

    name: str
    type: PromptType
    versions: list[int]
    labels: list[str]
    tags: list[str]
    last_updated_at: Instant
    last_config: Any


class Prompts(Wire):
    """A page of prompts; ``pagination`` is ``meta`` once more."""

    data: list[PromptSummary]
    meta: PageMeta
    pagination: PageMeta
