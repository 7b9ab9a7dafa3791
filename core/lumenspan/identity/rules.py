"""What names, metadata and retention may be. Pure."""

from __future__ import annotations

import json
from typing import Any

from lumenspan.errors import InvalidInput

MIN_RETENTION_DAYS = 3
# A hundred years: longer is for ever.
MAX_RETENTION_DAYS = 36_525
MAX_NAME_LENGTH = 200
_MAX_METADATA_CHARACTERS = 100_000
_NO_OBJECT = "Invalid metadata. It must be a JSON object"


def checked_name(name: str, what: str = "name") -> str:
    """The name without surrounding space.

    Raises:
        InvalidInput: empty, too long, or with control characters.
    """
    stripped = name.strip()
    if not stripped or len(stripped) > MAX_NAME_LENGTH or not stripped.isprintable():
        raise InvalidInput(f"Invalid {what}. It has 1 to {MAX_NAME_LENGTH} printable characters")
    return stripped


def checked_retention(days: int | None) -> int | None:
    """The days that data is kept; None (also for 0) keeps it for ever.

    Raises:
        InvalidInput: under three days.
    """
    if not days:
        return None
    if not MIN_RETENTION_DAYS <= days <= MAX_RETENTION_DAYS:
        raise InvalidInput(
            "Invalid retention value. "
            f"It is 0 (for ever) or {MIN_RETENTION_DAYS} to {MAX_RETENTION_DAYS} days"
        )
    return days


def checked_metadata(value: Any) -> dict[str, Any]:
    """A JSON object, given as such or as its text.

    Raises:
        InvalidInput: it is something else, too large, or holds text that cannot be stored.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise InvalidInput(_NO_OBJECT) from None
    if not isinstance(value, dict):
        raise InvalidInput(_NO_OBJECT)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        raise InvalidInput("Invalid metadata. It holds a value that cannot be stored") from None
    if len(text) > _MAX_METADATA_CHARACTERS:
        raise InvalidInput(f"Invalid metadata. It has more than {_MAX_METADATA_CHARACTERS} characters")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)
