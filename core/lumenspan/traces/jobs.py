"""Jobs on traces, by name; the payload of each is documented here."""

from __future__ import annotations

# args: (project_id: str, trace_ids: list[str], at_ns: int). Remove what was there at that time for good.
# What came later stays, and twice changes nothing.
DELETE_TRACES = "traces.delete"
QUEUE = "default"
