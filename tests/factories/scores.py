"""Rows of the table of scores, for tests that need them without ingestion."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from lumenspan.scores.rows import COLUMN_TYPES, TABLE
from lumenspan.storage.clickhouse import ClickHouse


def score(project_id: str, **given: Any) -> dict[str, Any]:
    """One row; every column may be given, the others are those of a numeric score of 1 by the API."""
    now = time.time_ns()
    row: dict[str, Any] = {
        **dict.fromkeys(COLUMN_TYPES, ""),
        **{name: None for name, type_ in COLUMN_TYPES.items() if type_.startswith("Nullable")},
        "project_id": project_id,
        "id": uuid.uuid4().hex,
        "timestamp": now,
        "name": "score",
        "data_type": "NUMERIC",
        "source": "API",
        "value": 1.0,
        "metadata": {},
        "environment": "default",
        "created_at": now // 1_000,
        "event_ts": now,
        "is_deleted": 0,
    }
    unknown = set(given) - set(row)
    assert not unknown, f"no such columns: {unknown}"
    return row | given


async def insert_scores(clickhouse: ClickHouse, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows in one block."""
    if not rows:
        return
    names = list(rows[0])
    await clickhouse.insert(TABLE, names, [[row[name] for row in rows] for name in names])
