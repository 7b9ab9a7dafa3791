"""Values as the screen shows them: instants, durations, money, token counts."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})")
_NANOS = 1_000_000_000


def parse_instant(text: str) -> int:
    """Nanoseconds since the Unix epoch of an ISO-8601 instant; no digit is lost.

    Raises `ValueError` for other text.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an instant: {text!r}")
    seconds, fraction, zone = match.groups()
    moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    return int(moment.timestamp()) * _NANOS + int((fraction or "").ljust(9, "0"))


def parse_optional_instant(text: str | None) -> int | None:
    """As `parse_instant`; None stays None."""
    return None if text is None else parse_instant(text)


def instant_text(ns: int) -> str:
    """The instant as the API takes it: ISO-8601 in UTC with nine fractional digits."""
    moment = datetime.fromtimestamp(ns // _NANOS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % _NANOS:09d}Z"


def format_instant(ns: int, zone: tzinfo | None = None) -> str:
    """Date and time to the millisecond in the given zone (None: this computer's)."""
    moment = datetime.fromtimestamp(ns // _NANOS, UTC).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ns % _NANOS // 1_000_000:03d}"


def format_duration(ms: float | None) -> str:
    """A duration in the unit that keeps it short: `840 ms`, `3.21 s`, `2 m 05 s`, `1 h 04 m`."""
    if ms is None:
        return ""
    if ms == 0:
        return "0 ms"
    if ms < 1:
        return f"{ms:.2f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m"


def format_cost(cost: Decimal | None) -> str:
    """Dollars; small amounts keep the digits that say something. None (no price known) is empty."""
    if cost is None:
        return ""
    if cost == 0:
        return "$0"
    if abs(cost) >= Decimal("0.1"):
        return f"${cost:,.2f}"
    if abs(cost) < Decimal("0.000001"):
        return "<$0.000001"
    digits = max(4, -cost.adjusted() + 1)
    return f"${cost:.{min(digits, 6)}f}"


def parse_cost(text: str | None) -> Decimal | None:
    """A decimal from its text; None stays None."""
    return None if text is None else Decimal(text)


def parse_usage(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Token counts by kind from a list of `{key, value}`."""
    return {str(entry["key"]): int(entry["value"]) for entry in entries}


def format_usage(usage: Mapping[str, int]) -> str:
    """`1,204 → 310` (in and out), else the total; empty without counts."""
    if "input" in usage and "output" in usage:
        return f"{usage['input']:,} → {usage['output']:,}"
    total = usage.get("total", sum(usage.values()))
    return f"{total:,}" if usage else ""


def one_line(text: str | None) -> str:
    """The text with every run of white space made one space."""
    return " ".join(text.split()) if text else ""
