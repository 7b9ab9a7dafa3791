"""Regular expressions that callers wrote: compiled once, and stopped when they backtrack without end."""

from __future__ import annotations

import regex
import structlog

from lumenspan.errors import InvalidInput

_log = structlog.get_logger(__name__)

MAX_PATTERN = 1_000
# A pattern that takes longer is stopped; it then matches nothing.
_TIMEOUT_S = 0.02


def compile_pattern(pattern: str, *, ignores_case: bool = False) -> regex.Pattern[str]:
    """The compiled expression; ``(?i)`` and the like at its start are honoured.

    Raises:
        InvalidInput: it is no regular expression, or too long.
    """
    if len(pattern) > MAX_PATTERN:
        raise InvalidInput(f"A pattern may have at most {MAX_PATTERN} characters")
    try:
        return regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
    except (regex.error, RecursionError, OverflowError) as error:
        raise InvalidInput(f"{pattern!r} is not a valid regular expression") from error


def is_found(pattern: regex.Pattern[str], text: str) -> bool:
    """Whether the expression is found anywhere in ``text``; False where it takes too long."""
    try:
        return pattern.search(text, timeout=_TIMEOUT_S) is not None
    except TimeoutError:
        _log.warning("pattern_timed_out", pattern=pattern.pattern[:200])
        return False
