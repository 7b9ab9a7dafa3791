"""Rows of measurements: the table that people read and the JSON that tools compare."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["", "ok", "MISSED", "FAILED"]


class Failed(Exception):
    """A measurement is worth nothing: what was sent was not what was found, say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        value: None where it could not be measured.
        goal: as a person reads it, such as ``<= 150``; empty where there is none.
        outcome: empty without a goal; FAILED means that the system did something wrong, or nothing at all.
    """

    name: str
    value: float | None
    unit: str
    goal: str = ""
    outcome: Outcome = ""
    note: str = ""


def at_most(name: str, value: float, unit: str, limit: float | None = None, note: str = "") -> Row:
    """A row whose goal is met up to ``limit``; None for no goal."""
    if limit is None:
        return Row(name, value, unit, note=note)
    return Row(name, value, unit, f"<= {limit:,g}", "ok" if value <= limit else "MISSED", note)


def at_least(name: str, value: float, unit: str, limit: float, note: str = "") -> Row:
    """A row whose goal is met from ``limit`` on."""
    return Row(name, value, unit, f">= {limit:,g}", "ok" if value >= limit else "MISSED", note)


def exactly(name: str, value: int, unit: str, wanted: int, note: str = "") -> Row:
    """A row that failed unless the counts are the same."""
    return Row(name, value, unit, f"= {wanted:,}", "ok" if value == wanted else "FAILED", note)


def failed(name: str, reason: str) -> Row:
    """The row of a group that could not be measured."""
    return Row(name, None, "", outcome="FAILED", note=reason)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the ``values`` do not exceed, of the nearest rank."""
    rank = max(1, math.ceil(len(values) * share))
    return sorted(values)[rank - 1]


def spread(
    name: str, values: Sequence[float], unit: str, p95_limit: float | None, note: str = ""
) -> list[Row]:
    """Rows of the median and the 95th percentile, the latter with a goal."""
    about = f"{len(values)} samples, longest {_number(max(values))}" + (f"; {note}" if note else "")
    return [
        at_most(f"{name}, p50", percentile(values, 0.5), unit, note=about),
        at_most(f"{name}, p95", percentile(values, 0.95), unit, p95_limit),
    ]


def table(rows: Sequence[Row]) -> str:
    """All rows as aligned text."""
    lines = [("", "value", "unit", "goal", "", "")]
    lines += [(row.name, _number(row.value), row.unit, row.goal, row.outcome, row.note) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, [*widths, 0], strict=True))
        ).rstrip()
        for line in lines
    )


def write_json(rows: Sequence[Row], path: Path) -> None:
    """One object a row."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or isinstance(value, int) else f"{value:,.2f}"
