"""Settings of the engines: PostgreSQL, ClickHouse, Redis and the store of payloads."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from lumenspan.settings_types import (
    HttpUrl,
    Number,
    OptionalHttpUrl,
    OptionalSecret,
    PostgresUrl,
    RedisUrl,
    Text,
    env,
)


class EngineSettings(BaseSettings):
    """How the engines are reached."""

    # PostgreSQL
    database_url: PostgresUrl = env("DATABASE_URL", None, about="postgresql://user:password@host:port/name")
    database_host: Text = env("DATABASE_HOST", None, about="Host, where no DATABASE_URL is given")
    database_username: Text = env("DATABASE_USERNAME", None, about="User for DATABASE_HOST")
    database_password: OptionalSecret = env("DATABASE_PASSWORD", None, about="Password for DATABASE_HOST")
    database_name: Text = env("DATABASE_NAME", None, about="Database for DATABASE_HOST")
    database_args: Text = env("DATABASE_ARGS", None, about="Arguments appended, such as sslmode=require")
    direct_url: PostgresUrl = env("DIRECT_URL", None, about="URL for migrations; DATABASE_URL where unset")
    is_postgres_migration_disabled: bool = env(
        "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", False, about="Skip PostgreSQL migrations at start"
    )

    # ClickHouse
    clickhouse_url: HttpUrl = env("CLICKHOUSE_URL", about="http(s)://host:8123")
    clickhouse_user: str = env("CLICKHOUSE_USER", about="User", min_length=1)
    clickhouse_password: SecretStr = env("CLICKHOUSE_PASSWORD", about="Password")
    clickhouse_database: str = env(
        "CLICKHOUSE_DB", "default", about="Database", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"
    )
    is_clickhouse_cluster: bool = env(
        "CLICKHOUSE_CLUSTER_ENABLED", True, about="Migrations run ON CLUSTER with replicated tables"
    )
    clickhouse_cluster: str = env(
        "CLICKHOUSE_CLUSTER_NAME",
        "default",
        about="Name of the cluster",
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$",
    )
    is_clickhouse_migration_disabled: bool = env(
        "LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", False, about="Skip ClickHouse migrations at start"
    )
    query_timeout_s: Number = env("LUMENSPAN_QUERY_TIMEOUT_SECONDS", 30, about="Longest read", ge=1)
    query_memory_mib: Number = env(
        "LUMENSPAN_QUERY_MEMORY_MIB", 2048, about="Most memory of one read", ge=64
    )

    # Redis or Valkey
    redis_connection_string: RedisUrl = env(
        "REDIS_CONNECTION_STRING", None, about="redis[s]://[[user][:password]@]host[:port][/db]"
    )
    redis_host: Text = env("REDIS_HOST", None, about="Host, where no connection string is given")
    redis_port: Number = env("REDIS_PORT", 6379, about="Port for REDIS_HOST", ge=1, le=65535)
    redis_username: Text = env("REDIS_USERNAME", None, about="User for REDIS_HOST")
    redis_auth: OptionalSecret = env("REDIS_AUTH", None, about="Password for REDIS_HOST")
    is_redis_tls: bool = env("REDIS_TLS_ENABLED", False, about="TLS for REDIS_HOST")
    redis_key_prefix: str = env("REDIS_KEY_PREFIX", "", about="Prefix of every key; should end with ':'")
    is_api_key_cache_enabled: bool = env(
        "LANGFUSE_CACHE_API_KEY_ENABLED", True, about="Cache API keys, hashed"
    )
    api_key_cache_ttl_s: Number = env(
        "LANGFUSE_CACHE_API_KEY_TTL_SECONDS", 300, about="Seconds they stay", ge=1
    )

    # Blob storage
    s3_bucket: str = env("LANGFUSE_S3_EVENT_UPLOAD_BUCKET", about="Bucket of raw payloads", min_length=3)
    s3_prefix: str = env(
        "LANGFUSE_S3_EVENT_UPLOAD_PREFIX", "", about="Prefix; ends with '/'", pattern=r"^$|.*/$"
    )
    s3_region: str = env("LANGFUSE_S3_EVENT_UPLOAD_REGION", "us-east-1", about="Region")
    s3_endpoint: OptionalHttpUrl = env(
        "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", None, about="Endpoint; AWS where unset"
    )
    s3_access_key_id: Text = env("LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID", None, about="Access key")
    s3_secret_access_key: OptionalSecret = env(
        "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY", None, about="Its secret"
    )
    is_s3_path_style: bool = env(
        "LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE", False, about="Path-style addresses, as MinIO needs"
    )
    s3_encryption: Literal["AES256", "aws:kms"] | None = env(
        "LANGFUSE_S3_EVENT_UPLOAD_SSE", None, about="How the store encrypts what is written"
    )
    s3_kms_key_id: Text = env(
        "LANGFUSE_S3_EVENT_UPLOAD_SSE_KMS_KEY_ID", None, about="Key, required with `aws:kms`"
    )
    s3_concurrent_writes: Number = env("LANGFUSE_S3_CONCURRENT_WRITES", 50, about="Writes at once", ge=1)
    s3_concurrent_reads: Number = env("LANGFUSE_S3_CONCURRENT_READS", 50, about="Reads at once", ge=1)
