"""Jobs of ingestion, by name; the payload of each is documented here."""

from __future__ import annotations

# args: (blob_key: str). Read the blob, write its spans; running it twice changes nothing.
PROCESS_BLOB = "ingest.process_blob"
QUEUE = "ingest"
