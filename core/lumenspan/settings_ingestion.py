"""Settings of media and of ingestion."""

from __future__ import annotations

from typing import Literal

from pydantic_settings import BaseSettings

from lumenspan.settings_types import (
    Number,
    OptionalHttpUrl,
    OptionalSecret,
    Share,
    SharesByName,
    Text,
    env,
)


class IngestionSettings(BaseSettings):
    """What is taken in, and how."""

    # Media
    media_bucket: Text = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET", None, about="Bucket of media; without it none is taken in"
    )
    media_prefix: str = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_PREFIX", "", about="Prefix; ends with '/'", pattern=r"^$|.*/$"
    )
    media_region: str = env("LANGFUSE_S3_MEDIA_UPLOAD_REGION", "us-east-1", about="Region")
    media_endpoint: OptionalHttpUrl = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT",
        None,
        about="Endpoint as SDKs and browsers reach it; AWS where unset",
    )
    media_internal_endpoint: OptionalHttpUrl = env(
        "LUMENSPAN_S3_MEDIA_INTERNAL_ENDPOINT",
        None,
        about="Endpoint as server and workers reach it, where that is another",
    )
    media_access_key_id: Text = env("LANGFUSE_S3_MEDIA_UPLOAD_ACCESS_KEY_ID", None, about="Access key")
    media_secret_access_key: OptionalSecret = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY", None, about="Its secret"
    )
    is_media_path_style: bool = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_FORCE_PATH_STYLE", False, about="Path-style addresses, as MinIO needs"
    )
    media_encryption: Literal["AES256", "aws:kms"] | None = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_SSE",
        None,
        about="How the store encrypts files taken out of payloads; uploads of SDKs follow the bucket",
    )
    media_kms_key_id: Text = env(
        "LANGFUSE_S3_MEDIA_UPLOAD_SSE_KMS_KEY_ID", None, about="Key, required with `aws:kms`"
    )
    media_max_bytes: Number = env(
        "LANGFUSE_S3_MEDIA_MAX_CONTENT_LENGTH", 1_000_000_000, about="Largest file", ge=1
    )
    media_download_expiry_s: Number = env(
        "LANGFUSE_S3_MEDIA_DOWNLOAD_URL_EXPIRY_SECONDS",
        3600,
        about="Seconds a download address is valid",
        ge=1,
        le=604_800,
    )
    is_media_extracted: bool = env(
        "LUMENSPAN_MEDIA_EXTRACTION", True, about="Move base64 files out of payloads into the media bucket"
    )
    media_extract_min_bytes: Number = env(
        "LUMENSPAN_MEDIA_EXTRACT_MIN_BYTES", 1024, about="Smaller files stay in the payload", ge=1
    )

    # Ingestion
    ingest_max_body_mib: Number = env(
        "LUMENSPAN_INGEST_MAX_BODY_MIB", 64, about="Largest body of one call, inflated", ge=1, le=1024
    )
    ingest_group_ms: Number = env(
        "LUMENSPAN_INGEST_GROUP_MILLISECONDS",
        5,
        about="How long calls wait to share one object",
        ge=0,
        le=1000,
    )
    ingest_group_mib: Number = env(
        "LUMENSPAN_INGEST_GROUP_MIB", 8, about="Size at which an object is written", ge=1
    )
    ingest_pending_mib: Number = env(
        "LUMENSPAN_INGEST_PENDING_MIB", 256, about="Bytes waiting for storage before calls get 503", ge=1
    )
    worker_threads: Number = env(
        "LUMENSPAN_WORKER_THREADS", 64, about="Jobs one worker runs at once", ge=1, le=256
    )
    sweep_interval_s: Number = env(
        "LUMENSPAN_SWEEP_INTERVAL_SECONDS", 5, about="Seconds between searches for lost payloads", ge=1
    )
    sweep_after_s: Number = env(
        "LUMENSPAN_SWEEP_AFTER_SECONDS",
        10,
        about="Age at which an unprocessed payload counts as lost",
        ge=1,
    )
    backlog_payloads: Number = env(
        "LUMENSPAN_INGEST_BACKLOG_PAYLOADS",
        200_000,
        about="Payloads waiting for a worker before calls of every project get 503",
        ge=1,
    )
    project_backlog_payloads: Number = env(
        "LUMENSPAN_INGEST_PROJECT_BACKLOG_PAYLOADS",
        50_000,
        about="Payloads of one project waiting before its calls get 429",
        ge=1,
    )
    sample_rate: Share = env(
        "LUMENSPAN_INGEST_SAMPLE_RATE", 1.0, about="Share of traces that is kept; the same ones everywhere"
    )
    project_sample_rates: SharesByName = env(
        "LUMENSPAN_INGEST_SAMPLE_RATES", {}, about="Other shares by project: `id=0.1,other-id=0.5`"
    )
    masking_url: OptionalHttpUrl = env(
        "LANGFUSE_INGESTION_MASKING_CALLBACK_URL",
        None,
        about="Gets what was received as JSON and answers what is to be stored",
    )
    masking_timeout_ms: Number = env(
        "LANGFUSE_INGESTION_MASKING_CALLBACK_TIMEOUT_MS", 500, about="Milliseconds for one try", ge=1
    )
    masking_retries: Number = env(
        "LANGFUSE_INGESTION_MASKING_MAX_RETRIES", 1, about="Further tries", ge=0, le=10
    )
    is_masking_fail_closed: bool = env(
        "LANGFUSE_INGESTION_MASKING_CALLBACK_FAIL_CLOSED",
        False,
        about="Where masking fails: true makes it a dead letter, false stores it unmasked",
    )
