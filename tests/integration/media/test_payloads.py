"""From an accepted payload with files in it to rows with references, on real engines."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from lumenspan.clock import now_nanos
from lumenspan.ids import BlobKey, ProjectId, TraceId
from lumenspan.ingest.envelope import Frame, FrameHeader, pack
from lumenspan.ingest.keys import make_key
from lumenspan.ingest.otlp import JSON
from lumenspan.ingest.service import IngestService
from lumenspan.media import repository
from lumenspan.media.domain import FileMark
from lumenspan.media.payloads import PayloadMedia
from lumenspan.media.references import find
from lumenspan.media.service import MediaService
from lumenspan.settings import Settings
from lumenspan.storage.clickhouse import Sql
from lumenspan.storage.postgres import Postgres
from tests.integration.ingest.conftest import Clients, clients
from tests.integration.media.conftest import place
from tests.support import free_port
from tests.unit.ingest.build import export

__all__ = ["clients"]
pytestmark = pytest.mark.engines

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
O = "langfuse.observation."  # noqa: E741


def uri(data: bytes, content_type: str = "image/png") -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


def reference(data: bytes, content_type: str = "image/png") -> str:
    media_id = FileMark.of(content_type, data).media_id
    return f"@@@langfuseMedia:type={content_type}|id={media_id}|source=base64_data_uri@@@"


def service(clients: Clients, media: MediaService, **changes: Any) -> IngestService:
    settings = clients.settings.model_copy(update=changes)
    return IngestService(
        clients.clickhouse,
        clients.blobs,
        clients.redis,
        clients.registry,
        settings,
        PayloadMedia(media, settings),
    )


async def put(clients: Clients, project_id: ProjectId, *attributes: dict[str, Any]) -> BlobKey:
    """A payload of spans with these attributes; the first has the id SPAN."""
    at = now_nanos()
    header = FrameHeader(project_id, JSON, at, sdk_name="python", sdk_version="5.0.4")
    frames = [
        Frame(header, orjson.dumps(export(each, spanId=f"{int(SPAN, 16) + place:016x}")))
        for place, each in enumerate(attributes)
    ]
    key = make_key(clients.settings.s3_prefix, project_id, at)
    await clients.blobs.put(key, pack(frames))
    return key


async def rows(clients: Clients, project_id: ProjectId) -> list[dict[str, Any]]:
    text = "SELECT * FROM observations FINAL WHERE project_id = {project_id:String} ORDER BY id"
    return await clients.clickhouse.query_dicts(Sql(text, {"project_id": project_id}))


async def links(postgres: Postgres, project_id: ProjectId) -> list[tuple[str, str, str]]:
    async with postgres.session() as session:
        found = await repository.links_of(session, project_id, TraceId(TRACE))
    return [(row.observation_id, row.field, row.media_id) for row in found]


async def test_files_go_to_the_store_and_references_to_the_row(
    clients: Clients,
    media: MediaService,
    postgres: Postgres,
    http: httpx.AsyncClient,
    project_id: ProjectId,
) -> None:
    picture, sound, text = (os.urandom(3_000) for _ in range(3))
    given = json.dumps([{"role": "user", "content": [{"image_url": {"url": uri(picture)}}]}])
    part = {"type": "base64", "media_type": "audio/wav", "data": base64.b64encode(sound).decode()}
    answered = json.dumps({"parts": [part], "again": uri(picture)})
    key = await put(
        clients,
        project_id,
        {
            O + "input": given,
            O + "output": answered,
            O + "metadata.note": json.dumps(f"see {uri(text, 'text/plain')}"),
            "langfuse.trace.input": uri(picture),
            "attachment": uri(text, "text/plain"),
        },
    )
    for _ in range(2):
        assert await service(clients, media).process(key) == 1
    (row,) = await rows(clients, project_id)
    assert row["input"] == given.replace(uri(picture), reference(picture))
    assert json.loads(row["output"]) == {
        "parts": [{**part, "data": reference(sound, "audio/wav")}],
        "again": reference(picture),
    }
    assert row["trace_input"] == reference(picture)
    assert row["metadata"]["note"] == f"see {reference(text, 'text/plain')}"
    assert row["metadata"]["attributes.attachment"] == reference(text, "text/plain")
    ids = {
        name: FileMark.of("image/png", data).media_id
        for name, data in (("picture", picture), ("sound", sound), ("text", text))
    }
    assert sorted(await links(postgres, project_id)) == sorted(
        [
            ("", "input", ids["picture"]),
            (SPAN, "input", ids["picture"]),
            (SPAN, "metadata", ids["text"]),
            (SPAN, "output", ids["picture"]),
            (SPAN, "output", ids["sound"]),
        ]
    )
    for data, content_type in ((picture, "image/png"), (sound, "audio/wav"), (text, "text/plain")):
        found = await media.download(project_id, FileMark.of(content_type, data).media_id)
        answer = await http.get(found.url)
        assert (answer.content, answer.headers["content-type"]) == (data, content_type)


async def test_a_client_s_unfinished_upload_is_finished_by_the_payload(
    clients: Clients, media: MediaService, project_id: ProjectId
) -> None:
    data = os.urandom(2_000)
    mark = FileMark.of("image/png", data)
    assert (await media.request_upload(project_id, mark, place())).url is not None
    key = await put(clients, project_id, {O + "input": uri(data)})
    await service(clients, media).process(key)
    assert (await media.download(project_id, mark.media_id)).size_bytes == 2_000
    assert (await media.request_upload(project_id, mark, place())).url is None


async def test_several_workers_on_the_same_payload_agree(
    clients: Clients, media: MediaService, postgres: Postgres, project_id: ProjectId
) -> None:
    data = [os.urandom(2_000) for _ in range(5)]
    key = await put(clients, project_id, *({O + "input": " ".join(map(uri, data))} for _ in range(3)))
    await asyncio.gather(*(service(clients, media).process(key) for _ in range(4)))
    expected = " ".join(map(reference, data))
    assert [row["input"] for row in await rows(clients, project_id)] == [expected] * 3
    assert len(await links(postgres, project_id)) == 15


@pytest.mark.parametrize(
    "text",
    [
        uri(b"x" * 2_000)[:-3],
        uri(b"x" * 2_000, "image/x-unknown"),
        uri(b"small"),
        f"{uri(b'x' * 2_000)}*",
        f"https://example.com/{'a' * 4_000}",
    ],
)
async def test_what_is_no_clean_file_stays(
    clients: Clients, media: MediaService, postgres: Postgres, project_id: ProjectId, text: str
) -> None:
    key = await put(clients, project_id, {O + "input": text})
    await service(clients, media).process(key)
    (row,) = await rows(clients, project_id)
    assert row["input"] == text
    assert await links(postgres, project_id) == []


@pytest.mark.parametrize(
    "changes",
    [{"is_media_extracted": False}, {"media_extract_min_bytes": 2_001}, {"media_max_bytes": 1_999}],
)
async def test_settings_keep_files_in_the_payload(
    clients: Clients, media: MediaService, project_id: ProjectId, changes: dict[str, Any]
) -> None:
    text = uri(os.urandom(2_000))
    key = await put(clients, project_id, {O + "input": text})
    await service(clients, media, **changes).process(key)
    assert [row["input"] for row in await rows(clients, project_id)] == [text]


@pytest.mark.parametrize("part", ["media_endpoint", "database", "media_secret_access_key"])
async def test_a_store_that_is_down_or_refuses_loses_nothing(
    clients: Clients, media: MediaService, settings: Settings, project_id: ProjectId, part: str
) -> None:
    """What was left in the payload goes to the store when the payload is processed again."""
    changes: dict[str, dict[str, Any]] = {
        "media_endpoint": {"media_endpoint": f"http://127.0.0.1:{free_port()}"},
        "media_secret_access_key": {"media_secret_access_key": SecretStr("another")},
    }
    down = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    postgres = Postgres(down if part == "database" else settings.postgres_url)
    failing = MediaService(postgres, settings.model_copy(update=changes.get(part)))
    data = os.urandom(2_000)
    text = uri(data)
    key = await put(clients, project_id, {O + "input": text})
    assert await service(clients, failing).process(key) == 1
    assert [row["input"] for row in await rows(clients, project_id)] == [text]
    await service(clients, media).process(key)
    assert [row["input"] for row in await rows(clients, project_id)] == [reference(data)]
    await failing.close()
    await postgres.close()


async def test_many_files_go_in_batches_and_each_once(
    clients: Clients, media: MediaService, project_id: ProjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture of a conversation comes again with every turn."""
    monkeypatch.setattr("lumenspan.media.payloads._BATCH_BYTES", 100_000)
    picture = os.urandom(30_000)
    own = [os.urandom(30_000) for _ in range(12)]
    key = await put(clients, project_id, *({O + "input": f"{uri(picture)} {uri(each)}"} for each in own))
    assert await service(clients, media).process(key) == 12
    found = [find(row["input"]) for row in await rows(clients, project_id)]
    marks = [FileMark.of("image/png", each).media_id for each in (picture, *own)]
    assert [[each.media_id for each in row] for row in found] == [[marks[0], mark] for mark in marks[1:]]
    for mark in marks:
        assert (await media.download(project_id, mark)).size_bytes == 30_000
