"""Counting a call in the bucket of its route, and telling the caller where it stands."""

from datetime import datetime
from email.utils import format_datetime
from typing import Any

from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from lumenspan.ids import OrganizationId
from lumenspan.rate_limits.domain import Standing
from lumenspan.rate_limits.service import RateLimiter

_STATE = "rate_limit"
_DEFAULT = "public-api"


async def count_call(
    request: Request[Any, Any, Any], organization_id: OrganizationId, resource: str | None = None
) -> None:
    """Count a call of an organization in ``resource``, else in the bucket that its route declares.

    Raises:
        RateLimited: the calls of the window are used up.
    """
    limiter: RateLimiter = request.app.state.services.rate_limits
    if not limiter.is_on:
        return
    if resource is None:
        documented = request.route_handler.opt.get("documented")
        resource = _DEFAULT if documented is None else str(documented.resource)
    standing = await limiter.count(organization_id, resource)
    if standing is not None:
        request.scope["state"][_STATE] = standing


def rate_limit_headers(limit: int, remaining: int, reset_at: datetime) -> dict[str, str]:
    """What documented clients read; the reset as an HTTP date, which is cut to seconds."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": format_datetime(reset_at, usegmt=True),
    }


async def tell_standing(message: Message, scope: Scope) -> None:
    """Put the headers on answers of calls that were counted and let through."""
    if message["type"] != "http.response.start":
        return
    standing = scope["state"].get(_STATE)
    if isinstance(standing, Standing):
        headers = MutableScopeHeaders.from_message(message)
        for name, value in rate_limit_headers(
            standing.limit, standing.remaining, standing.reset_at
        ).items():
            headers[name] = value
