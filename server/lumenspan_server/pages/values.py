"""Values as a page shows them: instants, durations, money, counts."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from lumenspan.clock import datetime_to_nanos, nanos_to_iso

_NANOS_PER_MS = 1e6
# Kinds of usage and cost that are sums of others come last.
_LAST = {"total": 1}


def instant(value: int | datetime) -> str:
    """Date and time in UTC to the millisecond: ``2026-11-29 12:00:00.125``."""
    nanos = datetime_to_nanos(value) if isinstance(value, datetime) else value
    return nanos_to_iso(nanos, 3).replace("T", " ").removesuffix("Z")


def duration(nanos: int | None) -> str:
    """A duration in the unit that keeps it short: ``840 ms``, ``3.21 s``, ``2 m 05 s``; empty for None."""
    if nanos is None:
        return ""
    ms = nanos / _NANOS_PER_MS
    if ms < 1:
        return f"{ms:.2f} ms" if ms else "0 ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} m"


def money(amount: Decimal | None) -> str:
    """US dollars; small amounts keep the digits that say something. Empty for None: no price is known."""
    if amount is None:
        return ""
    if amount == 0:
        return "$0"
    if abs(amount) >= Decimal("0.1"):
        return f"${amount:,.2f}"
    if abs(amount) < Decimal("0.000001"):
        return "<$0.000001"
    return f"${amount:.{min(max(4, 1 - amount.adjusted()), 6)}f}"


def count(number: int | None) -> str:
    """A whole number with separators; empty for None."""
    return "" if number is None else f"{number:,}"


def plural(number: int, noun: str) -> str:
    """``1 trace``, ``2 traces``, ``3 entries``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun.removesuffix('y') + 'ies' if noun.endswith('ry') else noun + 's'}"


def score_value(value: float) -> str:
    """A number as it was given, without the digits of its binary form."""
    return f"{value:.6g}" if abs(value) < 1e15 else str(value)


def size(characters: int) -> str:
    """Roughly how much a text is."""
    if characters < 1_000:
        return plural(characters, "character")
    if characters < 1_000_000:
        return f"{characters / 1_000:.0f} k characters"
    return f"{characters / 1_000_000:.1f} M characters"


def by_kind(
    usage: Mapping[str, int], cost: Mapping[str, Decimal], limit: int = 50
) -> list[tuple[str, str, str]]:
    """Rows of ``(kind, tokens, cost)``, sums last, at most ``limit``."""
    kinds = sorted({*usage, *cost}, key=lambda kind: (_LAST.get(kind, 0), kind))[-limit:]
    return [(kind, count(usage.get(kind)), money(cost.get(kind))) for kind in kinds]
