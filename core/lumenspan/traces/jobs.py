"""Jobs on traces, by name; the payload of each is documented here."""

from __future__ import annotations

# args: (project_id: str, trace_ids: list[str]). Remove hidden traces for good; twice changes nothing.
DELETE_TRACES = "traces.delete"
QUEUE = "default"
