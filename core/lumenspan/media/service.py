"""Files of a project: upload and download through signed addresses, and files taken out of payloads."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from lumenspan.clock import utc_now
from lumenspan.errors import Bug, InvalidInput, LumenspanError, NotFound
from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.media import repository
from lumenspan.media.domain import (
    Download,
    Field,
    FileMark,
    Link,
    MediaDisabled,
    MediaId,
    TraceFile,
    TraceLink,
    UploadReport,
    UploadTicket,
    object_key,
)
from lumenspan.media.extract import File
from lumenspan.media.tables import MediaRow
from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs, S3Address
from lumenspan.storage.postgres import Postgres

_log = structlog.get_logger(__name__)
_UPLOAD_EXPIRY_S = 3600
_PUTS_AT_ONCE = 4
_MAX_ERROR = 2_000
_REMOVED_AT_ONCE = 500
MAX_TRACE_FILES = 1_000


@dataclass(frozen=True, slots=True)
class _Stores:
    """The bucket as clients reach it, for signing, and as this process does."""

    bucket: str
    public: Blobs
    internal: Blobs


class MediaService:
    """Everything about files; where no bucket is set, files are refused and payloads left alone."""

    def __init__(self, postgres: Postgres, settings: Settings) -> None:
        self._postgres = postgres
        self._settings = settings
        self._stores = _open(settings)

    @property
    def is_enabled(self) -> bool:
        return self._stores is not None

    async def request_upload(self, project_id: ProjectId, mark: FileMark, link: Link) -> UploadTicket:
        """Note the link, and where to upload the file unless the project has it as this type already.

        Raises:
            InvalidInput: the file is larger than the limit.
            MediaDisabled: there is no bucket.
        """
        stores = self._required()
        if mark.size_bytes > self._settings.media_max_bytes:
            raise InvalidInput(f"The file is larger than {self._settings.media_max_bytes} bytes")
        async with self._postgres.session() as session:
            await repository.add(session, self._row(project_id, mark))
            row = await repository.lock(session, project_id, mark.media_id)
            if row is None or row.sha256 != mark.sha256:
                _log.error("media_id_collision", project_id=project_id, media_id=mark.media_id)
                raise Bug
            if not row.is_uploaded:
                self._describe(row, mark)
            elif row.content_type != mark.content_type:
                # What is there stays readable until the upload as this type is reported.
                row.pending_content_type = mark.content_type
            is_known = row.is_uploaded and row.content_type == mark.content_type
            await repository.link(session, project_id, [(mark.media_id, link)])
        if is_known:
            if await self._is_there(stores, row):
                return UploadTicket(mark.media_id, None)
            await self._forget_upload(project_id, mark)
        url = await stores.public.upload_url(
            self._key(project_id, mark),
            content_type=mark.content_type,
            size_bytes=mark.size_bytes,
            sha256=mark.sha256,
            expires_s=_UPLOAD_EXPIRY_S,
        )
        return UploadTicket(mark.media_id, url)

    async def report_upload(self, project_id: ProjectId, media_id: MediaId, report: UploadReport) -> None:
        """Record how an upload went. A failure does not hide a file that is there.

        Raises:
            NotFound: nobody asked to upload such a file to this project.
        """
        async with self._postgres.session() as session:
            row = await repository.lock(session, project_id, media_id)
            if row is None:
                raise NotFound("Media not found")
            if not report.is_success and row.is_uploaded:
                row.pending_content_type = None
                return
            if row.pending_content_type:
                mark = FileMark(row.pending_content_type, row.content_length, row.sha256)
                self._describe(row, mark)
            row.uploaded_at = report.uploaded_at
            row.upload_http_status = report.http_status
            row.upload_http_error = (report.http_error or "")[:_MAX_ERROR] or None
            row.upload_time_ms = report.duration_ms
            row.updated_at = utc_now()

    async def download(self, project_id: ProjectId, media_id: MediaId) -> Download:
        """The file and an address to read it from.

        Raises:
            NotFound: not there, not uploaded (yet), or another project's.
            MediaDisabled: there is no bucket.
        """
        stores = self._required()
        async with self._postgres.session() as session:
            row = await repository.find(session, project_id, media_id)
        if row is None or not row.is_uploaded or row.uploaded_at is None:
            raise NotFound("Media not found")
        expires_s = self._settings.media_download_expiry_s
        expires_at = utc_now() + timedelta(seconds=expires_s)
        url = await stores.public.download_url(row.object_key, expires_s=expires_s, bucket=row.bucket)
        return Download(media_id, row.content_type, row.content_length, row.uploaded_at, url, expires_at)

    async def files_by_trace(
        self, project_id: ProjectId, trace_ids: Sequence[TraceId]
    ) -> dict[TraceId, list[TraceFile]]:
        """The files that traces and their observations refer to, at most ``MAX_TRACE_FILES`` a trace."""
        async with self._postgres.session() as session:
            rows = await repository.files_of(session, project_id, trace_ids, MAX_TRACE_FILES)
        found: dict[TraceId, list[TraceFile]] = defaultdict(list)
        for place, row in rows:
            found[TraceId(place.trace_id)].append(
                TraceFile(
                    media_id=MediaId(row.id),
                    observation_id=ObservationId(place.observation_id),
                    field=Field(place.field),
                    content_type=row.content_type,
                    size_bytes=row.content_length,
                    uploaded_at=row.uploaded_at or row.updated_at,
                )
            )
        return found

    async def keep(
        self,
        project_id: ProjectId,
        files: Sequence[File],
        links: Iterable[tuple[MediaId, TraceLink]],
    ) -> None:
        """Store files that came within payloads, and where; the same again changes nothing.

        Raises:
            Unavailable: PostgreSQL or the store is down.
            MediaDisabled: there is no bucket.
        """
        stores = self._required()
        async with self._postgres.session() as session:
            known = await repository.uploaded(session, project_id, [file.mark.media_id for file in files])
        new = [file for file in files if file.mark.media_id not in known]
        limit = asyncio.Semaphore(_PUTS_AT_ONCE)

        async def put(file: File) -> MediaRow:
            async with limit:
                key = self._key(project_id, file.mark)
                await stores.internal.put(key, file.data, file.mark.content_type)
            row = self._row(project_id, file.mark)
            row.uploaded_at, row.upload_http_status = utc_now(), 200
            return row

        rows = await asyncio.gather(*(put(file) for file in new))
        async with self._postgres.session() as session:
            await repository.add_uploaded(session, rows)
            await repository.link(session, project_id, links)

    async def forget_traces(self, project_id: ProjectId, trace_ids: Sequence[TraceId]) -> int:
        """Remove the traces' links, and the files that nothing else refers to; returns their number.

        Raises:
            Unavailable: PostgreSQL is down.
        """
        async with self._postgres.session() as session:
            rows = await repository.unlink_traces(session, project_id, trace_ids)
        for row in rows:
            await self._remove(row)
        return len(rows)

    async def forget_project(self, project_id: ProjectId) -> None:
        """Remove every file of the project and what is known of it.

        Raises:
            Unavailable: an engine is down; some files may be gone, and doing it again goes on.
        """
        while True:
            async with self._postgres.session() as session:
                rows = await repository.some_of_project(session, project_id, _REMOVED_AT_ONCE)
            if not rows:
                break
            if self._stores is not None:
                store = self._stores.internal
                await asyncio.gather(*(store.delete(row.object_key, bucket=row.bucket) for row in rows))
            async with self._postgres.session() as session:
                await repository.remove(session, project_id, [MediaId(row.id) for row in rows])
        if self._stores is not None:
            await self._remove_unknown(self._stores.internal, project_id)

    async def close(self) -> None:
        """Let go of the store."""
        if self._stores is not None:
            await self._stores.public.close()
            await self._stores.internal.close()

    async def _remove(self, row: MediaRow) -> None:
        if self._stores is None:
            return
        try:
            await self._stores.internal.delete(row.object_key, bucket=row.bucket)
        except LumenspanError as error:
            # Only space is lost: nothing refers to the object, and the same file would overwrite it.
            _log.warning("media_not_removed", key=row.object_key, error=error.message)

    async def _remove_unknown(self, store: Blobs, project_id: ProjectId) -> None:
        """Files in the project's folder that nothing is known of, such as those of failed removals."""
        folder, after = f"{self._settings.media_prefix}{project_id}/", ""
        while keys := await store.list(folder, after, _REMOVED_AT_ONCE):
            # An id may hold a slash: what lies deeper is another project's.
            own = [key for key in keys if "/" not in key.removeprefix(folder)]
            await asyncio.gather(*(store.delete(key) for key in own))
            after = keys[-1]

    async def _is_there(self, stores: _Stores, row: MediaRow) -> bool:
        """Whether the store still has the file; a store that cannot be asked is believed to."""
        try:
            return await stores.internal.has(row.object_key, bucket=row.bucket)
        except LumenspanError:
            return True

    async def _forget_upload(self, project_id: ProjectId, mark: FileMark) -> None:
        """The file was removed from the store behind our back: it is uploaded anew."""
        async with self._postgres.session() as session:
            row = await repository.lock(session, project_id, mark.media_id)
            if row is not None:
                row.uploaded_at = row.upload_http_status = None
                self._describe(row, mark)

    def _required(self) -> _Stores:
        if self._stores is None:
            raise MediaDisabled
        return self._stores

    def _row(self, project_id: ProjectId, mark: FileMark) -> MediaRow:
        return MediaRow(
            project_id=project_id,
            id=mark.media_id,
            sha256=mark.sha256,
            content_type=mark.content_type,
            content_length=mark.size_bytes,
            bucket=self._required().bucket,
            object_key=self._key(project_id, mark),
        )

    def _describe(self, row: MediaRow, mark: FileMark) -> None:
        row.content_type, row.pending_content_type = mark.content_type, None
        row.content_length = mark.size_bytes
        row.bucket = self._required().bucket
        row.object_key = self._key(ProjectId(row.project_id), mark)
        row.updated_at = utc_now()

    def _key(self, project_id: ProjectId, mark: FileMark) -> str:
        return object_key(self._settings.media_prefix, project_id, mark.media_id, mark.content_type)


def _open(settings: Settings) -> _Stores | None:
    if settings.media_bucket is None:
        return None

    def at(endpoint: str | None) -> Blobs:
        return Blobs(
            settings,
            S3Address(
                settings.media_bucket or "",
                settings.media_region,
                endpoint,
                settings.media_access_key_id,
                settings.media_secret_access_key,
                settings.is_media_path_style,
                settings.media_encryption,
                settings.media_kms_key_id,
            ),
        )

    public = at(settings.media_endpoint)
    internal = at(settings.media_internal_endpoint) if settings.media_internal_endpoint else public
    return _Stores(settings.media_bucket, public, internal)
