"""Any page may call: credentials travel in a header, never in a cookie, so an origin proves nothing.

Only the pages for people take a cookie, and what they answer no other origin can read with it: credentials
are never allowed here.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_VERBS = b"GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
_EXPOSED = b"Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
_MAX_AGE_S = b"86400"


async def answer_any_origin(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Call ``app``; echo the origin on whatever it answers, and answer preflights for it."""
    if scope["type"] != ScopeType.HTTP or (origin := _header(scope, b"origin")) is None:
        await app(scope, receive, send)
        return
    allowed = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
    if scope["method"] == "OPTIONS":
        await _preflight(_header(scope, b"access-control-request-headers") or b"*", allowed, send)
        return

    async def send_allowed(message: Message) -> None:
        if message["type"] == "http.response.start":
            exposed = (b"access-control-expose-headers", _EXPOSED)
            message["headers"] = [*message.get("headers", []), *allowed, exposed]
        await send(message)

    await app(scope, receive, send_allowed)


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)


async def _preflight(wanted: bytes, allowed: list[tuple[bytes, bytes]], send: Send) -> None:
    headers = [
        *allowed,
        (b"access-control-allow-methods", _VERBS),
        (b"access-control-allow-headers", wanted),
        (b"access-control-max-age", _MAX_AGE_S),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
