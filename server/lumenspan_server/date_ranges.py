"""The range of time that an operator may ask of lists of the first version, which have no bound."""

from collections.abc import Iterable
from typing import Any

from lumenspan.clock import NANOS_PER_SECOND, now_nanos
from lumenspan.settings import Settings
from lumenspan_server.errors import invalid_query

_DAY_NS = 86_400 * NANOS_PER_SECOND


def start_of(settings: Settings, parameter: str, bounds: Iterable[tuple[str, Any]]) -> int | None:
    """Where a list begins that gives no start itself: nanoseconds, or None for no bound.

    Args:
        settings: says whether a start is required, or how many days there are before the end.
        parameter: the one that gives the start, for the message.
        bounds: operators and nanoseconds of what the call says of the time; None says nothing.

    Raises:
        ValidationFailed: the call has to give a start.
    """
    given = [(operator, value) for operator, value in bounds if isinstance(value, int)]
    if any(operator in (">", ">=") for operator, _ in given):
        return None
    if settings.is_date_range_required:
        raise invalid_query(parameter, f"This server lists by ranges of time only: give {parameter}")
    if not settings.default_date_range_days:
        return None
    end = min([now_nanos(), *(value for _, value in given)])
    return max(0, end - settings.default_date_range_days * _DAY_NS)
