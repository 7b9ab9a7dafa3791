"""Files beside the payloads: images, audio, documents; one a project and content, linked from many."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from lumenspan.errors import LumenspanError
from lumenspan.ids import ObservationId, ProjectId, TraceId

MediaId = NewType("MediaId", str)
_ID_LENGTH = 22
_OFFICE = "vnd.openxmlformats-officedocument"

# Accepted content types, with the extension of their objects where it is not the subtype.
_TYPES: dict[str, dict[str, str | None]] = {
    "image": dict.fromkeys(("png", "jpeg", "jpg", "webp", "gif", "tiff", "bmp", "avif", "heic"))
    | {"svg+xml": "svg"},
    "audio": dict.fromkeys(("mp3", "wav", "ogg", "oga", "aac", "flac", "opus"))
    | {"mpeg": "mp3", "mp4": "m4a", "webm": "weba"},
    "video": dict.fromkeys(("mp4", "webm", "mpeg"))
    | {"ogg": "ogv", "quicktime": "mov", "x-msvideo": "avi", "x-matroska": "mkv"},
    "text": dict.fromkeys(("html", "css", "csv"))
    | {"plain": "txt", "markdown": "md", "x-python": "py", "x-typescript": "ts"},
    "application": dict.fromkeys(("pdf", "zip", "json", "xml", "rtf"))
    | {
        "javascript": "js",
        "x-yaml": "yaml",
        "msword": "doc",
        "vnd.ms-excel": "xls",
        f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
        f"{_OFFICE}.wordprocessingml.document": "docx",
        f"{_OFFICE}.presentationml.presentation": "pptx",
        "octet-stream": "bin",
        "x-ndjson": "jsonl",
        "vnd.apache.parquet": "parquet",
        "gzip": "gz",
        "x-tar": "tar",
        "x-7z-compressed": "7z",
    },
}
EXTENSIONS: dict[str, str] = {
    f"{kind}/{subtype}": extension or subtype
    for kind, subtypes in _TYPES.items()
    for subtype, extension in subtypes.items()
}


class MediaDisabled(LumenspanError):
    """The operator has set no bucket for media."""

    code = "MEDIA_DISABLED"

    def __init__(self) -> None:
        super().__init__("Media is not enabled: LANGFUSE_S3_MEDIA_UPLOAD_BUCKET is not set")


class Field(StrEnum):
    """The part of a trace, observation or dataset item that refers to a file."""

    INPUT = "input"
    OUTPUT = "output"
    EXPECTED_OUTPUT = "expectedOutput"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True, order=True)
class TraceLink:
    """Where a trace refers to a file; ``observation_id`` is empty when the trace itself does."""

    trace_id: TraceId
    observation_id: ObservationId
    field: Field


@dataclass(frozen=True, slots=True, order=True)
class DatasetItemLink:
    """Where a dataset item refers to a file; the item need not exist yet."""

    dataset_id: str
    dataset_item_id: str
    field: Field


Link = TraceLink | DatasetItemLink


@dataclass(frozen=True, slots=True)
class FileMark:
    """What identifies a file: its type, size and SHA-256 in base64 (44 characters)."""

    content_type: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, content_type: str, data: bytes) -> FileMark:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return cls(content_type, len(data), digest)

    @property
    def media_id(self) -> MediaId:
        """Derived from the digest alone, as the SDKs compute it, too."""
        return MediaId(self.sha256[:_ID_LENGTH].replace("+", "-").replace("/", "_"))


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """The answer to a wish to upload; ``url`` is None when the project has the file already."""

    media_id: MediaId
    url: str | None


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What the client says about its upload; ``http_status`` is what the store answered."""

    uploaded_at: datetime
    http_status: int
    http_error: str | None = None
    duration_ms: int | None = None

    @property
    def is_success(self) -> bool:
        return self.http_status in (200, 201)


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file that is there, and where the trace refers to it; ``observation_id`` is empty for the trace."""

    media_id: MediaId
    observation_id: ObservationId
    field: Field
    content_type: str
    size_bytes: int
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """A file of the project, and an address that serves it until ``expires_at``."""

    media_id: MediaId
    content_type: str
    size_bytes: int
    uploaded_at: datetime
    url: str
    expires_at: datetime


def object_key(prefix: str, project_id: ProjectId, media_id: MediaId, content_type: str) -> str:
    """Key of the file in the bucket."""
    return f"{prefix}{project_id}/{media_id}.{EXTENSIONS[content_type]}"
