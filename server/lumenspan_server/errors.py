"""The REST table of errors: which answer each error of the taxonomy becomes.

Body ``{message, error}``: the message is public, ``error`` the class that the documented API names.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.types import ExceptionHandlersMap

from lumenspan.clock import datetime_to_iso
from lumenspan.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    LumenspanError,
    NotFound,
    QueryTooExpensive,
    RateLimited,
    ResultTooLarge,
    Unauthenticated,
    Unavailable,
)
from lumenspan_server.access import RouteDenied
from lumenspan_server.rate_limits import rate_limit_headers

_log = structlog.get_logger(__name__)

# First match wins, so subclasses come before their bases.
_CLASSES: tuple[tuple[type[LumenspanError], str], ...] = (
    (InvalidInput, "InvalidRequestError"),
    (AccessDenied, "ForbiddenError"),
    (NotFound, "LangfuseNotFoundError"),
    (Conflict, "LangfuseConflictError"),
    (QueryTooExpensive, "Request timed out"),
    (ResultTooLarge, "PayloadTooLargeError"),
    (Unavailable, "ServiceUnavailableError"),
)


_STRUCTURED_PATHS = (
    "/api/public/unstable/",
    "/api/public/v2/evaluators",
    "/api/public/v2/evaluation-rules",
)


class ValidationFailed(InvalidInput):
    """Query or body do not fit; ``issues`` says where: ``{code, path, message}`` each."""

    def __init__(self, issues: list[dict[str, Any]], *, is_of_query: bool = False) -> None:
        super().__init__("Invalid request data")
        self.issues = issues
        self.is_of_query = is_of_query


def invalid_query(field: str, message: str, code: str = "custom") -> ValidationFailed:
    """One issue with one query parameter."""
    return ValidationFailed([{"code": code, "path": [field], "message": message}], is_of_query=True)


def invalid_body(path: Sequence[str | int], message: str, code: str = "custom") -> ValidationFailed:
    """One issue with one place of the body."""
    return ValidationFailed([{"code": code, "path": list(path), "message": message}])


def json_response(
    body: Any, status_code: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    """``body`` as JSON."""
    return Response(
        orjson.dumps(body), status_code=status_code, media_type="application/json", headers=headers
    )


def render(error: LumenspanError) -> Response[bytes]:
    """The answer to an error of ours."""
    if isinstance(error, Unauthenticated):
        return json_response({"message": error.message}, 401)
    if isinstance(error, RouteDenied):
        return json_response({"message": error.message}, 403)
    if isinstance(error, ValidationFailed):
        return json_response({"message": error.message, "error": error.issues}, 400)
    if isinstance(error, RateLimited):
        return rate_limited(error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Unavailable) else {}
    name = next((name for class_, name in _CLASSES if isinstance(error, class_)), "InternalServerError")
    return json_response({"message": error.message, "error": name}, error.http_status, headers)


def rate_limited(error: RateLimited) -> Response[bytes]:
    """429 in the one form that every family of errors shares."""
    details: dict[str, Any] = {"retryAfterSeconds": error.retry_after_s}
    headers = {"Retry-After": str(error.retry_after_s)}
    if error.limit is not None and error.reset_at is not None:
        reset_at = datetime_to_iso(error.reset_at)
        details |= {"limit": error.limit, "remaining": 0, "resetAt": reset_at}
        headers |= rate_limit_headers(error.limit, 0, error.reset_at)
    return json_response(
        {"message": error.message, "code": "rate_limited", "details": details}, 429, headers
    )


def _ours(request: Request[Any, Any, Any], error: LumenspanError) -> Response[bytes]:
    if isinstance(error, Unavailable):
        _log.warning("engine unavailable", engine=error.engine, path=request.url.path)
    elif error.http_status == 500:
        _log.error("request failed", path=request.url.path, exc_info=error)
    return render(error)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    if isinstance(error, MethodNotAllowedException):
        body = {"message": "Method not allowed", "error": "MethodNotAllowedError"}
        # No route was found, so no handlers of a route's own either.
        if request.url.path.startswith(_STRUCTURED_PATHS):
            body = {"message": "Method not allowed", "code": "method_not_allowed"}
        return json_response(body, 405, dict(error.headers or {}))
    if isinstance(error, NotFoundException):
        return json_response({"message": "Not found", "error": "LangfuseNotFoundError"}, 404)
    if error.status_code >= 500:
        return _unexpected(request, error)
    return json_response(
        {"message": error.detail, "error": "InvalidRequestError"},
        error.status_code,
        dict(error.headers or {}),
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return json_response({"message": "Internal Server Error", "error": "InternalServerError"}, 500)


# Code of family C by status, where the error names none of its own.
_STRUCTURED_CODES = {
    400: "invalid_request",
    401: "authentication_failed",
    403: "access_denied",
    404: "resource_not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "invalid_body",
    422: "unprocessable_content",
    429: "rate_limited",
}


def _structured(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Family C: ``{message, code, details?}`` for every status, from the answer of the usual family."""
    usual = _usual(request, error)
    if isinstance(error, RateLimited):
        return usual
    status = usual.status_code or 500
    body = orjson.loads(usual.content)
    found: dict[str, Any] = {
        "message": body["message"],
        "code": _STRUCTURED_CODES.get(status, "internal_error"),
    }
    if isinstance(error, ValidationFailed):
        found["code"] = "invalid_query" if error.is_of_query else "invalid_body"
        found["details"] = {"issues": error.issues}
    if isinstance(error, LumenspanError):
        found["code"] = error.reason or found["code"]
        if error.details:
            found["details"] = found.get("details", {}) | error.details
    return json_response(found, status, dict(usual.headers))


def _plain(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Family D: ``{error}`` with the message."""
    usual = _usual(request, error)
    if isinstance(error, RateLimited):
        return usual
    body = orjson.loads(usual.content)
    issues = {"details": error.issues} if isinstance(error, ValidationFailed) else {}
    return json_response({"error": body["message"]} | issues, usual.status_code or 500, dict(usual.headers))


def _usual(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    if isinstance(error, LumenspanError):
        return _ours(request, error)
    if isinstance(error, HTTPException):
        return _http(request, error)
    return _unexpected(request, error)


def _family(render_error: Any) -> ExceptionHandlersMap:
    return {LumenspanError: render_error, HTTPException: render_error, Exception: render_error}


HANDLERS: ExceptionHandlersMap = {
    LumenspanError: _ours,
    HTTPException: _http,
    Exception: _unexpected,
}
# Of routes whose errors are documented otherwise (contract, section 1.2): evaluators, rules, skills and
# dashboards; and organizations, memberships, administration and blob storage.
STRUCTURED_HANDLERS = _family(_structured)
PLAIN_HANDLERS = _family(_plain)
