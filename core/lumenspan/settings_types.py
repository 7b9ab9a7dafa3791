"""Types of settings: what a variable's text must look like, and what it says when it does not."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from lumenspan.outbound import Allowlist
from lumenspan.rate_limits.domain import RateLimits
from lumenspan.traces.domain import FIELD_GROUPS


def env(name: str, default: Any = ..., *, about: str, **constraints: Any) -> Any:
    """A field read from exactly one environment variable."""
    return Field(default, alias=name, description=about, **constraints)


def _plain_number(value: Any) -> Any:
    """Accept ``1_000_000_000``: the documentation prints defaults that way."""
    return value.replace("_", "") if isinstance(value, str) else value


def is_blank(value: Any) -> bool:
    """Whether the value is text without anything in it."""
    return isinstance(value, str) and not value.strip()


def _blank_to_none(value: Any) -> Any:
    return None if is_blank(value) else value


def _is_url(value: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _http_url(value: str) -> str:
    if not _is_url(value, "http", "https"):
        raise ValueError("must be a URL that starts with http:// or https://")
    return value


def _postgres_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not _is_url(value.get_secret_value(), "postgresql", "postgres"):
        raise ValueError("must look like postgresql://user:password@host:port/name")
    return value


def _redis_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not _is_url(value.get_secret_value(), "redis", "rediss"):
        raise ValueError("must look like redis[s]://[[user][:password]@]host[:port][/db]")
    return value


def _hex_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if len(key) != 64 or any(character not in "0123456789abcdefABCDEF" for character in key):
        raise ValueError("must be 64 hexadecimal characters (openssl rand -hex 32)")
    return value


def _share(value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError("must be between 0 and 1")
    return share


def _shares(value: Any) -> dict[str, float]:
    if isinstance(value, dict):
        return value
    shares = {}
    for part in str(value).split(","):
        name, equals, share = part.strip().partition("=")
        if not name or not equals:
            raise ValueError("must look like one-project=0.1,another=0.5")
        shares[name.strip()] = _share(share)
    return shares


def _allowlist(value: str) -> str:
    Allowlist.parse(value)
    return value


def _rate_limits(value: str) -> str:
    RateLimits.parse(value)
    return value


def _trace_fields(value: str) -> str:
    unknown = {part.strip() for part in value.split(",") if part.strip()} - FIELD_GROUPS
    if unknown:
        raise ValueError(f"must name groups of {', '.join(sorted(FIELD_GROUPS))}")
    return value


def _retention(value: int | None) -> int | None:
    if value is not None and value != 0 and value < 3:
        raise ValueError("must be 0 (for ever) or at least 3 days")
    return value


Number = Annotated[int, BeforeValidator(_plain_number)]
_BLANK = BeforeValidator(_blank_to_none)
Text = Annotated[str | None, _BLANK]
OptionalSecret = Annotated[SecretStr | None, _BLANK]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
OptionalHttpUrl = Annotated[str | None, AfterValidator(lambda value: value and _http_url(value)), _BLANK]
PostgresUrl = Annotated[SecretStr | None, AfterValidator(_postgres_url), _BLANK]
RedisUrl = Annotated[SecretStr | None, AfterValidator(_redis_url), _BLANK]
HexKey = Annotated[SecretStr, AfterValidator(_hex_key)]
RetentionDays = Annotated[
    int | None,
    AfterValidator(_retention),
    BeforeValidator(lambda value: _plain_number(_blank_to_none(value))),
]
Share = Annotated[float, BeforeValidator(_share)]
SharesByName = Annotated[dict[str, float], NoDecode, BeforeValidator(_shares)]
OutboundAllowlist = Annotated[str, AfterValidator(_allowlist)]
RateLimitTable = Annotated[str, AfterValidator(_rate_limits)]
TraceFields = Annotated[str, AfterValidator(_trace_fields)]
RoleName = Literal["OWNER", "ADMIN", "MEMBER", "VIEWER", "NONE"]
