"""The server's side of batch events: check what can be known now, make the rest durable, answer each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from msgspec import Raw, structs

from lumenspan.clock import nanos_to_iso
from lumenspan.ids import ProjectId, new_id
from lumenspan.ingest.accept import IngestGate
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.events import batch
from lumenspan.ingest.events.batch import EventError, Parsed, PendingScore, decode_lenient
from lumenspan.ingest.events.frame import Event, Events, encode
from lumenspan.ingest.events.schema import SCORE_CREATE, Envelope, InvalidEvent, Kind
from lumenspan.scores import schema as score_schema
from lumenspan.scores.configs import ScoreConfigService

_decode_raw = msgspec.json.Decoder(Raw).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
# How the deprecated routes name what they update.
_ID_NAMES = ("spanId", "generationId")
_log = structlog.get_logger(__name__)
# Checking more than this takes milliseconds, which other calls on the loop would wait.
_IN_THREAD_BYTES = 128 << 10
_MAX_LOG = 1_000


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What became of each event; the ids are those of the envelopes."""

    successes: list[str] = field(default_factory=list)
    errors: list[EventError] = field(default_factory=list)


class EventIntake:
    """Takes events in; returning means that what was accepted is durable and its job enqueued.

    Raises (all methods):
        Unavailable: storage, queue or, for scores with a config, the database is down; the call may be sent
            again.
    """

    def __init__(self, gate: IngestGate, configs: ScoreConfigService) -> None:
        self._gate = gate
        self._configs = configs

    async def batch(self, header: FrameHeader, body: bytes, *, is_scores_only: bool) -> BatchAnswer:
        """Take in a request of the batch endpoint; InvalidInput when it holds no list of events."""
        if len(body) > _IN_THREAD_BYTES:
            found = await asyncio.to_thread(batch.parse, body, is_scores_only=is_scores_only)
        else:
            found = batch.parse(body, is_scores_only=is_scores_only)
        header = _with_sdk(header, found.metadata)
        for text in found.logs:
            _log.info("sdk_log", project_id=header.project_id, log=text[:_MAX_LOG])
        await self._check_scores(ProjectId(header.project_id), found)
        await self._store(header, found.events, found)
        successes = [event.id for event in batch.in_answer_order(found.events)]
        return BatchAnswer(successes, found.errors + found.forbidden)

    async def one(self, header: FrameHeader, type_: str, body: bytes) -> str:
        """Take in the lone event of a deprecated route; returns the id of what it is about.

        Raises:
            InvalidEvent: it does not fit.
            InvalidInput: it is no JSON object.
        """
        members = decode_lenient(_decode_members, body)
        id_ = next((members.pop(name) for name in _ID_NAMES if name in members), None)
        if id_ is not None:
            members.setdefault("id", id_)
        envelope = Envelope(
            new_id(), type_, nanos_to_iso(header.received_at), Raw(msgspec.json.encode(members))
        )
        found = Parsed()
        batch.add(found, Raw(msgspec.json.encode(envelope)))
        if found.errors:
            raise InvalidEvent(found.errors[0].error)
        await self._store(header, found.events)
        return found.events[0].entity_id

    async def scores(self, header: FrameHeader, body: bytes) -> tuple[bool, list[str | InvalidEvent]]:
        """Take in a score, or a list of them; one that is refused does not stop the others.

        Returns whether it was a list, and of each score, in order, its id or why it was refused.

        Raises:
            InvalidInput: neither an object nor a list.
        """
        whole = decode_lenient(_decode_raw, body)
        is_list = bytes(whole).lstrip()[:1] == b"["
        items: list[Raw] = decode_lenient(_decode_list, bytes(whole)) if is_list else [whole]
        found = Parsed()
        results: list[str | InvalidEvent] = []
        for place, raw in enumerate(items):
            try:
                score = score_schema.parse(bytes(raw), is_eval_allowed=False)
            except InvalidEvent as error:
                found.reject("unknown", raw, error.message)
                results.append(error)
                continue
            id_ = score.id or new_id()
            event = Event(Kind.SCORE, id_, new_id(), SCORE_CREATE, header.received_at + place, raw)
            found.scores.append(PendingScore(event, score, raw))
            results.append(id_)
        refused = await self._check_scores(ProjectId(header.project_id), found)
        await self._store(header, found.events, found)
        pending = iter(found.scores)
        return is_list, [
            each if isinstance(each, InvalidEvent) else refused.get(next(pending).event.id, each)
            for each in results
        ]

    async def _check_scores(self, project_id: ProjectId, found: Parsed) -> dict[str, InvalidEvent]:
        """Move the pending scores that their configs allow to the events; returns the others by event."""
        wanted = {pending.body.config_id for pending in found.scores if pending.body.config_id}
        configs = await self._configs.by_ids(project_id, [str(each) for each in wanted]) if wanted else {}
        refused: dict[str, InvalidEvent] = {}
        for pending in found.scores:
            config_id = pending.body.config_id
            try:
                if config_id and config_id not in configs:
                    raise InvalidEvent(f"There is no score config {config_id!r} - at `$.body.configId`")
                checked = score_schema.check(pending.body, configs.get(str(config_id)))
            except InvalidEvent as error:
                refused[pending.event.id] = error
                found.reject(pending.event.id, pending.raw, error.message)
                continue
            found.events.append(structs.replace(pending.event, body=score_schema.encode_checked(checked)))
        return refused

    async def _store(self, header: FrameHeader, events: list[Event], found: Parsed | None = None) -> None:
        if events:
            rejected = found.rejected if found else []
            await self._gate.accept(header, encode(Events(events, rejected)))


def _with_sdk(header: FrameHeader, metadata: dict[str, Any]) -> FrameHeader:
    """The header, with what older SDKs say of themselves within the body."""
    name, version = metadata.get("sdk_name"), metadata.get("sdk_version")
    return structs.replace(
        header,
        sdk_name=header.sdk_name or (name if isinstance(name, str) else ""),
        sdk_version=header.sdk_version or (version if isinstance(version, str) else ""),
    )
