"""The columns that a writer of observations fills, their types, and a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

TABLE = "observations"

# Name and ClickHouse type, in the order of the table; what is not here is computed by the table.
COLUMN_TYPES: dict[str, str] = {
    "project_id": "String",
    "trace_id": "String",
    "id": "String",
    "parent_id": "String",
    "type": "LowCardinality(String)",
    "name": "String",
    "start_time": "DateTime64(9, 'UTC')",
    "end_time": "Nullable(DateTime64(9, 'UTC'))",
    "completion_start_time": "Nullable(DateTime64(9, 'UTC'))",
    "level": "LowCardinality(String)",
    "status_message": "String",
    "environment": "LowCardinality(String)",
    "version": "String",
    "release": "String",
    "trace_name": "String",
    "user_id": "String",
    "session_id": "String",
    "tags": "Array(String)",
    "is_public": "Nullable(Bool)",
    "is_app_root": "Bool",
    "bookmarked": "Bool",
    "input": "String",
    "output": "String",
    "trace_input": "String",
    "trace_output": "String",
    "metadata": "Map(String, String)",
    "model": "String",
    "model_parameters": "String",
    "prompt_name": "String",
    "prompt_version": "Nullable(UInt16)",
    "provided_usage": "Map(LowCardinality(String), UInt64)",
    "usage": "Map(LowCardinality(String), UInt64)",
    "provided_cost": "Map(LowCardinality(String), Decimal(18, 12))",
    "cost": "Map(LowCardinality(String), Decimal(18, 12))",
    "tool_definitions": "Map(String, String)",
    "tool_calls": "Array(String)",
    "tool_call_names": "Array(String)",
    "experiment": "Map(LowCardinality(String), String)",
    "service_name": "LowCardinality(String)",
    "scope_name": "LowCardinality(String)",
    "scope_version": "LowCardinality(String)",
    "sdk_name": "LowCardinality(String)",
    "sdk_version": "LowCardinality(String)",
    "source": "LowCardinality(String)",
    "blob_key": "String",
    "event_bytes": "UInt64",
    "event_ts": "DateTime64(9, 'UTC')",
    "is_deleted": "UInt8",
    "model_id": "LowCardinality(String)",
    "price_tier_id": "LowCardinality(String)",
    "price_tier_name": "LowCardinality(String)",
    "price_source": "LowCardinality(String)",
    "usage_source": "LowCardinality(String)",
    "cost_source": "LowCardinality(String)",
}
# Texts that pricing fills in; no mapping knows them.
PRICING_COLUMNS = (
    "model_id",
    "price_tier_id",
    "price_tier_name",
    "price_source",
    "usage_source",
    "cost_source",
)
# Equally long lists of values, in the order of COLUMNS.
Columns = list[list[Any]]
COLUMNS = tuple(COLUMN_TYPES)
_UNPRICED = ("",) * len(PRICING_COLUMNS)
TYPES = tuple(COLUMN_TYPES.values())


class ObservationColumns:
    """A batch by column: ``values[i]`` are the values of ``COLUMNS[i]``, all equally long.

    Times are integers of nanoseconds since the epoch, costs ``Decimal``.
    """

    __slots__ = ("_appends", "values")

    def __init__(self) -> None:
        self.values: list[list[Any]] = [[] for _ in COLUMNS]
        self._appends = tuple(column.append for column in self.values)

    def __len__(self) -> int:
        return len(self.values[0])

    def append(self, row: tuple[Any, ...]) -> None:
        """Add one observation, not yet priced: in the order of ``COLUMNS`` without ``PRICING_COLUMNS``.

        Raises:
            ValueError: it has another number of values.
        """
        for append, value in zip(self._appends, row + _UNPRICED, strict=True):
            append(value)

    def extend(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add observations in the order of ``COLUMNS``.

        Raises:
            ValueError: one of them has another number of values.
        """
        if not rows:
            return
        for column, values in zip(self.values, zip(*rows, strict=True), strict=True):
            column.extend(values)

    def blocks(self, rows: int) -> list[Columns]:
        """The columns in pieces of at most ``rows`` rows."""
        if len(self) <= rows:
            return [self.values] if len(self) else []
        return [[column[at : at + rows] for column in self.values] for at in range(0, len(self), rows)]


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of all ``parts`` one after another."""
    if len(parts) == 1:
        return parts[0]
    return [list(chain.from_iterable(columns)) for columns in zip(*parts, strict=True)]
