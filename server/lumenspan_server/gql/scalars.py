"""Scalars of the GraphQL schema: exact times, exact money, whole numbers over 32 bits."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

from lumenspan.clock import LAST_NANOS, datetime_to_nanos, iso_to_nanos, nanos_to_iso

Instant = NewType("Instant", int)
"""Nanoseconds since the epoch in Python, ISO-8601 text on the wire."""

BigInt = NewType("BigInt", int)
"""An int that need not fit 32 bits."""

_FIRST_NANOS = -(2**63)


def parse_instant(value: Any) -> Instant:
    """Nanoseconds of ISO-8601 text with an offset.

    Raises:
        ValueError: it is no such text, or further away than a column can hold (years 1678 to 2262).
    """
    if not isinstance(value, str):
        raise ValueError("DateTime takes ISO-8601 text with an offset, such as 2026-01-02T03:04:05Z")
    nanos = iso_to_nanos(value)
    if not _FIRST_NANOS <= nanos <= LAST_NANOS:
        raise ValueError("DateTime must lie in the years 1678 to 2262")
    return Instant(nanos)


def instant_of(at: datetime) -> Instant:
    """An aware datetime as a field of the schema."""
    return Instant(datetime_to_nanos(at))


def _parse_decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("Decimal takes a number as text") from None


def _parse_big_int(value: Any) -> BigInt:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("BigInt takes a whole number")
    return BigInt(value)


SCALARS: dict[object, ScalarDefinition] = {
    Instant: strawberry.scalar(
        name="DateTime",
        description="ISO-8601 in UTC, up to nine fractional digits: 2026-01-02T03:04:05.123456789Z",
        serialize=nanos_to_iso,
        parse_value=parse_instant,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="A decimal number as text, never in exponential form",
        serialize=lambda value: format(value, "f"),
        parse_value=_parse_decimal,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number that may exceed 32 bits",
        serialize=int,
        parse_value=_parse_big_int,
    ),
}


def schema_config() -> StrawberryConfig:
    """Configuration of the schema: our scalars, no hints at hidden names."""
    return StrawberryConfig(scalar_map=SCALARS)
