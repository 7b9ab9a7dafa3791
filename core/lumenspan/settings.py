"""All configuration: one model, read from the environment (and ``.env``).

Documented names of Langfuse keep their names and defaults so that an existing ``.env`` carries over; ours
start with ``LUMENSPAN_``. A wrong value stops the start with a message that names the variable, what was
read (never a secret's value) and what is allowed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lumenspan.settings_types import (
    HexKey,
    HttpUrl,
    Number,
    OptionalHttpUrl,
    OptionalSecret,
    PostgresUrl,
    RedisUrl,
    RetentionDays,
    RoleName,
    Text,
    is_blank,
)


def _env(name: str, default: Any = ..., *, about: str, **constraints: Any) -> Any:
    """A field read from exactly one environment variable."""
    return Field(default, alias=name, description=about, **constraints)


_MAY_BE_BLANK = frozenset({"CLICKHOUSE_PASSWORD", "REDIS_KEY_PREFIX", "LANGFUSE_S3_EVENT_UPLOAD_PREFIX"})


def _incomplete(given: dict[str, Any]) -> list[tuple[str, str]]:
    """Variables that others need, and why."""
    found = []
    parts = ("DATABASE_HOST", "DATABASE_USERNAME", "DATABASE_NAME")
    if "DATABASE_URL" not in given and not all(name in given for name in parts):
        found.append(("DATABASE_URL", f"is required (or {', '.join(parts)}) and not set"))
    if "REDIS_CONNECTION_STRING" not in given and "REDIS_HOST" not in given:
        found.append(("REDIS_CONNECTION_STRING", "is required (or REDIS_HOST) and not set"))
    for name in ("LANGFUSE_INIT_PROJECT_ID", "LANGFUSE_INIT_USER_EMAIL"):
        if name in given and "LANGFUSE_INIT_ORG_ID" not in given:
            found.append(("LANGFUSE_INIT_ORG_ID", f"is required by {name} and not set"))
    return found


class Settings(BaseSettings):
    """Every setting, by the environment variable it is read from; see docs/settings.md."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        case_sensitive=True,
        populate_by_name=False,
    )

    # The application
    host: str = _env("HOSTNAME", "localhost", about="Address the server listens on; 0.0.0.0 for all")
    port: Number = _env("PORT", 3000, about="Port of the server", ge=0, le=65535)
    worker_port: Number = _env(
        "LUMENSPAN_WORKER_PORT", 3030, about="Port of the worker's health page", ge=0, le=65535
    )
    otlp_grpc_port: Number = _env(
        "LUMENSPAN_OTLP_GRPC_PORT",
        4317,
        about="Port of the server for OTLP over gRPC; 0 leaves it out",
        ge=0,
        le=65535,
    )
    public_url: HttpUrl = _env(
        "NEXTAUTH_URL", "http://localhost:3000", about="URL that people and SDKs reach"
    )
    session_secret: SecretStr = _env(
        "NEXTAUTH_SECRET", about="Secret that binds sign-in sessions", min_length=1
    )
    salt: SecretStr = _env("SALT", about="Salt of the hashes of API keys", min_length=1)
    encryption_key: HexKey = _env("ENCRYPTION_KEY", about="256 bits as 64 hexadecimal characters")
    log_level: Literal["trace", "debug", "info", "warn", "error", "fatal"] = _env(
        "LANGFUSE_LOG_LEVEL", "info", about="Least level that is logged"
    )
    log_format: Literal["text", "json"] = _env("LANGFUSE_LOG_FORMAT", "text", about="Form of log lines")
    shutdown_grace_s: float = _env(
        "LUMENSPAN_SHUTDOWN_GRACE_SECONDS",
        3.0,
        about="Seconds served after SIGTERM, answering not ready",
        ge=0,
    )

    # Sign-in
    is_sign_up_disabled: bool = _env("AUTH_DISABLE_SIGNUP", False, about="Refuse new accounts")
    is_password_disabled: bool = _env(
        "AUTH_DISABLE_USERNAME_PASSWORD", False, about="Refuse e-mail and password"
    )
    session_max_age_min: Number = _env(
        "AUTH_SESSION_MAX_AGE", 43_200, about="Minutes a session lasts", gt=5
    )
    default_org_id: Text = _env(
        "LANGFUSE_DEFAULT_ORG_ID", None, about="Organization that new accounts join"
    )
    default_org_role: RoleName = _env("LANGFUSE_DEFAULT_ORG_ROLE", "VIEWER", about="Their role in it")
    default_project_id: Text = _env(
        "LANGFUSE_DEFAULT_PROJECT_ID", None, about="Project that new accounts join"
    )
    default_project_role: Literal["OWNER", "ADMIN", "MEMBER", "VIEWER"] = _env(
        "LANGFUSE_DEFAULT_PROJECT_ROLE", "VIEWER", about="Their role in it"
    )

    # Headless initialization
    init_org_id: Text = _env("LANGFUSE_INIT_ORG_ID", None, about="Organization made at start")
    init_org_name: Text = _env("LANGFUSE_INIT_ORG_NAME", None, about="Its name")
    init_project_id: Text = _env("LANGFUSE_INIT_PROJECT_ID", None, about="Project made at start")
    init_project_name: Text = _env("LANGFUSE_INIT_PROJECT_NAME", None, about="Its name")
    init_project_retention_days: RetentionDays = _env(
        "LANGFUSE_INIT_PROJECT_RETENTION", None, about="Days its data is kept; blank keeps it for ever"
    )
    init_public_key: Text = _env(
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY", None, about="Public key of that project"
    )
    init_secret_key: OptionalSecret = _env(
        "LANGFUSE_INIT_PROJECT_SECRET_KEY", None, about="Secret key of it"
    )
    init_user_email: Text = _env(
        "LANGFUSE_INIT_USER_EMAIL", None, about="User made at start, owner of the organization"
    )
    init_user_name: Text = _env("LANGFUSE_INIT_USER_NAME", None, about="The user's name")
    init_user_password: OptionalSecret = _env(
        "LANGFUSE_INIT_USER_PASSWORD", None, about="The user's password"
    )

    # PostgreSQL
    database_url: PostgresUrl = _env(
        "DATABASE_URL", None, about="postgresql://user:password@host:port/name"
    )
    database_host: Text = _env("DATABASE_HOST", None, about="Host, where no DATABASE_URL is given")
    database_username: Text = _env("DATABASE_USERNAME", None, about="User for DATABASE_HOST")
    database_password: OptionalSecret = _env("DATABASE_PASSWORD", None, about="Password for DATABASE_HOST")
    database_name: Text = _env("DATABASE_NAME", None, about="Database for DATABASE_HOST")
    database_args: Text = _env("DATABASE_ARGS", None, about="Arguments appended, such as sslmode=require")
    direct_url: PostgresUrl = _env("DIRECT_URL", None, about="URL for migrations; DATABASE_URL where unset")
    is_postgres_migration_disabled: bool = _env(
        "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", False, about="Skip PostgreSQL migrations at start"
    )

    # ClickHouse
    clickhouse_url: HttpUrl = _env("CLICKHOUSE_URL", about="http(s)://host:8123")
    clickhouse_user: str = _env("CLICKHOUSE_USER", about="User", min_length=1)
    clickhouse_password: SecretStr = _env("CLICKHOUSE_PASSWORD", about="Password")
    clickhouse_database: str = _env(
        "CLICKHOUSE_DB", "default", about="Database", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"
    )
    is_clickhouse_cluster: bool = _env(
        "CLICKHOUSE_CLUSTER_ENABLED", True, about="Migrations run ON CLUSTER with replicated tables"
    )
    clickhouse_cluster: str = _env(
        "CLICKHOUSE_CLUSTER_NAME",
        "default",
        about="Name of the cluster",
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$",
    )
    is_clickhouse_migration_disabled: bool = _env(
        "LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", False, about="Skip ClickHouse migrations at start"
    )
    query_timeout_s: Number = _env("LUMENSPAN_QUERY_TIMEOUT_SECONDS", 30, about="Longest read", ge=1)
    query_memory_mib: Number = _env(
        "LUMENSPAN_QUERY_MEMORY_MIB", 2048, about="Most memory of one read", ge=64
    )

    # Redis or Valkey
    redis_connection_string: RedisUrl = _env(
        "REDIS_CONNECTION_STRING", None, about="redis[s]://[[user][:password]@]host[:port][/db]"
    )
    redis_host: Text = _env("REDIS_HOST", None, about="Host, where no connection string is given")
    redis_port: Number = _env("REDIS_PORT", 6379, about="Port for REDIS_HOST", ge=1, le=65535)
    redis_username: Text = _env("REDIS_USERNAME", None, about="User for REDIS_HOST")
    redis_auth: OptionalSecret = _env("REDIS_AUTH", None, about="Password for REDIS_HOST")
    is_redis_tls: bool = _env("REDIS_TLS_ENABLED", False, about="TLS for REDIS_HOST")
    redis_key_prefix: str = _env("REDIS_KEY_PREFIX", "", about="Prefix of every key; should end with ':'")
    is_api_key_cache_enabled: bool = _env(
        "LANGFUSE_CACHE_API_KEY_ENABLED", True, about="Cache API keys, hashed"
    )
    api_key_cache_ttl_s: Number = _env(
        "LANGFUSE_CACHE_API_KEY_TTL_SECONDS", 300, about="Seconds they stay", ge=1
    )

    # Blob storage
    s3_bucket: str = _env("LANGFUSE_S3_EVENT_UPLOAD_BUCKET", about="Bucket of raw payloads", min_length=3)
    s3_prefix: str = _env(
        "LANGFUSE_S3_EVENT_UPLOAD_PREFIX", "", about="Prefix; ends with '/'", pattern=r"^$|.*/$"
    )
    s3_region: str = _env("LANGFUSE_S3_EVENT_UPLOAD_REGION", "us-east-1", about="Region")
    s3_endpoint: OptionalHttpUrl = _env(
        "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", None, about="Endpoint; AWS where unset"
    )
    s3_access_key_id: Text = _env("LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID", None, about="Access key")
    s3_secret_access_key: OptionalSecret = _env(
        "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY", None, about="Its secret"
    )
    is_s3_path_style: bool = _env(
        "LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE", False, about="Path-style addresses, as MinIO needs"
    )
    s3_concurrent_writes: Number = _env("LANGFUSE_S3_CONCURRENT_WRITES", 50, about="Writes at once", ge=1)
    s3_concurrent_reads: Number = _env("LANGFUSE_S3_CONCURRENT_READS", 50, about="Reads at once", ge=1)

    # Media
    media_bucket: Text = _env(
        "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET", None, about="Bucket of media; without it none is taken in"
    )
    media_prefix: str = _env(
        "LANGFUSE_S3_MEDIA_UPLOAD_PREFIX", "", about="Prefix; ends with '/'", pattern=r"^$|.*/$"
    )
    media_region: str = _env("LANGFUSE_S3_MEDIA_UPLOAD_REGION", "us-east-1", about="Region")
    media_endpoint: OptionalHttpUrl = _env(
        "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT",
        None,
        about="Endpoint as SDKs and browsers reach it; AWS where unset",
    )
    media_internal_endpoint: OptionalHttpUrl = _env(
        "LUMENSPAN_S3_MEDIA_INTERNAL_ENDPOINT",
        None,
        about="Endpoint as server and workers reach it, where that is another",
    )
    media_access_key_id: Text = _env("LANGFUSE_S3_MEDIA_UPLOAD_ACCESS_KEY_ID", None, about="Access key")
    media_secret_access_key: OptionalSecret = _env(
        "LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY", None, about="Its secret"
    )
    is_media_path_style: bool = _env(
        "LANGFUSE_S3_MEDIA_UPLOAD_FORCE_PATH_STYLE", False, about="Path-style addresses, as MinIO needs"
    )
    media_max_bytes: Number = _env(
        "LANGFUSE_S3_MEDIA_MAX_CONTENT_LENGTH", 1_000_000_000, about="Largest file", ge=1
    )
    media_download_expiry_s: Number = _env(
        "LANGFUSE_S3_MEDIA_DOWNLOAD_URL_EXPIRY_SECONDS",
        3600,
        about="Seconds a download address is valid",
        ge=1,
        le=604_800,
    )
    is_media_extracted: bool = _env(
        "LUMENSPAN_MEDIA_EXTRACTION", True, about="Move base64 files out of payloads into the media bucket"
    )
    media_extract_min_bytes: Number = _env(
        "LUMENSPAN_MEDIA_EXTRACT_MIN_BYTES", 1024, about="Smaller files stay in the payload", ge=1
    )

    # Ingestion
    ingest_max_body_mib: Number = _env(
        "LUMENSPAN_INGEST_MAX_BODY_MIB", 64, about="Largest body of one call, inflated", ge=1, le=1024
    )
    ingest_group_ms: Number = _env(
        "LUMENSPAN_INGEST_GROUP_MILLISECONDS",
        5,
        about="How long calls wait to share one object",
        ge=0,
        le=1000,
    )
    ingest_group_mib: Number = _env(
        "LUMENSPAN_INGEST_GROUP_MIB", 8, about="Size at which an object is written", ge=1
    )
    ingest_pending_mib: Number = _env(
        "LUMENSPAN_INGEST_PENDING_MIB", 256, about="Bytes waiting for storage before calls get 503", ge=1
    )
    worker_threads: Number = _env(
        "LUMENSPAN_WORKER_THREADS", 16, about="Jobs one worker runs at once", ge=1, le=64
    )
    sweep_interval_s: Number = _env(
        "LUMENSPAN_SWEEP_INTERVAL_SECONDS", 5, about="Seconds between searches for lost payloads", ge=1
    )
    sweep_after_s: Number = _env(
        "LUMENSPAN_SWEEP_AFTER_SECONDS",
        10,
        about="Age at which an unprocessed payload counts as lost",
        ge=1,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _complete(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Also what depends on several variables, reported together with what is wrong in each."""
        # Compose files pass every variable on, blank where nobody set it; only a password may be blank.
        given = {
            name: value for name, value in data.items() if not is_blank(value) or name in _MAY_BE_BLANK
        }
        missing: list[InitErrorDetails] = [
            InitErrorDetails(
                type=PydanticCustomError("incomplete", "{why}", {"why": why}), loc=(name,), input=None
            )
            for name, why in _incomplete(given)
        ]
        try:
            settings = handler(given)
        except ValidationError as error:
            wrong: list[InitErrorDetails] = [
                InitErrorDetails(type=e["type"], loc=e["loc"], input=e["input"], ctx=e.get("ctx", {}))
                for e in error.errors(include_url=False)
            ]
            raise ValidationError.from_exception_data(cls.__name__, wrong + missing) from None
        if missing:
            raise ValidationError.from_exception_data(cls.__name__, missing)
        return settings

    @property
    def postgres_url(self) -> str:
        """The connection string, assembled where only its parts are given. Holds the password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        password = (
            f":{quote(self.database_password.get_secret_value(), safe='')}"
            if self.database_password
            else ""
        )
        args = f"?{self.database_args}" if self.database_args else ""
        user = quote(self.database_username or "", safe="")
        return f"postgresql://{user}{password}@{self.database_host}/{self.database_name}{args}"

    @property
    def redis_url(self) -> str:
        """The connection string, assembled where only its parts are given. Holds the password."""
        if self.redis_connection_string is not None:
            return self.redis_connection_string.get_secret_value()
        password = f":{quote(self.redis_auth.get_secret_value(), safe='')}" if self.redis_auth else ""
        user = quote(self.redis_username or "", safe="")
        sign_in = f"{user}{password}@" if user or password else ""
        scheme = "rediss" if self.is_redis_tls else "redis"
        return f"{scheme}://{sign_in}{self.redis_host}:{self.redis_port}/0"


class SettingsError(Exception):
    """The environment cannot be used; the message lists each variable, a line each."""


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        SettingsError: some are missing or wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(explain(error)) from None


def secret_variables() -> frozenset[str]:
    """Names of the variables whose values are never shown."""
    return frozenset(
        field.alias or ""
        for field in Settings.model_fields.values()
        if "SecretStr" in str(field.annotation)
    )


def mask(name: str, value: str) -> str:
    """A value as it may be shown: nothing of a secret, no password within a URL."""
    if name in secret_variables():
        return "********"
    try:
        parts = urlsplit(value)
    except ValueError:
        return value
    if parts.password is None:
        return value
    return value.replace(f":{parts.password}@", ":********@", 1)


def explain(error: ValidationError) -> str:
    """One line per wrong variable: its name, what was read (secrets masked), what is allowed."""
    lines = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "incomplete":
            lines.append(f"{name} {reason}")
        elif problem["type"] == "missing":
            lines.append(f"{name} is required and not set")
        else:
            lines.append(f"{name} is {mask(name, str(problem['input']))!r}: {reason}")
    return "\n".join(dict.fromkeys(lines))
