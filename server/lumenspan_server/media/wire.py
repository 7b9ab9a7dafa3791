"""Files on the wire: what the routes take and answer."""

import base64
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from lumenspan.ids import ObservationId, TraceId
from lumenspan.media.domain import (
    EXTENSIONS,
    DatasetItemLink,
    Field,
    FileMark,
    Link,
    TraceLink,
    UploadReport,
)
from lumenspan_server.errors import invalid_body
from lumenspan_server.operations import Instant, Wire

_MAX_INT64 = 2**63 - 1
_TRACE_FIELDS = frozenset({Field.INPUT, Field.OUTPUT, Field.METADATA})
_ITEM_FIELDS = frozenset({Field.INPUT, Field.EXPECTED_OUTPUT, Field.METADATA})

_Id = Annotated[str, Meta(min_length=1, max_length=2048)]
_DIGEST = re.compile(r"[A-Za-z0-9+/]{43}=\Z")

if TYPE_CHECKING:
    ContentType = StrEnum
else:
    ContentType = StrEnum("ContentType", {re.sub(r"\W", "_", each): each for each in EXTENSIONS})


class UploadWish(Wire):
    """A file, and the trace or dataset item that refers to it."""

    content_type: ContentType
    content_length: Annotated[int, Meta(gt=0, le=_MAX_INT64)]
    sha256_hash: Annotated[str, Meta(min_length=44, max_length=44)]
    field: Literal["input", "output", "expectedOutput", "metadata"]
    trace_id: _Id | None = None
    observation_id: _Id | None = None
    dataset_id: _Id | None = None
    dataset_item_id: _Id | None = None

    @property
    def mark(self) -> FileMark:
        """What identifies the file.

        Raises:
            ValidationFailed: ``sha256Hash`` is no digest.
        """
        text = self.sha256_hash
        # The last of the 43 characters carries two bits too many: only one spelling of a digest is taken.
        if not _DIGEST.match(text) or base64.b64encode(base64.b64decode(text)).decode() != text:
            raise invalid_body(["sha256Hash"], "is not the base64 of a SHA-256 digest")
        return FileMark(str(self.content_type), self.content_length, text)

    @property
    def link(self) -> Link:
        """What refers to the file.

        Raises:
            ValidationFailed: it is not exactly one place, or the place has no such field.
        """
        is_item = self.dataset_id is not None or self.dataset_item_id is not None
        field = Field(self.field)
        allowed = _ITEM_FIELDS if is_item else _TRACE_FIELDS
        if self.trace_id is not None and is_item:
            raise invalid_body([], "give a trace or a dataset item, not both")
        if field not in allowed:
            raise invalid_body(["field"], f"field must be one of {', '.join(sorted(allowed))}")
        if self.trace_id is not None:
            return TraceLink(TraceId(self.trace_id), ObservationId(self.observation_id or ""), field)
        if self.observation_id is not None:
            raise invalid_body(["traceId"], "traceId is required with observationId")
        if self.dataset_id is None or self.dataset_item_id is None:
            raise invalid_body([], "give traceId, or datasetId and datasetItemId")
        return DatasetItemLink(self.dataset_id, self.dataset_item_id, field)


class UploadOutcome(Wire):
    """How the upload went: what the store answered, and how long it took."""

    uploaded_at: Annotated[datetime, Meta(tz=True)]
    upload_http_status: Annotated[int, Meta(ge=0, lt=1000)]
    upload_http_error: str | None = None
    upload_time_ms: Annotated[float, Meta(ge=0, le=2**62)] | None = None

    @property
    def report(self) -> UploadReport:
        """What the service takes."""
        duration = None if self.upload_time_ms is None else round(self.upload_time_ms)
        # PostgreSQL stores no NUL.
        error = self.upload_http_error and self.upload_http_error.replace("\0", "")
        return UploadReport(in_utc(self.uploaded_at), self.upload_http_status, error, duration)


class UploadTarget(Wire):
    """Where to upload; no address when the project has the file."""

    media_id: str
    upload_url: str | None


class MediaRow(Wire):
    """A file and where to read it until ``urlExpiry``."""

    media_id: str
    content_type: str
    content_length: int
    uploaded_at: Instant
    url: str
    url_expiry: str


def in_utc(at: datetime) -> datetime:
    """The instant in UTC.

    Raises:
        ValidationFailed: it is outside of the years that have a date in UTC.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise invalid_body([], "The time is out of range") from None
