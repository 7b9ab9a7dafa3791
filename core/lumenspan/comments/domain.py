"""Comments: what people say of traces, observations, sessions and versions of prompts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId, UserId

MAX_CONTENT = 5_000


class CommentObject(StrEnum):
    """What a comment is about."""

    TRACE = "TRACE"
    OBSERVATION = "OBSERVATION"
    SESSION = "SESSION"
    PROMPT = "PROMPT"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; ``content`` is Markdown, kept as it was written. None wrote what an application sent."""

    id: str
    project_id: ProjectId
    object_type: CommentObject
    object_id: str
    content: str
    author_user_id: UserId | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CommentFilter:
    """Comments on objects of a type, on one of them, or of an author."""

    object_type: CommentObject | None = None
    object_id: str | None = None
    author_user_id: str | None = None


def check_content(text: str) -> str:
    """The text without blanks around it; InvalidInput where nothing is left, or too much."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_CONTENT or "\0" in text:
        raise InvalidInput(f"The content of a comment has 1 to {MAX_CONTENT} characters")
    return text
