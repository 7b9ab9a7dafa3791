"""Observations written straight into ClickHouse, for the tests of what is read."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lumenspan.observations.rows import PRICING_COLUMNS
from lumenspan.storage.clickhouse import ClickHouse

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS


def observation(project_id: str, **given: Any) -> dict[str, Any]:
    """One row; every column may be given, the others are those of a plain span of a second's length.

    Times are nanoseconds since the epoch.
    """
    start = given.get("start_time", time.time_ns())
    row: dict[str, Any] = {
        "project_id": project_id,
        "trace_id": uuid.uuid4().hex,
        "id": uuid.uuid4().hex[:16],
        "parent_id": "",
        "type": "SPAN",
        "name": "span",
        "start_time": start,
        "end_time": start + SECOND_NS,
        "completion_start_time": None,
        "level": "DEFAULT",
        "status_message": "",
        "environment": "default",
        "version": "",
        "release": "",
        "trace_name": "",
        "user_id": "",
        "session_id": "",
        "tags": [],
        "is_public": None,
        "is_app_root": False,
        "bookmarked": False,
        "input": "",
        "output": "",
        "trace_input": "",
        "trace_output": "",
        "metadata": {},
        "model": "",
        "model_parameters": "",
        "prompt_name": "",
        "prompt_version": None,
        "usage": {},
        "cost": {},
        "experiment": {},
        "blob_key": "",
        "event_ts": time.time_ns(),
        "is_deleted": 0,
        **dict.fromkeys(PRICING_COLUMNS, ""),
    }
    unknown = set(given) - set(row)
    assert not unknown, f"no such columns: {unknown}"
    row.update(given)
    row["cost"] = {kind: Decimal(str(value)) for kind, value in row["cost"].items()}
    return row


async def insert(clickhouse: ClickHouse, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows in one block."""
    if not rows:
        return
    names = list(rows[0])
    await clickhouse.insert("observations", names, [[row[name] for row in rows] for name in names])
