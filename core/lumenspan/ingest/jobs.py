"""Jobs of ingestion, by name; the payload of each is documented here."""

from __future__ import annotations

# args: (blob_key: str). Read the blob, write its spans; running it twice changes nothing.
PROCESS_BLOB = "ingest.process_blob"
# args: (blob_key: str, shift_ns: int). The same once more, its rows made newer, its dead letters anew.
REPLAY_BLOB = "ingest.replay_blob"
# args: (message: dict, retries: dict), by Dramatiq, when a job of the two failed too often.
GIVE_UP = "ingest.give_up"
# args: (replay_id: str). Process the payloads of a span of time again, from where the replay is.
REPLAY = "ingest.replay"
QUEUE = "ingest"
