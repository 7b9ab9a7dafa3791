"""Prompts: versions of a named text or conversation, and the labels that say which one is used where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId

LATEST, PRODUCTION = "latest", "production"
MAX_COMMIT_MESSAGE = 500
_LABEL = re.compile(r"[a-z0-9_.-]{1,36}\Z")
_PLACEHOLDER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_TAG = re.compile(r"@@@langfusePrompt:(.*?)@@@", re.DOTALL)
_HTML = re.compile(r"<[^>]*>")
_RESERVED = frozenset({"new", "metrics", "prompt-detail"})


class PromptType(StrEnum):
    """A text, or the messages of a conversation."""

    TEXT = "text"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Reference:
    """A tag within a prompt: another prompt by version, or by the version that has a label."""

    tag: str
    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.name} (version {self.version})" if self.version else f"{self.name} (label {self.label})"
        )


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """A version to make; None for ``tags`` takes over those of the newest version."""

    name: str
    type: PromptType
    prompt: Any
    labels: tuple[str, ...] = ()
    tags: tuple[str, ...] | None = None
    config: Any = None
    commit_message: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt.

    Attributes:
        prompt: the text, or a list of ``{role, content}`` and ``{type: "placeholder", name}``.
        version: from 1, by name.
        labels: each is on one version of the name only; ``latest`` always on the newest.
    """

    id: str
    project_id: ProjectId
    name: str
    version: int
    type: PromptType
    prompt: Any
    config: Any
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    commit_message: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether it is what callers get who name neither version nor label."""
        return PRODUCTION in self.labels


@dataclass(frozen=True, slots=True)
class PromptSummary:
    """What a list shows of a name: its versions that fulfil the filter, together."""

    name: str
    type: PromptType
    versions: list[int]
    labels: list[str]
    tags: list[str]
    last_updated_at: datetime
    last_config: Any


@dataclass(slots=True)
class Resolution:
    """What a prompt consists of: itself, and by the id of each the prompts that it refers to."""

    root: Prompt
    dependencies: dict[str, list[Prompt]] = field(default_factory=dict)


def check_name(name: str) -> str:
    """The name without blanks around it.

    Raises:
        InvalidInput: it cannot be a name.
    """
    name = name.strip()
    if not name:
        raise InvalidInput("Text cannot be empty")
    if _HTML.search(name):
        raise InvalidInput("Text cannot contain HTML tags")
    if name.startswith("/") or name.endswith("/") or "//" in name:
        raise InvalidInput("Name cannot start or end with a slash or contain two in a row")
    if "|" in name or "\0" in name:
        raise InvalidInput("Prompt name cannot contain '|'")
    if name in _RESERVED:
        raise InvalidInput(f"Prompt name cannot be '{name}'")
    return name


def check_label(label: str) -> str:
    """The label itself; InvalidInput where it is none."""
    if not _LABEL.match(label):
        raise InvalidInput("A label has 1 to 36 of the characters a-z, 0-9, _, - and .")
    return label


def check_body(type_: PromptType, prompt: Any) -> Any:
    """The text, or the messages with what they may have and nothing else.

    Raises:
        InvalidInput: the body does not fit the type, or a variable and a placeholder share a name.
    """
    if type_ is PromptType.TEXT:
        if not isinstance(prompt, str):
            raise InvalidInput("A text prompt is a text")
        return prompt
    if not isinstance(prompt, list):
        raise InvalidInput("A chat prompt is a list of messages")
    messages = [_message(each, number) for number, each in enumerate(prompt)]
    placeholders = {each["name"] for each in messages if each.get("type") == "placeholder"}
    variables = {name for each in messages for name in _VARIABLE.findall(each.get("content", ""))}
    if shared := sorted(placeholders & variables):
        raise InvalidInput(f"'{shared[0]}' is both a variable and a placeholder")
    return messages


def _message(raw: Any, number: int) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise InvalidInput(f"Message {number} is no object")
    if raw.get("type") == "placeholder":
        name = raw.get("name")
        if not isinstance(name, str) or not _PLACEHOLDER.match(name):
            raise InvalidInput(
                f"Message {number}: the name of a placeholder is a letter, then letters, digits and _"
            )
        return {"type": "placeholder", "name": name}
    role, content = raw.get("role"), raw.get("content")
    if not isinstance(role, str) or not isinstance(content, str):
        raise InvalidInput(f"Message {number} needs role and content as texts")
    return {"role": role, "content": content}


@dataclass(frozen=True, slots=True)
class PromptFilter:
    """Which versions a list counts; None and empty texts mean all.

    Attributes:
        label, tag: one that the version has.
        since_ns, until_ns: nanoseconds; when the version was changed, the second is not included.
    """

    name: str | None = None
    version: int | None = None
    label: str | None = None
    tag: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None


def texts_of(prompt: Any) -> Iterator[str]:
    """The texts within a body."""
    if isinstance(prompt, str):
        yield prompt
    else:
        yield from (each["content"] for each in prompt if "content" in each)


def references(prompt: Any) -> list[Reference]:
    """The tags within a body, each once; what is not formed as it should be is left as text."""
    found: dict[str, Reference] = {}
    for text in texts_of(prompt):
        for match in _TAG.finditer(text):
            reference = _reference(match.group(0), match.group(1))
            if reference is not None:
                found[reference.tag] = reference
    return list(found.values())


def _reference(tag: str, content: str) -> Reference | None:
    parts = content.split("|")
    if len(parts) != 2 or not parts[0].startswith("name="):
        return None
    name, (key, equals, value) = parts[0].removeprefix("name="), parts[1].partition("=")
    if not name or not equals or not value:
        return None
    if key == "version" and value.isascii() and value.isdecimal() and 0 < int(value) < 1 << 31:
        return Reference(tag, name, version=int(value))
    return Reference(tag, name, label=value) if key == "label" else None


def replaced(prompt: Any, texts: dict[str, str]) -> Any:
    """The body with each tag replaced by its text."""

    def fill(text: str) -> str:
        return _TAG.sub(lambda match: texts.get(match.group(0), match.group(0)), text)

    if isinstance(prompt, str):
        return fill(prompt)
    return [each | {"content": fill(each["content"])} if "content" in each else each for each in prompt]
