"""Jobs of identity, by name; the payload of each is documented here."""

from __future__ import annotations

# args: (project_id: str, after: str). Remove the data of a project that was deleted; ``after`` is the key
# of the last raw payload that is gone, empty at first. Twice changes nothing.
DELETE_PROJECT = "projects.delete"
QUEUE = "default"
