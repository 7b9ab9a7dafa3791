"""Tools of prompts."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from lumenspan.prompts.codec import to_row, to_summary_row
from lumenspan.prompts.domain import LATEST, NewPrompt, PromptFilter, PromptType
from lumenspan_server.mcp.tools import (
    Arguments,
    BadArguments,
    Call,
    Instant,
    Paged,
    Tool,
    nanos,
    page_of,
    tool,
)

TOOLS: list[Tool] = []

_Name = Annotated[str, Meta(min_length=1, max_length=255, description="Name of the prompt")]
_Version = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of the version, from 1")]
_Labels = Annotated[tuple[str, ...], Meta(max_length=100)]
_Tags = Annotated[tuple[str, ...], Meta(max_length=1_000)]
_XOR = "Give label or version, not both"


class ListPrompts(Paged):
    """Which prompts."""

    name: Annotated[str, Meta(description="Exactly this name")] | None = None
    label: Annotated[str, Meta(description="With a version that has this label")] | None = None
    tag: Annotated[str, Meta(description="With this tag")] | None = None
    from_updated_at: Instant | None = None
    to_updated_at: Instant | None = None


class GetPrompt(Arguments):
    """Which version."""

    name: _Name
    label: (
        Annotated[str, Meta(description="Version with this label; latest where nothing is given")] | None
    ) = None
    version: _Version | None = None


class _Create(Arguments):
    name: _Name
    labels: Annotated[
        _Labels, Meta(description="Labels of the new version, such as production; they leave others")
    ] = ()
    config: Annotated[Any, Meta(description="Any JSON, such as model and temperature")] = None
    tags: Annotated[_Tags, Meta(description="Tags of the prompt; not given keeps them")] | None = None
    commit_message: Annotated[str, Meta(max_length=500)] | None = None


class CreateTextPrompt(_Create, kw_only=True):
    """A version that is a text."""

    prompt: Annotated[str, Meta(min_length=1, description="The text; {{name}} is a variable")]


class Message(Arguments):
    """A message, or a placeholder for messages that are filled in later."""

    type: Literal["chatmessage", "placeholder"] | None = None
    role: Annotated[str, Meta(description="Such as system, user or assistant")] | None = None
    content: Annotated[str, Meta(description="The text; {{name}} is a variable")] | None = None
    name: Annotated[str, Meta(description="Of a placeholder")] | None = None


class CreateChatPrompt(_Create, kw_only=True):
    """A version that is a conversation."""

    prompt: Annotated[
        tuple[Message, ...],
        Meta(min_length=1, description="{role, content} or {type: placeholder, name} each"),
    ]


class UpdateLabels(Arguments):
    """Labels for a version."""

    name: _Name
    version: _Version
    new_labels: Annotated[
        _Labels, Meta(description="Put on the version besides its own; they leave other versions")
    ]


@tool(
    TOOLS,
    "listPrompts",
    "Prompts of the project by name, with their versions, labels and tags, without their texts",
    is_read_only=True,
)
async def list_prompts(call: Call, given: ListPrompts) -> Any:
    wanted = PromptFilter(
        name=given.name,
        label=given.label,
        tag=given.tag,
        since_ns=nanos(given.from_updated_at, "fromUpdatedAt"),
        until_ns=nanos(given.to_updated_at, "toUpdatedAt"),
    )
    found, total = await call.services.prompts.page(call.project_id, wanted, None, given.page, given.limit)
    return page_of([to_summary_row(each) for each in found], given, total)


@tool(
    TOOLS,
    "getPrompt",
    "One version of a prompt, with every reference to another prompt replaced by its text",
    is_read_only=True,
)
async def get_prompt(call: Call, given: GetPrompt) -> Any:
    found, _ = await call.services.prompts.resolved(
        call.project_id, given.name, given.version, _label(given)
    )
    return to_row(found)


@tool(
    TOOLS,
    "getPromptUnresolved",
    "One version of a prompt as it was written, with its references to other prompts",
    is_read_only=True,
)
async def get_prompt_unresolved(call: Call, given: GetPrompt) -> Any:
    return to_row(
        await call.services.prompts.get(call.project_id, given.name, given.version, _label(given))
    )


def _label(given: GetPrompt) -> str | None:
    if given.version is not None and given.label is not None:
        raise BadArguments(_XOR)
    return given.label or (LATEST if given.version is None else None)


@tool(TOOLS, "createTextPrompt", "Make the next version of a prompt that is a text")
async def create_text_prompt(call: Call, given: CreateTextPrompt) -> Any:
    return await _create(call, given, PromptType.TEXT, given.prompt)


@tool(TOOLS, "createChatPrompt", "Make the next version of a prompt that is a conversation")
async def create_chat_prompt(call: Call, given: CreateChatPrompt) -> Any:
    messages = [
        {"type": "placeholder", "name": each.name}
        if each.type == "placeholder"
        else {"role": each.role, "content": each.content}
        for each in given.prompt
    ]
    return await _create(call, given, PromptType.CHAT, messages)


async def _create(call: Call, given: _Create, type_: PromptType, body: Any) -> Any:
    new = NewPrompt(
        name=given.name,
        type=type_,
        prompt=body,
        labels=given.labels,
        tags=given.tags,
        config=given.config,
        commit_message=given.commit_message,
    )
    return to_row(await call.services.prompts.create(call.project_id, new))


@tool(
    TOOLS,
    "updatePromptLabels",
    "Put labels on a version of a prompt; latest cannot be moved",
    is_destructive=True,
    is_idempotent=True,
)
async def update_prompt_labels(call: Call, given: UpdateLabels) -> Any:
    return to_row(
        await call.services.prompts.add_labels(call.project_id, given.name, given.version, given.new_labels)
    )
