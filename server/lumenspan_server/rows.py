"""What all rows of the REST API share: times, texts and numbers as the documented clients read them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from lumenspan.clock import datetime_to_iso, nanos_to_iso


def iso(nanos: int) -> str:
    """An instant as documented: UTC with milliseconds and a Z."""
    return nanos_to_iso(nanos, 3)


def iso_or_none(nanos: int | None) -> str | None:
    """``iso`` of an instant that may be missing."""
    return None if nanos is None else iso(nanos)


def instant_or_none(at: datetime | None) -> str | None:
    """The same of an aware datetime."""
    return None if at is None else datetime_to_iso(at)


def parsed(text: str | None) -> Any:
    """The value that a stored text is the JSON of, else the text; None where there is none."""
    if not text:
        return None
    # Most texts are no JSON, and the first character tells it without an exception.
    if text[0] not in '{["-0123456789tfn \n\t\r':
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def parsed_metadata(metadata: dict[str, str]) -> dict[str, Any]:
    """Metadata with each value as ``parsed``."""
    return {key: "" if value == "" else parsed(value) for key, value in metadata.items()}


def seconds(nanos: int | None) -> float | None:
    """Seconds with the precision of a millisecond, as latencies are documented."""
    return None if nanos is None else round(nanos / 1e9, 3)


def number(amount: Decimal | None) -> float | None:
    """An amount of US dollars for clients that read a JSON number."""
    return None if amount is None else float(amount)


def numbers(amounts: dict[str, Decimal]) -> dict[str, float]:
    """Amounts by kind."""
    return {kind: float(amount) for kind, amount in amounts.items()}


def listed(text: str | None) -> tuple[str, ...]:
    """The parts of a list that is separated by commas; none of None."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
