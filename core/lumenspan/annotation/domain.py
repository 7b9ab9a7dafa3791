"""Annotation queues: what people are to look at, along which score configs, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId, ScoreConfigId

MAX_NAME, MAX_DESCRIPTION, MAX_CONFIGS, MAX_OBJECT_ID = 255, 5_000, 100, 1_000


class ObjectType(StrEnum):
    """What an item of a queue is about."""

    TRACE = "TRACE"
    OBSERVATION = "OBSERVATION"
    SESSION = "SESSION"


class ItemStatus(StrEnum):
    """Whether somebody has still to look at an item."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue; ``score_config_ids`` are the dimensions that its items are scored on, in order."""

    id: str
    project_id: ProjectId
    name: str
    description: str | None
    score_config_ids: tuple[ScoreConfigId, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class QueueItem:
    """Something to look at; ``completed_at`` is when it was completed last, also if it is pending again."""

    id: str
    project_id: ProjectId
    queue_id: str
    object_id: str
    object_type: ObjectType
    status: ItemStatus
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person is to work on a queue."""

    project_id: ProjectId
    queue_id: str
    user_id: str


def check_name(name: str) -> str:
    """The name without blanks around it; InvalidInput where it cannot be one."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or "\0" in name:
        raise InvalidInput(f"The name of a queue has 1 to {MAX_NAME} characters")
    return name


def check_description(text: str | None) -> str | None:
    """The text itself; InvalidInput where it is too long."""
    if text is not None and len(text) > MAX_DESCRIPTION:
        raise InvalidInput(f"The description of a queue has at most {MAX_DESCRIPTION} characters")
    return text


def check_object_id(id_: str) -> str:
    """The id itself; InvalidInput where it cannot be one."""
    if not 1 <= len(id_) <= MAX_OBJECT_ID or "\0" in id_:
        raise InvalidInput(f"objectId has 1 to {MAX_OBJECT_ID} characters")
    return id_
