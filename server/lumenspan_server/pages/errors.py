"""Errors as pages: plain words, and where to go from there."""

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException
from litestar.types import ExceptionHandlersMap

from lumenspan.errors import (
    LumenspanError,
    NotFound,
    QueryTooExpensive,
    RateLimited,
    ResultTooLarge,
    Unavailable,
)
from lumenspan_server import errors
from lumenspan_server.pages.access import SignInNeeded, local_address
from lumenspan_server.pages.rendering import address, page, redirect

_log = structlog.get_logger(__name__)
_FOLDER = "/project/"

_NOT_FOUND = (
    "Not found",
    "There is nothing at this address, or it belongs to a project that you are not a member of.",
)
_TITLES: tuple[tuple[type[LumenspanError], str], ...] = (
    (Unavailable, "Not available right now"),
    (RateLimited, "Too many attempts"),
    (QueryTooExpensive, "This takes too long"),
    (ResultTooLarge, "This is too large for a page"),
)


def _ours(request: Request[Any, Any, Any], error: LumenspanError) -> Response[Any]:
    if isinstance(error, SignInNeeded):
        return to_sign_in(request)
    if isinstance(error, NotFound):
        return _page(404, *_NOT_FOUND)
    usual = errors.render(error)
    if isinstance(error, Unavailable):
        _log.warning("engine unavailable", engine=error.engine, path=request.url.path)
    elif error.http_status == 500:
        return _unexpected(request, error)
    title = next((title for class_, title in _TITLES if isinstance(error, class_)), "This does not work")
    return _page(usual.status_code or 500, title, error.message, dict(usual.headers))


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code >= 500:
        return _unexpected(request, error)
    if error.status_code == 404:
        return _page(404, *_NOT_FOUND)
    return _page(error.status_code, "This does not work", "The request cannot be understood.")


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return _page(500, "Something went wrong", "The server has noted it. Try again in a moment.")


def _page(status: int, title: str, text: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    context = {"title": title, "text": text, "status": status, "visitor": None, "sign_out_token": ""}
    return page("error.html", context, status=status, headers=headers)


def to_sign_in(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The way to the sign-in and back to what was asked for."""
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    wanted = local_address(f"{path}?{query}" if query else path)
    return redirect(address("sign-in", next=wanted))


def unknown_address(request: Request[Any, Any, Any], error: NotFoundException) -> Response[Any]:
    """Where no route is: a page among the pages, else what programs understand."""
    if request.url.path.startswith(_FOLDER):
        return _http(request, error)
    usual: Any = errors.HANDLERS[HTTPException]
    found: Response[Any] = usual(request, error)
    return found


PAGE_HANDLERS: ExceptionHandlersMap = {
    LumenspanError: _ours,
    HTTPException: _http,
    Exception: _unexpected,
}
