"""What could not be stored: kept with its reason, looked at, tried again, discarded."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest import jobs
from lumenspan.ingest.dead_letter_service import DeadLetterService
from lumenspan.ingest.dead_letters import DeadLetter, Stage
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.otlp import Span
from lumenspan.observations.rows import COLUMNS
from tests.integration.ingest.conftest import Clients
from tests.integration.ingest.test_gate import queued_keys
from tests.integration.ingest.test_process import final, frame, spans

pytestmark = pytest.mark.engines

GOOD, BAD = "1" * 16, "b" * 16


def service(clients: Clients) -> DeadLetterService:
    return DeadLetterService(clients.postgres, clients.queue)


async def accepted(clients: Clients, project: str, body: dict[str, Any]) -> BlobKey:
    return (await clients.gate().accept(frame(project, body).header, orjson.dumps(body))).blob_key


async def letters(clients: Clients, project: str) -> list[DeadLetter]:
    return (await service(clients).page(ProjectId(project), 50)).letters


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A mapping that fails on one span and makes a row of another that no column takes."""
    whole = SpanMapper._row

    def row(self: SpanMapper, span: Span) -> tuple[Any, ...]:
        made = list(whole(self, span))
        if span.name == "unmappable":
            raise KeyError("a bug")
        if span.id == BAD:
            made[COLUMNS.index("prompt_version")] = 1 << 40
        return tuple(made)

    monkeypatch.setattr(SpanMapper, "_row", row)
    return monkeypatch


class TestIsolation:
    async def test_one_bad_row_is_kept_and_the_others_are_stored(
        self, clients: Clients, broken: pytest.MonkeyPatch
    ) -> None:
        project = uuid.uuid4().hex
        ids = [f"{number:016x}" for number in range(20)]
        key = await accepted(clients, project, spans(*ids, BAD))
        await clients.service.process(key)
        assert [row["id"] for row in await final(clients, project)] == ids
        (letter,) = await letters(clients, project)
        assert (letter.stage, letter.span_id, letter.blob_key) == (Stage.INSERT, BAD, key)
        found = await service(clients).get(ProjectId(project), letter.id)
        assert orjson.loads(found.excerpt or "")["spanId"] == BAD

    async def test_one_span_that_cannot_be_mapped_is_kept_and_the_others_are_stored(
        self, clients: Clients, broken: pytest.MonkeyPatch
    ) -> None:
        project = uuid.uuid4().hex
        body = spans(GOOD)
        scope = body["resourceSpans"][0]["scopeSpans"][0]
        scope["spans"].append({**scope["spans"][0], "spanId": "2" * 16, "name": "unmappable"})
        await clients.service.process(await accepted(clients, project, body))
        assert [row["id"] for row in await final(clients, project)] == [GOOD]
        (letter,) = await letters(clients, project)
        assert (letter.stage, letter.reason, letter.span_id) == (Stage.MAP, "KeyError", "2" * 16)

    async def test_a_repeated_job_keeps_one_letter(
        self, clients: Clients, broken: pytest.MonkeyPatch
    ) -> None:
        project = uuid.uuid4().hex
        key = await accepted(clients, project, spans(GOOD, BAD))
        for _ in range(3):
            await clients.service.process(key)
        (letter,) = await letters(clients, project)
        assert letter.attempts == 3
        assert len(await final(clients, project)) == 1


class TestReplay:
    async def test_a_letter_goes_away_once_its_span_can_be_stored(
        self, clients: Clients, broken: pytest.MonkeyPatch
    ) -> None:
        project = uuid.uuid4().hex
        key = await accepted(clients, project, spans(GOOD, BAD))
        await clients.service.process(key)
        (letter,) = await letters(clients, project)
        before = await queued_keys(clients)
        assert await service(clients).replay(ProjectId(project), [letter.id]) == 1
        assert len(await queued_keys(clients)) == len(before) + 1
        assert (await letters(clients, project))[0].replay_requested_at is not None
        # It fails again: the letter says so and no longer waits.
        await clients.service.process(key, is_replay=True)
        (again,) = await letters(clients, project)
        assert (again.id, again.attempts, again.replay_requested_at) == (letter.id, 2, None)
        broken.undo()
        await clients.service.process(key, is_replay=True)
        assert await letters(clients, project) == []
        assert [row["id"] for row in await final(clients, project)] == [GOOD, BAD]

    async def test_only_letters_of_the_project(self, clients: Clients, broken: pytest.MonkeyPatch) -> None:
        project, other = uuid.uuid4().hex, ProjectId(uuid.uuid4().hex)
        await clients.service.process(await accepted(clients, project, spans(BAD)))
        (letter,) = await letters(clients, project)
        with pytest.raises(NotFound):
            await service(clients).get(other, letter.id)
        with pytest.raises(NotFound):
            await service(clients).replay(other, [letter.id])
        assert await service(clients).discard(other, [letter.id]) == 0
        assert (await letters(clients, project))[0].replay_requested_at is None
        with pytest.raises(InvalidInput):
            await service(clients).replay(ProjectId(project), [])
        assert await service(clients).discard(ProjectId(project), [letter.id]) == 1
        assert await letters(clients, project) == []


async def test_pages_and_reasons(clients: Clients, broken: pytest.MonkeyPatch) -> None:
    project = ProjectId(uuid.uuid4().hex)
    for _ in range(3):
        await clients.service.process(await accepted(clients, project, spans(BAD)))
    for number in range(2):
        await clients.service.give_up(BlobKey(f"otel/{project}/{number}"), "100% lost")
    seen: list[str] = []
    after = None
    while True:
        page = await service(clients).page(project, 2, after)
        seen += [letter.id for letter in page.letters]
        if not page.has_more:
            break
        after = page.letters[-1].created_at, page.letters[-1].id
    assert len(seen) == len(set(seen)) == await service(clients).count(project) == 5
    assert len((await service(clients).page(project, 9, None, "100% LOST")).letters) == 2
    assert (await service(clients).page(project, 9, None, "%")).letters[0].reason == "100% lost"


async def test_what_is_done_with_is_open_no_more(clients: Clients) -> None:
    project = uuid.uuid4().hex
    key = await accepted(clients, project, spans(GOOD))
    waiting = await clients.queue.open_since(jobs.QUEUE, project)
    assert waiting.count == 1
    assert waiting.oldest_ms is not None
    await clients.service.process(key)
    assert (await clients.queue.open_since(jobs.QUEUE, project)).count == 0
    assert project not in await clients.queue.open_shares(jobs.QUEUE)
