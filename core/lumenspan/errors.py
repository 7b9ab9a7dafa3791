"""The taxonomy of errors; each edge has one table that renders it.

    LumenspanError                code, http_status, is_retryable, public message
      InvalidInput       400      the caller must change the call; never retried
        PayloadTooLarge  413
      Unauthenticated    401      who is calling is not known
      AccessDenied       403      known, but not allowed
      NotFound           404      not there, or not for this caller
      Conflict           409      the state forbids it
      RateLimited        429      later
      Unavailable        503      an engine is down or busy; retried with backoff
      Bug                500      ours; masked outside, reported inside

``str(error)`` is public: it never holds a secret or the text of a driver's error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class LumenspanError(Exception):
    """Base of all errors that may reach a caller.

    Attributes:
        code: stable name for machines (GraphQL ``extensions.code``).
        http_status: status a REST edge answers with.
        is_retryable: whether the same call can succeed later.
        reason: a finer code that some routes document, such as ``name_conflict``; mostly None.
        details: public facts beside the message, such as ``{"limit": 50}``.
    """

    code = "INTERNAL"
    http_status = 500
    is_retryable = False

    def __init__(
        self, message: str, *, reason: str | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.details = dict(details or {})


class InvalidInput(LumenspanError):
    """What the caller sent cannot be used as it is."""

    code = "INVALID_INPUT"
    http_status = 400


class PayloadTooLarge(InvalidInput):
    """The body is over the limit, compressed or inflated."""

    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class Unauthenticated(LumenspanError):
    """No credentials, or credentials that nobody has."""

    code = "UNAUTHENTICATED"
    http_status = 401


class AccessDenied(LumenspanError):
    """The caller is known and may not do this."""

    code = "ACCESS_DENIED"
    http_status = 403


class NotFound(LumenspanError):
    """There is nothing of that id within the caller's reach."""

    code = "NOT_FOUND"
    http_status = 404


class Conflict(LumenspanError):
    """The state of the thing forbids the change."""

    code = "CONFLICT"
    http_status = 409


class RateLimited(LumenspanError):
    """Too many calls; ``retry_after_s`` seconds to wait.

    Attributes:
        limit: calls that are allowed within a window; None where something else than calls is limited.
        reset_at: when the window ends.
    """

    code = "RATE_LIMITED"
    http_status = 429
    is_retryable = True

    def __init__(
        self,
        message: str,
        retry_after_s: int,
        *,
        limit: int | None = None,
        reset_at: datetime | None = None,
    ) -> None:
        super().__init__(message, reason="rate_limited")
        self.retry_after_s = retry_after_s
        self.limit = limit
        self.reset_at = reset_at


class Unavailable(LumenspanError):
    """An engine is down or busy. ``engine`` names it, for the log and the operator."""

    code = "UNAVAILABLE"
    http_status = 503
    is_retryable = True

    def __init__(self, engine: str, message: str = "", retry_after_s: int = 2) -> None:
        super().__init__(message or f"{engine} is not reachable; try again shortly")
        self.engine = engine
        self.retry_after_s = retry_after_s


class QueryTooExpensive(LumenspanError):
    """A read went over its time or memory limit; narrow the filter or the time range."""

    code = "QUERY_TOO_EXPENSIVE"
    http_status = 422


class ResultTooLarge(LumenspanError):
    """The answer would be too large for one body; read it in pages."""

    code = "RESULT_TOO_LARGE"
    http_status = 422


class Bug(LumenspanError):
    """Our fault. The public message says no more than that."""

    def __init__(self, message: str = "Internal error") -> None:
        super().__init__(message)
