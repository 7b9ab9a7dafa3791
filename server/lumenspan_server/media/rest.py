"""REST routes of media: where to upload a file, how it went, and where to read it."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from litestar import Request, Response, get, patch, post
from litestar.params import FromPath
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)
from pydantic import Field as Constrained

from lumenspan.ids import ObservationId, TraceId
from lumenspan.media.domain import (
    EXTENSIONS,
    DatasetItemLink,
    Field,
    FileMark,
    Link,
    MediaId,
    TraceLink,
    UploadReport,
)
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import json_response
from lumenspan_server.json_body import read_json

_MAX_INT64 = 2**63 - 1
_TRACE_FIELDS = frozenset({Field.INPUT, Field.OUTPUT, Field.METADATA})
_ITEM_FIELDS = frozenset({Field.INPUT, Field.EXPECTED_OUTPUT, Field.METADATA})


def _accepted(content_type: str) -> str:
    if content_type not in EXTENSIONS:
        raise ValueError("is not a content type that is accepted")
    return content_type


def _digest(text: str) -> str:
    # The last of the 43 characters carries two bits too many: only one spelling of a digest is taken.
    if base64.b64encode(base64.b64decode(text)).decode() != text:
        raise ValueError("is not the base64 of a SHA-256 digest")
    return text


_Id = Annotated[StrictStr, StringConstraints(min_length=1, max_length=2048)]
_ContentType = Annotated[StrictStr, AfterValidator(_accepted)]
_Digest = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=\z"), AfterValidator(_digest)]
_Size = Annotated[StrictInt, Constrained(gt=0, le=_MAX_INT64)]


class UploadWish(BaseModel):
    """Body of ``POST /api/public/media``: a file, and the trace or dataset item that refers to it."""

    model_config = ConfigDict(extra="ignore")

    traceId: _Id | None = None
    observationId: _Id | None = None
    datasetId: _Id | None = None
    datasetItemId: _Id | None = None
    contentType: _ContentType
    contentLength: _Size
    sha256Hash: _Digest
    field: Literal["input", "output", "expectedOutput", "metadata"]

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        is_item = self.datasetId is not None or self.datasetItemId is not None
        if self.traceId is not None:
            if is_item:
                raise ValueError("give a trace or a dataset item, not both")
        elif self.observationId is not None:
            raise ValueError("traceId is required with observationId")
        elif self.datasetId is None or self.datasetItemId is None:
            raise ValueError("give traceId, or datasetId and datasetItemId")
        allowed = _ITEM_FIELDS if is_item else _TRACE_FIELDS
        if Field(self.field) not in allowed:
            raise ValueError(f"field must be one of {', '.join(sorted(allowed))}")
        return self

    @property
    def mark(self) -> FileMark:
        return FileMark(self.contentType, self.contentLength, self.sha256Hash)

    @property
    def link(self) -> Link:
        field = Field(self.field)
        if self.traceId is not None:
            return TraceLink(TraceId(self.traceId), ObservationId(self.observationId or ""), field)
        return DatasetItemLink(self.datasetId or "", self.datasetItemId or "", field)


class UploadOutcome(BaseModel):
    """Body of ``PATCH /api/public/media/{id}``."""

    model_config = ConfigDict(extra="ignore")

    uploadedAt: AwareDatetime
    uploadHttpStatus: Annotated[StrictInt, Constrained(ge=0, lt=1000)]
    uploadHttpError: StrictStr | None = None
    uploadTimeMs: Annotated[float | None, Constrained(ge=0, le=_MAX_INT64 // 2)] = None

    @property
    def report(self) -> UploadReport:
        duration = None if self.uploadTimeMs is None else round(self.uploadTimeMs)
        # PostgreSQL stores no NUL.
        error = self.uploadHttpError and self.uploadHttpError.replace("\0", "")
        return UploadReport(self.uploadedAt.astimezone(UTC), self.uploadHttpStatus, error, duration)


@post("/api/public/media", status_code=201, summary="Ask where to upload a file")
async def request_upload(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{mediaId, uploadUrl}``; no address when the project has the file."""
    principal = await require_project_key(request)
    wish = await read_json(request, UploadWish)
    media = request.app.state.services.media
    ticket = await media.request_upload(principal.project_id, wish.mark, wish.link)
    return json_response({"mediaId": ticket.media_id, "uploadUrl": ticket.url}, 201)


@patch("/api/public/media/{media_id:str}", summary="Tell how the upload went")
async def report_upload(request: Request[Any, Any, Any], media_id: FromPath[str]) -> Response[bytes]:
    """``{message: "OK"}``."""
    principal = await require_project_key(request)
    outcome = await read_json(request, UploadOutcome)
    media = request.app.state.services.media
    await media.report_upload(principal.project_id, MediaId(media_id), outcome.report)
    return json_response({"message": "OK"})


@get("/api/public/media/{media_id:str}", summary="A file and where to read it")
async def get_media(request: Request[Any, Any, Any], media_id: FromPath[str]) -> Response[bytes]:
    """The file with an address that expires."""
    principal = await require_project_key(request)
    found = await request.app.state.services.media.download(principal.project_id, MediaId(media_id))
    return json_response(
        {
            "mediaId": found.media_id,
            "contentType": found.content_type,
            "contentLength": found.size_bytes,
            "uploadedAt": _iso(found.uploaded_at),
            "url": found.url,
            "urlExpiry": _iso(found.expires_at),
        }
    )


routes = [request_upload, report_upload, get_media]


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
