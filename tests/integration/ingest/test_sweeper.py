"""What the sweeper takes for lost, and what it leaves alone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lumenspan.clock import now_nanos, utc_now
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest import jobs
from lumenspan.ingest.envelope import pack
from lumenspan.ingest.keys import make_key
from lumenspan.ingest.registry import Note
from lumenspan.storage.queue import namespace
from tests.integration.ingest.conftest import Clients
from tests.integration.ingest.test_gate import header, queued_keys
from tests.integration.ingest.test_process import frame
from tests.unit.ingest.build import export

pytestmark = pytest.mark.engines

MINUTE = 60 * 10**9


async def stored(clients: Clients, age_ns: int) -> BlobKey:
    """The key of a payload that was stored so long ago, without a job."""
    project = uuid.uuid4().hex
    key = make_key(clients.settings.s3_prefix, ProjectId(project), now_nanos() - age_ns)
    await clients.blobs.put(key, pack([frame(project, export())]))
    return key


async def forget_queue(clients: Clients) -> None:
    """As a Redis that lost its last second."""
    name = f"{namespace(clients.settings)}:{jobs.QUEUE}"
    await clients.redis.delete(name, *(f"{name}.{part}" for part in ("msgs", "fair", "XQ", "XQ.msgs")))


async def test_what_lost_its_job_is_enqueued_once(clients: Clients) -> None:
    done, lost = await stored(clients, 7 * MINUTE), await stored(clients, 7 * MINUTE)
    await clients.service.process(done)
    await clients.registry.flush()
    assert await clients.sweeper().sweep() == 1
    assert await queued_keys(clients) == [lost]
    assert await clients.sweeper().sweep() == 0
    await forget_queue(clients)
    assert await clients.sweeper().sweep() == 1
    await forget_queue(clients)
    await clients.service.process(lost)
    await clients.registry.flush()
    assert await clients.sweeper().sweep() == 0


async def test_acknowledged_calls_survive_a_redis_that_forgot_them(clients: Clients) -> None:
    key = (await clients.gate().accept(header("p"), b"x")).blob_key
    await forget_queue(clients)
    assert await clients.sweeper().sweep() == 0
    assert await clients.sweeper().sweep(utc_now() + timedelta(seconds=11)) == 1
    assert await queued_keys(clients) == [key]


async def test_a_backlog_is_not_enqueued_again(clients: Clients) -> None:
    keys = [(await clients.gate().accept(header("p"), b"x")).blob_key for _ in "12"]
    assert await clients.sweeper().sweep(utc_now() + timedelta(minutes=30)) == 0
    assert await queued_keys(clients) == keys


async def test_what_was_given_up_stays_parked(clients: Clients) -> None:
    key = await stored(clients, 7 * MINUTE)
    await clients.sweeper().sweep()
    name = f"{namespace(clients.settings)}:{jobs.QUEUE}"
    found: Any = await clients.redis.zrange(f"{name}.fair", 0, -1)
    (message_id,) = found
    body = await clients.redis.hget(f"{name}.msgs", message_id)  # type: ignore[misc]
    await forget_queue(clients)
    await clients.redis.hset(f"{name}.XQ.msgs", message_id, body)  # type: ignore[misc]
    assert await clients.sweeper().sweep() == 0
    assert await queued_keys(clients) == [], key


async def test_it_goes_on_where_everything_before_is_settled(clients: Clients) -> None:
    done = await stored(clients, 9 * MINUTE)
    open_key = await stored(clients, 5 * MINUTE)
    await clients.service.process(done)
    await clients.registry.flush()
    await clients.sweeper().sweep()
    stored_until: Any = await clients.redis.get(f"{clients.settings.redis_key_prefix}sweep:done")
    until = (stored_until or b"").decode()
    minute = datetime.fromisoformat(until) + timedelta(minutes=1)
    assert f"/{minute.astimezone(UTC).strftime('%Y/%m/%d/%H/%M')}/" in open_key
    # Older ones are not looked at any more.
    await stored(clients, 9 * MINUTE)
    assert await clients.sweeper().sweep() == 0


async def test_more_than_a_page_is_found(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lumenspan.ingest.keys._PAGE", 2)
    keys = sorted([await stored(clients, age * MINUTE) for age in (70, 61, 5, 5, 2)])
    assert await clients.sweeper().sweep() == 5
    assert sorted(await queued_keys(clients)) == keys


async def test_only_one_search_at_a_time(clients: Clients) -> None:
    await stored(clients, 7 * MINUTE)
    lock = f"{clients.settings.redis_key_prefix}sweep:lock"
    await clients.redis.set(lock, b"another", ex=60)
    assert await clients.sweeper().sweep() == 0
    await clients.redis.delete(lock)
    assert await clients.sweeper().sweep() == 1


async def test_notes_that_no_search_needs_are_forgotten(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lumenspan.ingest.registry._DELETED_AT_ONCE", 2)
    now = utc_now()
    notes = [
        Note(key=uuid.uuid4().hex, project_id="p", received_at=at, processed_at=now, spans=1, rejected=0)
        for at in (*[now - timedelta(days=9000)] * 5, now)
    ]
    for note in notes:
        clients.registry.note(note)
    await clients.registry.flush()
    keys = [BlobKey(note["key"]) for note in notes]
    assert await clients.registry.processed(keys) == set(keys)
    assert await clients.registry.forget_before(now - timedelta(days=8999)) == 5
    assert await clients.registry.processed(keys) == {keys[-1]}
