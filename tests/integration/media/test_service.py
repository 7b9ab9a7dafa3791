"""Uploads, downloads, deduplication and removal on PostgreSQL and S3."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import httpx
import pytest

from lumenspan.clock import utc_now
from lumenspan.errors import Bug, InvalidInput, NotFound
from lumenspan.ids import ProjectId, TraceId
from lumenspan.media import repository
from lumenspan.media.domain import DatasetItemLink, Field, FileMark, MediaDisabled, MediaId, UploadReport
from lumenspan.media.extract import File
from lumenspan.media.service import MediaService
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.postgres import Postgres
from tests.integration.media.conftest import place, upload_headers
from tests.support import free_port

pytestmark = pytest.mark.engines

OK = UploadReport(utc_now(), 200)


def new_file(content_type: str = "image/png", size: int = 500) -> tuple[FileMark, bytes]:
    data = os.urandom(size)
    return FileMark.of(content_type, data), data


async def upload(
    media: MediaService, http: httpx.AsyncClient, project_id: ProjectId, mark: FileMark, data: bytes
) -> None:
    ticket = await media.request_upload(project_id, mark, place())
    assert ticket.url is not None
    answer = await http.put(ticket.url, content=data, headers=upload_headers(mark))
    assert answer.status_code == 200, answer.text
    await media.report_upload(project_id, mark.media_id, OK)


async def links(postgres: Postgres, project_id: ProjectId, trace: str) -> list[tuple[str, str, str]]:
    async with postgres.session() as session:
        rows = await repository.links_of(session, project_id, TraceId(trace))
    return [(row.observation_id, row.field, row.media_id) for row in rows]


class TestUpload:
    async def test_what_was_uploaded_is_served_with_its_type(
        self, media: MediaService, http: httpx.AsyncClient, project_id: ProjectId
    ) -> None:
        mark, data = new_file("audio/wav")
        await upload(media, http, project_id, mark, data)
        before = utc_now()
        found = await media.download(project_id, mark.media_id)
        assert (found.content_type, found.size_bytes, found.uploaded_at) == (
            "audio/wav",
            500,
            OK.uploaded_at,
        )
        assert timedelta(minutes=59) < found.expires_at - before < timedelta(minutes=61)
        answer = await http.get(found.url)
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == "audio/wav"

    @pytest.mark.parametrize("change", ["bytes", "longer", "type", "digest", "no_digest"])
    async def test_the_store_refuses_anything_else(
        self, media: MediaService, http: httpx.AsyncClient, project_id: ProjectId, change: str
    ) -> None:
        mark, data = new_file()
        other = new_file()[0]
        headers = upload_headers(mark)
        if change == "bytes":
            data = os.urandom(len(data))
        elif change == "longer":
            data += b"x"
        elif change == "type":
            headers["Content-Type"] = "text/html"
        elif change == "digest":
            headers["x-amz-checksum-sha256"] = other.sha256
        else:
            del headers["x-amz-checksum-sha256"]
        ticket = await media.request_upload(project_id, mark, place())
        assert ticket.url is not None
        answer = await http.put(ticket.url, content=data, headers=headers)
        assert answer.status_code in (400, 403)
        await media.report_upload(project_id, mark.media_id, UploadReport(utc_now(), answer.status_code))
        with pytest.raises(NotFound):
            await media.download(project_id, mark.media_id)
        ticket = await media.request_upload(project_id, mark, place())
        assert ticket.url is not None, "it may be tried again"

    async def test_a_page_of_another_origin_may_upload_and_download(
        self, media: MediaService, http: httpx.AsyncClient, project_id: ProjectId
    ) -> None:
        mark, data = new_file()
        ticket = await media.request_upload(project_id, mark, place())
        assert ticket.url is not None
        origin = {"Origin": "https://app.example"}
        asked = {
            **origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": ",".join(upload_headers(mark)).lower(),
        }
        preflight = await http.options(ticket.url, headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] in ("*", origin["Origin"])
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert allowed == "*" or "x-amz-checksum-sha256" in allowed
        put = await http.put(ticket.url, content=data, headers=upload_headers(mark) | origin)
        assert put.headers["access-control-allow-origin"] in ("*", origin["Origin"])
        await media.report_upload(project_id, mark.media_id, OK)
        found = await media.download(project_id, mark.media_id)
        answer = await http.get(found.url, headers=origin)
        assert answer.headers["access-control-allow-origin"] in ("*", origin["Origin"])

    async def test_a_file_over_the_limit_is_refused(
        self, postgres: Postgres, settings: Settings, project_id: ProjectId
    ) -> None:
        small = MediaService(postgres, settings.model_copy(update={"media_max_bytes": 499}))
        with pytest.raises(InvalidInput, match="499"):
            await small.request_upload(project_id, new_file()[0], place())

    async def test_without_a_bucket_it_says_so(
        self, postgres: Postgres, settings: Settings, project_id: ProjectId
    ) -> None:
        off = MediaService(postgres, settings.model_copy(update={"media_bucket": None}))
        mark, _ = new_file()
        for call in (
            off.request_upload(project_id, mark, place()),
            off.download(project_id, mark.media_id),
        ):
            with pytest.raises(MediaDisabled, match="LANGFUSE_S3_MEDIA_UPLOAD_BUCKET"):
                await call
        await off.close()

    async def test_signed_addresses_name_the_public_endpoint(
        self, postgres: Postgres, settings: Settings, http: httpx.AsyncClient, project_id: ProjectId
    ) -> None:
        apart = settings.model_copy(
            update={
                "media_endpoint": "https://files.example.com",
                "media_internal_endpoint": settings.media_endpoint,
            }
        )
        media = MediaService(postgres, apart)
        mark, data = new_file()
        ticket = await media.request_upload(project_id, mark, place())
        assert str(ticket.url).startswith(f"https://files.example.com/{settings.media_bucket}/media/")
        await media.keep(project_id, [File(mark, data)], [])
        found = await media.download(project_id, mark.media_id)
        assert found.url.startswith("https://files.example.com/")
        assert (await media.request_upload(project_id, mark, place())).url is None
        await media.close()


class TestDeduplication:
    async def test_a_known_file_needs_no_upload_and_is_linked(
        self, media: MediaService, postgres: Postgres, http: httpx.AsyncClient, project_id: ProjectId
    ) -> None:
        mark, data = new_file()
        await upload(media, http, project_id, mark, data)
        for _ in range(2):
            ticket = await media.request_upload(project_id, mark, place("t2", "", Field.OUTPUT))
            assert (ticket.media_id, ticket.url) == (mark.media_id, None)
        assert await links(postgres, project_id, "t") == [("o", "input", mark.media_id)]
        assert await links(postgres, project_id, "t2") == [("", "output", mark.media_id)]

    async def test_another_project_uploads_for_itself(
        self,
        media: MediaService,
        http: httpx.AsyncClient,
        project_id: ProjectId,
        other_project_id: ProjectId,
    ) -> None:
        mark, data = new_file()
        await upload(media, http, project_id, mark, data)
        with pytest.raises(NotFound):
            await media.download(other_project_id, mark.media_id)
        with pytest.raises(NotFound):
            await media.report_upload(other_project_id, mark.media_id, OK)
        ticket = await media.request_upload(other_project_id, mark, place())
        assert ticket.url is not None
        assert other_project_id in ticket.url

    async def test_the_same_bytes_as_another_type(
        self, media: MediaService, http: httpx.AsyncClient, project_id: ProjectId
    ) -> None:
        mark, data = new_file("image/jpg")
        await upload(media, http, project_id, mark, data)
        renamed = FileMark.of("image/jpeg", data)
        ticket = await media.request_upload(project_id, renamed, place())
        assert ticket.url is not None
        assert (await media.download(project_id, mark.media_id)).content_type == "image/jpg"
        await media.report_upload(project_id, mark.media_id, UploadReport(utc_now(), 500, "no"))
        assert (await media.download(project_id, mark.media_id)).content_type == "image/jpg"
        await upload(media, http, project_id, renamed, data)
        found = await media.download(project_id, mark.media_id)
        assert found.content_type == "image/jpeg"
        answer = await http.get(found.url)
        assert (answer.content, answer.headers["content-type"]) == (data, "image/jpeg")

    async def test_a_file_that_vanished_from_the_store_is_uploaded_anew(
        self,
        media: MediaService,
        settings: Settings,
        http: httpx.AsyncClient,
        project_id: ProjectId,
    ) -> None:
        mark, data = new_file()
        await upload(media, http, project_id, mark, data)
        blobs = Blobs(settings)
        await blobs.delete(f"media/{project_id}/{mark.media_id}.png")
        await blobs.close()
        await upload(media, http, project_id, mark, data)
        found = await media.download(project_id, mark.media_id)
        assert (await http.get(found.url)).content == data

    async def test_a_failed_report_does_not_hide_a_file_that_is_there(
        self, media: MediaService, http: httpx.AsyncClient, project_id: ProjectId
    ) -> None:
        mark, data = new_file()
        await upload(media, http, project_id, mark, data)
        await media.report_upload(project_id, mark.media_id, UploadReport(utc_now(), 403, "late"))
        assert (await media.download(project_id, mark.media_id)).size_bytes == len(data)

    async def test_many_at_once_agree(
        self, media: MediaService, postgres: Postgres, project_id: ProjectId
    ) -> None:
        mark, _ = new_file()
        tickets = await asyncio.gather(
            *(media.request_upload(project_id, mark, place("t", str(at % 3))) for at in range(12))
        )
        assert {ticket.media_id for ticket in tickets} == {mark.media_id}
        assert [each[0] for each in await links(postgres, project_id, "t")] == ["0", "1", "2"]

    async def test_another_digest_with_the_same_id_is_refused(
        self, media: MediaService, project_id: ProjectId
    ) -> None:
        mark, _ = new_file()
        await media.request_upload(project_id, mark, place())
        forged = FileMark(mark.content_type, mark.size_bytes, mark.sha256[:22] + "A" * 21 + "=")
        with pytest.raises(Bug):
            await media.request_upload(project_id, forged, place())


class TestForgetTraces:
    async def test_what_nothing_refers_to_goes_from_both_stores(
        self, media: MediaService, settings: Settings, project_id: ProjectId, other_project_id: ProjectId
    ) -> None:
        files = [File(*new_file()) for _ in range(3)]
        only, shared, kept = (file.mark.media_id for file in files)
        for project in (project_id, other_project_id):
            at = [(only, place("gone")), (shared, place("gone")), (shared, place("stays"))]
            await media.keep(project, files, [*at, (kept, place("gone", field=Field.METADATA))])
        item = DatasetItemLink("set", "item", Field.INPUT)
        await media.request_upload(project_id, files[2].mark, item)
        assert await media.forget_traces(project_id, [TraceId("gone"), TraceId("never")]) == 1
        assert await media.forget_traces(project_id, [TraceId("gone")]) == 0
        with pytest.raises(NotFound):
            await media.download(project_id, only)
        for media_id in (shared, kept):
            assert (await media.download(project_id, media_id)).media_id == media_id
        assert (await media.download(other_project_id, only)).media_id == only
        blobs = Blobs(settings)
        assert await blobs.list(f"media/{project_id}/") == sorted(
            f"media/{project_id}/{media_id}.png" for media_id in (shared, kept)
        )
        await blobs.close()


async def test_an_unknown_id_is_not_found(media: MediaService, project_id: ProjectId) -> None:
    with pytest.raises(NotFound):
        await media.download(project_id, MediaId("A" * 22))


async def test_signing_needs_no_store(
    postgres: Postgres, settings: Settings, project_id: ProjectId
) -> None:
    down = settings.model_copy(update={"media_endpoint": f"http://127.0.0.1:{free_port()}"})
    media = MediaService(postgres, down)
    ticket = await media.request_upload(project_id, new_file()[0], place())
    assert ticket.url is not None
    await media.close()
