"""Time: aware UTC datetimes for people, integer nanoseconds for columns; never a float."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

NANOS_PER_SECOND = 1_000_000_000
LAST_NANOS = 2**63 - 1
"""The last instant that a column can hold, in the year 2262."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9})\d*)?(Z|z|[+-]\d{2}:?\d{2})\Z"
)


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def now_nanos() -> int:
    """Nanoseconds since the Unix epoch."""
    return time.time_ns()


def nanos_to_iso(nanos: int, digits: int = 9) -> str:
    """ISO-8601 in UTC with a ``Z`` and ``digits`` (0-9) fractional digits, cut and not rounded."""
    seconds, fraction = divmod(nanos, NANOS_PER_SECOND)
    # Not strftime, which writes years before 1000 without their zeros.
    text = datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")
    if digits:
        text += "." + f"{fraction:09d}"[:digits]
    return text + "Z"


def iso_to_nanos(text: str) -> int:
    """Nanoseconds since the epoch of an ISO-8601 instant.

    Raises:
        ValueError: no date and time, or no offset (the public API refuses times without one).
    """
    match = _ISO.match(text.strip())
    if match is None:
        raise ValueError("not an ISO-8601 date and time with an offset")
    date, clock, fraction, offset = match.groups()
    parsed = datetime.fromisoformat(f"{date}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    delta = parsed - _EPOCH
    seconds = delta.days * 86_400 + delta.seconds
    return seconds * NANOS_PER_SECOND + int((fraction or "0").ljust(9, "0"))


def iso_to_stored_nanos(text: str) -> int:
    """The same, and for an instant beyond what columns hold the end of that: 1970 or the year 2262.

    Raises:
        ValueError: as ``iso_to_nanos``.
    """
    return min(max(iso_to_nanos(text), 0), LAST_NANOS)


def nanos_to_datetime(nanos: int) -> datetime:
    """An aware datetime in UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanos // 1_000)


def datetime_to_nanos(value: datetime) -> int:
    """Nanoseconds since the epoch of an aware datetime (microsecond precision)."""
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NANOS_PER_SECOND + delta.microseconds * 1_000


def datetime_to_iso(value: datetime) -> str:
    """ISO-8601 in UTC with milliseconds and a ``Z``, of an aware datetime: as the public API writes it."""
    return nanos_to_iso(datetime_to_nanos(value), 3)
