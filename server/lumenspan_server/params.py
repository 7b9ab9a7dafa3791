"""Query parameters of REST routes, checked one by one; a wrong one is named in a 400."""

import math
from collections.abc import Sequence
from typing import Any

from litestar import Request

from lumenspan.clock import iso_to_nanos
from lumenspan_server.errors import invalid_query
from lumenspan_server.joined import apart

_TRUE, _FALSE = "true", "false"
# What the store can compare with: instants beyond it are as good as its ends.
_LAST_NS = 2**63 - 1


class QueryParams:
    """The query of a request; an empty value counts as not given.

    Every method raises ValidationFailed, which names the parameter, for a value that does not fit.
    """

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._request = request
        self._values = request.query_params

    def text(self, name: str) -> str:
        """The value, empty where there is none."""
        return str(self._values.get(name, ""))

    def is_given(self, name: str) -> bool:
        """Whether the parameter is there, be it empty."""
        return name in self._values

    def texts(self, name: str) -> tuple[str, ...]:
        """Each value of a parameter that may be repeated."""
        return tuple(apart(self._request, self._values.getall(name, [])))

    def number(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """A whole number between ``least`` and ``most``."""
        text = self.text(name).strip()
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not value.is_integer():
            raise invalid_query(name, "Expected an integer", "invalid_type")
        if value < least:
            raise invalid_query(name, f"Number must be greater than or equal to {least}", "too_small")
        if most is not None and value > most:
            raise invalid_query(name, f"Number must be less than or equal to {most}", "too_big")
        return int(value)

    def time_ns(self, name: str) -> int | None:
        """An instant as nanoseconds since the epoch, at the ends of what the store can hold if beyond."""
        text = self.text(name)
        if not text:
            return None
        try:
            # A client that did not encode the plus of the offset sent a blank.
            nanos = iso_to_nanos(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
        except ValueError:
            message = "Invalid datetime: expected ISO-8601 with an offset"
            raise invalid_query(name, message, "invalid_string") from None
        return min(max(nanos, 0), _LAST_NS)

    def flag(self, name: str) -> bool | None:
        """``true`` or ``false``."""
        text = self.text(name).lower()
        if text in ("", _TRUE, _FALSE):
            return text == _TRUE if text else None
        raise invalid_query(name, "Expected true or false", "invalid_type")

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """One of a few values, empty where none is given."""
        text = self.text(name)
        if text and text not in allowed:
            raise invalid_query(name, f"Expected one of {', '.join(allowed)}", "invalid_enum_value")
        return text

    def names(self, name: str) -> frozenset[str]:
        """The parts of a list that is separated by commas."""
        return frozenset(part.strip() for part in self.text(name).split(",") if part.strip())
