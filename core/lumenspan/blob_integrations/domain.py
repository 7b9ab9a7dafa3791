"""Exports of a project into a store of its own: how they are set up, and where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId

# A client may already be in tomorrow, and its date picker, too.
_FUTURE_TOLERANCE = timedelta(hours=27)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AZURE_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class StorageType(StrEnum):
    """Which interface the store has; that of Google takes the JSON of a service account as key."""

    S3 = "S3"
    S3_COMPATIBLE = "S3_COMPATIBLE"
    AZURE_BLOB_STORAGE = "AZURE_BLOB_STORAGE"
    GOOGLE_CLOUD_STORAGE = "GOOGLE_CLOUD_STORAGE"


class ExportFrequency(StrEnum):
    """How often it exports."""

    EVERY_20_MINUTES = "every_20_minutes"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


class FileType(StrEnum):
    """What the files are."""

    JSON = "JSON"
    CSV = "CSV"
    JSONL = "JSONL"
    PARQUET = "PARQUET"


class ExportMode(StrEnum):
    """Where the first export begins."""

    FULL_HISTORY = "FULL_HISTORY"
    FROM_TODAY = "FROM_TODAY"
    FROM_CUSTOM_DATE = "FROM_CUSTOM_DATE"


class ExportSource(StrEnum):
    """Which tables are exported."""

    LEGACY_TRACES_OBSERVATIONS = "LEGACY_TRACES_OBSERVATIONS"
    OBSERVATIONS_V2 = "OBSERVATIONS_V2"
    LEGACY_TRACES_AND_ENRICHED_OBSERVATIONS = "LEGACY_TRACES_AND_ENRICHED_OBSERVATIONS"


class FieldGroup(StrEnum):
    """Columns of observations that come together."""

    CORE = "core"
    BASIC = "basic"
    TIME = "time"
    IO = "io"
    METADATA = "metadata"
    MODEL = "model"
    USAGE = "usage"
    PROMPT = "prompt"
    METRICS = "metrics"
    TOOLS = "tools"
    TRACE_CONTEXT = "trace_context"


class SyncStatus(StrEnum):
    """Where the exports stand."""

    IDLE = "idle"
    RUNNING = "running"
    QUEUED = "queued"
    UP_TO_DATE = "up_to_date"
    DISABLED = "disabled"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """What callers choose, without secrets."""

    type: StorageType
    bucket_name: str
    endpoint: str | None = None
    region: str
    prefix: str = ""
    export_frequency: ExportFrequency
    is_enabled: bool
    force_path_style: bool
    file_type: FileType
    export_mode: ExportMode
    export_start_date: datetime | None = None
    is_compressed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BlobIntegrationChange:
    """What an integration is to be, with the secret in the clear; never printed.

    Attributes:
        access_key_id: None keeps what is stored; see ``without_keys``.
        secret_access_key: None keeps what is stored.
        without_keys: forget both keys; the server's own identity is used, which only S3 has.
        export_source: None keeps what is stored, and is the default of a new one.
        export_field_groups: the same.
    """

    settings: BlobSettings
    access_key_id: str | None = None
    secret_access_key: str | None = None
    without_keys: bool = False
    export_source: ExportSource | None = None
    export_field_groups: tuple[FieldGroup, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobIntegration:
    """The integration of a project, without its secret. A project has one, so its id is the project's."""

    project_id: ProjectId
    settings: BlobSettings
    access_key_id: str | None
    export_source: ExportSource
    export_field_groups: tuple[FieldGroup, ...]
    next_sync_at: datetime | None
    last_sync_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def sync_status(self, now: datetime) -> SyncStatus:
        """Where its exports stand at ``now``."""
        if not self.settings.is_enabled:
            return SyncStatus.DISABLED
        if self.last_error is not None:
            return SyncStatus.ERROR
        if self.next_sync_at is not None and self.next_sync_at <= now:
            return SyncStatus.QUEUED
        return SyncStatus.IDLE if self.last_sync_at is None else SyncStatus.UP_TO_DATE


def check(change: BlobIntegrationChange, now: datetime) -> None:
    """Return when nothing contradicts itself; what is stored and the network are not looked at.

    Raises:
        InvalidInput: the message begins with the field that is wrong.
    """
    settings = change.settings
    _check_place(settings)
    groups = change.export_field_groups
    if groups is not None:
        if change.export_source is None:
            raise InvalidInput("exportFieldGroups requires exportSource in the same request")
        if FieldGroup.CORE not in groups:
            raise InvalidInput("exportFieldGroups must include core")
    if settings.export_mode == ExportMode.FROM_CUSTOM_DATE:
        _check_start(settings.export_start_date, now)
    if change.without_keys and change.secret_access_key is not None:
        raise InvalidInput("accessKeyId is required with secretAccessKey")


def _check_place(settings: BlobSettings) -> None:
    if settings.type == StorageType.S3_COMPATIBLE and not settings.endpoint:
        raise InvalidInput("endpoint is required for the type S3_COMPATIBLE")
    if settings.type == StorageType.AZURE_BLOB_STORAGE:
        if not _AZURE_CONTAINER.fullmatch(settings.bucket_name):
            raise InvalidInput(
                "bucketName: an Azure container has 3 to 63 lower-case letters, digits and single hyphens"
            )
    elif "/" in settings.bucket_name or not settings.bucket_name.strip():
        raise InvalidInput("bucketName is the name of a bucket, without slashes")
    if settings.prefix and not settings.prefix.endswith("/"):
        raise InvalidInput("prefix must end with a forward slash")
    for name, text in (
        ("bucketName", settings.bucket_name),
        ("region", settings.region),
        ("prefix", settings.prefix),
    ):
        if _CONTROL.search(text):
            raise InvalidInput(f"{name} holds a character that no store takes")


def _check_start(start: datetime | None, now: datetime) -> None:
    if start is None:
        raise InvalidInput("exportStartDate is required for the mode FROM_CUSTOM_DATE")
    if start < _EPOCH:
        raise InvalidInput("exportStartDate must not be before 1970")
    if start > now + _FUTURE_TOLERANCE:
        raise InvalidInput("exportStartDate must not be in the future")
