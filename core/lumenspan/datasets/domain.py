"""Datasets: items to try an application on, every state of them, and the runs that did."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MAX_INT = 2**53
_MAX_NAME, _MAX_ITEM_ID = 255, 255
_RUN_HEX = 16


class ItemStatus(StrEnum):
    """Whether runs are to use an item."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset; the schemas are JSON Schemas of its items, None for none."""

    id: str
    project_id: ProjectId
    name: str
    description: str | None
    metadata: Any
    input_schema: dict[str, Any] | None
    expected_output_schema: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it was from ``valid_from`` on."""

    id: str
    dataset_id: str
    dataset_name: str
    status: ItemStatus
    input: Any
    expected_output: Any
    metadata: Any
    source_trace_id: str | None
    source_observation_id: str | None
    created_at: datetime
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What is said of an item; None keeps what is there. ``id`` None makes a new one."""

    dataset_name: str | None
    id: str | None = None
    input: Any = None
    expected_output: Any = None
    metadata: Any = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    status: ItemStatus | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run over items of a dataset."""

    id: str
    project_id: ProjectId
    dataset_id: str
    dataset_name: str
    name: str
    description: str | None
    metadata: Any
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunItem:
    """What a run did with an item: a trace, or one observation of it."""

    id: str
    run_id: str
    run_name: str
    item_id: str
    trace_id: str
    observation_id: str | None
    created_at: datetime
    updated_at: datetime


def run_id(project_id: str, dataset_id: str, name: str) -> str:
    """Id of a run, as SDKs work it out themselves (contract, section 5)."""
    text = orjson.dumps(["langfuse-experiment-v1", project_id, dataset_id, name])
    return hashlib.sha256(text).hexdigest()[:_RUN_HEX]


def check_name(name: str) -> str:
    """The name without blanks around it.

    Raises:
        InvalidInput: it cannot be one; slashes make folders.
    """
    name = name.strip()
    is_wrong = not name or len(name) > _MAX_NAME or "\0" in name or "|" in name
    if is_wrong or name.startswith("/") or name.endswith("/") or "//" in name:
        raise InvalidInput(
            f"Dataset name not valid: 1 to {_MAX_NAME} characters, slashes only between names"
        )
    return name


def check_item_id(id_: str) -> str:
    """The id itself; InvalidInput where it cannot be one."""
    if not 1 <= len(id_) <= _MAX_ITEM_ID or "\0" in id_:
        raise InvalidInput(f"The id of an item has 1 to {_MAX_ITEM_ID} characters")
    return id_


def normalized(value: Any) -> Any:
    """A value as it is stored: JSON within a text is read, an empty text is null."""
    if isinstance(value, str):
        if not value:
            return None
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return _plain(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL.sub("", value)
    if isinstance(value, dict):
        return {_CONTROL.sub("", key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_INT:
        return str(value)
    return value
