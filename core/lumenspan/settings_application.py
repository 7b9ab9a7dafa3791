"""Settings of the application itself, of sign-in and of what is made at the first start."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from lumenspan.settings_types import (
    HexKey,
    HttpUrl,
    Number,
    OptionalSecret,
    OutboundAllowlist,
    RateLimitTable,
    RetentionDays,
    RoleName,
    Text,
    TraceFields,
    env,
)


class ApplicationSettings(BaseSettings):
    """Where it listens, who may sign in, what is made first."""

    # The application
    host: str = env("HOSTNAME", "localhost", about="Address the server listens on; 0.0.0.0 for all")
    port: Number = env("PORT", 3000, about="Port of the server", ge=0, le=65535)
    worker_port: Number = env(
        "LUMENSPAN_WORKER_PORT", 3030, about="Port of the worker's health page", ge=0, le=65535
    )
    otlp_grpc_port: Number = env(
        "LUMENSPAN_OTLP_GRPC_PORT",
        4317,
        about="Port of the server for OTLP over gRPC; 0 leaves it out",
        ge=0,
        le=65535,
    )
    public_url: HttpUrl = env(
        "NEXTAUTH_URL", "http://localhost:3000", about="URL that people and SDKs reach"
    )
    session_secret: SecretStr = env(
        "NEXTAUTH_SECRET", about="Secret that binds sign-in sessions", min_length=1
    )
    salt: SecretStr = env("SALT", about="Salt of the hashes of API keys", min_length=1)
    encryption_key: HexKey = env("ENCRYPTION_KEY", about="256 bits as 64 hexadecimal characters")
    admin_api_key: OptionalSecret = env(
        "ADMIN_API_KEY", None, about="Bearer token of `/api/admin`; without it that part is closed"
    )
    log_level: Literal["trace", "debug", "info", "warn", "error", "fatal"] = env(
        "LANGFUSE_LOG_LEVEL", "info", about="Least level that is logged"
    )
    log_format: Literal["text", "json"] = env("LANGFUSE_LOG_FORMAT", "text", about="Form of log lines")
    shutdown_grace_s: float = env(
        "LUMENSPAN_SHUTDOWN_GRACE_SECONDS",
        3.0,
        about="Seconds served after SIGTERM, answering not ready",
        ge=0,
    )

    # Sign-in
    is_sign_up_disabled: bool = env("AUTH_DISABLE_SIGNUP", False, about="Refuse new accounts")
    is_password_disabled: bool = env(
        "AUTH_DISABLE_USERNAME_PASSWORD", False, about="Refuse e-mail and password"
    )
    session_max_age_min: Number = env("AUTH_SESSION_MAX_AGE", 43_200, about="Minutes a session lasts", gt=5)
    default_org_id: Text = env("LANGFUSE_DEFAULT_ORG_ID", None, about="Organization that new accounts join")
    default_org_role: RoleName = env("LANGFUSE_DEFAULT_ORG_ROLE", "VIEWER", about="Their role in it")
    default_project_id: Text = env(
        "LANGFUSE_DEFAULT_PROJECT_ID", None, about="Project that new accounts join"
    )
    default_project_role: Literal["OWNER", "ADMIN", "MEMBER", "VIEWER"] = env(
        "LANGFUSE_DEFAULT_PROJECT_ROLE", "VIEWER", about="Their role in it"
    )

    # Headless initialization
    init_org_id: Text = env("LANGFUSE_INIT_ORG_ID", None, about="Organization made at start")
    init_org_name: Text = env("LANGFUSE_INIT_ORG_NAME", None, about="Its name")
    init_project_id: Text = env("LANGFUSE_INIT_PROJECT_ID", None, about="Project made at start")
    init_project_name: Text = env("LANGFUSE_INIT_PROJECT_NAME", None, about="Its name")
    init_project_retention_days: RetentionDays = env(
        "LANGFUSE_INIT_PROJECT_RETENTION", None, about="Days its data is kept; blank keeps it for ever"
    )
    init_public_key: Text = env(
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY", None, about="Public key of that project"
    )
    init_secret_key: OptionalSecret = env(
        "LANGFUSE_INIT_PROJECT_SECRET_KEY", None, about="Secret key of it"
    )
    init_user_email: Text = env(
        "LANGFUSE_INIT_USER_EMAIL", None, about="User made at start, owner of the organization"
    )
    init_user_name: Text = env("LANGFUSE_INIT_USER_NAME", None, about="The user's name")
    init_user_password: OptionalSecret = env(
        "LANGFUSE_INIT_USER_PASSWORD", None, about="The user's password"
    )
    is_prompt_cached: bool = env(
        "LANGFUSE_CACHE_PROMPT_ENABLED", True, about="Keep prompts that were read in Redis"
    )
    prompt_cache_ttl_s: Number = env(
        "LANGFUSE_CACHE_PROMPT_TTL_SECONDS", 300, about="Seconds for which a prompt is kept there", ge=1
    )
    rate_limits: RateLimitTable = env(
        "LUMENSPAN_RATE_LIMITS",
        "",
        about="Calls an organization may make, by resource: `public-api=1000/minute,feedback=20/day`",
    )
    outbound_allowlist: OutboundAllowlist = env(
        "LUMENSPAN_OUTBOUND_ALLOWLIST",
        "",
        about="Internal targets that users may enter: host names, `*.domain`, IP addresses, networks",
    )
    takes_code_evaluators: bool = env(
        "LUMENSPAN_CODE_EVALUATORS",
        True,
        about="Take evaluators that run code; without it they are refused",
    )
    metrics_token: OptionalSecret = env(
        "LUMENSPAN_METRICS_TOKEN", None, about="Bearer token of `/metrics`; without it the server has none"
    )
    is_date_range_required: bool = env(
        "LUMENSPAN_API_REQUIRE_DATE_RANGE",
        False,
        about="Refuse `GET /traces` and `GET /observations` (the first version) without a start in time",
    )
    default_date_range_days: Number = env(
        "LUMENSPAN_API_DEFAULT_DATE_RANGE_DAYS",
        0,
        about="Days that these two lists go back where the call gives no start; 0 for no bound",
        ge=0,
        le=36_500,
    )
    default_trace_fields: TraceFields = env(
        "LUMENSPAN_API_TRACES_DEFAULT_FIELDS",
        "",
        about="Groups, with commas, that `GET /traces` answers where the call gives no `fields`: "
        "`core`, `io`, `scores`, `observations`, `metrics`; all of them where it is not set",
    )
    mcp_allowed_hosts: Text = env(
        "LUMENSPAN_MCP_ALLOWED_HOSTS",
        None,
        about="Hosts, with commas, under which the MCP server may be called besides that of NEXTAUTH_URL",
    )
