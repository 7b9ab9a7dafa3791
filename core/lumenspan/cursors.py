"""Opaque page cursors: base64url of a short JSON array, so that any position survives a URL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

import orjson

from lumenspan.clock import nanos_to_datetime
from lumenspan.errors import InvalidInput

_MAX_CHARS = 4096


def encode_cursor(parts: Sequence[str | int]) -> str:
    """The cursor that stands for ``parts``."""
    return base64.urlsafe_b64encode(orjson.dumps(list(parts))).decode().rstrip("=")


def decode_cursor(text: str, types: Sequence[type[str] | type[int]]) -> list[str | int]:
    """The parts of a cursor, of exactly these types.

    Raises:
        InvalidInput: the text is no cursor, or one of another list.
    """
    try:
        if len(text) > _MAX_CHARS:
            raise ValueError("longer than any cursor")
        parts = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise InvalidInput("Invalid cursor") from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise InvalidInput("Invalid cursor")
    if any(isinstance(part, int) and not -(2**63) <= part < 2**63 for part in parts):
        raise InvalidInput("Invalid cursor")
    return parts


def number_and_id(text: str | None) -> tuple[int, str] | None:
    """The position of a list that is ordered by a number and an id; None where no cursor is given.

    Raises:
        InvalidInput: as for ``decode_cursor``.
    """
    if text is None:
        return None
    number, id_ = decode_cursor(text, (int, str))
    return int(number), str(id_)


def time_and_id(text: str | None) -> tuple[datetime, str] | None:
    """The same where the number is a time in nanoseconds."""
    found = number_and_id(text)
    return None if found is None else (nanos_to_datetime(found[0]), found[1])
