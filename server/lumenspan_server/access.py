"""Who may call the public REST routes of a project: applications with the key pair of that project."""

from typing import Any

from litestar import Request

from lumenspan.errors import AccessDenied, Unauthenticated
from lumenspan.identity.credentials import INVALID_CREDENTIALS
from lumenspan.identity.domain import KeyPrincipal, OrganizationKeyPrincipal
from lumenspan_server.rate_limits import count_call

_ORGANIZATION_KEY_NEEDED = "Access denied: Organization-scoped API key required"


class RouteDenied(AccessDenied):
    """The key is known and may not call this route; rendered without an error class."""

    def __init__(self) -> None:
        super().__init__("Access denied - insufficient permissions for this endpoint")


async def require_key(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The key behind a call, also a public key alone: enough for routes that take scores in.

    Raises:
        Unauthenticated: no credentials, unknown ones, or those of a person.
        RateLimited: the organization's calls are used up.
    """
    principal = await _authenticate(request)
    await count_call(request, principal.organization_id)
    return principal


async def require_project_key(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The key pair behind a call; its project is the one that the route is about.

    Raises:
        Unauthenticated: no credentials, unknown ones, or those of a person.
        RouteDenied: a public key alone.
        RateLimited: the organization's calls are used up.
    """
    principal = await _authenticate(request)
    if principal.is_public_key_only:
        raise RouteDenied
    await count_call(request, principal.organization_id)
    return principal


async def require_organization_key(request: Request[Any, Any, Any]) -> OrganizationKeyPrincipal:
    """The key pair of an organization behind a call.

    Raises:
        Unauthenticated: no credentials, unknown ones, or those of a person.
        AccessDenied: a key of a project.
        RateLimited: the organization's calls are used up.
    """
    principal: object = await request.app.state.services.identity.authenticate(
        request.headers.get("authorization")
    )
    if isinstance(principal, KeyPrincipal):
        raise AccessDenied(_ORGANIZATION_KEY_NEEDED)
    if not isinstance(principal, OrganizationKeyPrincipal):
        raise Unauthenticated(INVALID_CREDENTIALS)
    await count_call(request, principal.organization_id)
    return principal


async def _authenticate(request: Request[Any, Any, Any]) -> KeyPrincipal:
    principal = await request.app.state.services.identity.authenticate(request.headers.get("authorization"))
    if not isinstance(principal, KeyPrincipal):
        raise Unauthenticated(INVALID_CREDENTIALS)
    return principal
