"""Who may call the public REST routes: applications with a key of a project, or of an organization."""

from typing import Any

from litestar import Request

from lumenspan.errors import AccessDenied, Unauthenticated
from lumenspan.identity.credentials import INVALID_CREDENTIALS
from lumenspan.identity.domain import KeyPrincipal, OrganizationKeyPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan_server.rate_limits import count_call

_ADMIN_KEY, _PROJECT_ID = "x-langfuse-admin-api-key", "x-langfuse-project-id"


class RouteDenied(AccessDenied):
    """The key is known and may not call this route; rendered without an error class."""

    def __init__(self, message: str = "Access denied - insufficient permissions for this endpoint") -> None:
        super().__init__(message)


class OrganizationKeyGiven(RouteDenied):
    """A key of an organization, where one of a project is needed."""


def identity_of(request: Request[Any, Any, Any]) -> IdentityService:
    """What knows keys, projects and organizations."""
    identity: IdentityService = request.app.state.services.identity
    return identity


async def authenticate(request: Request[Any, Any, Any]) -> KeyPrincipal | OrganizationKeyPrincipal:
    """The key behind a call, whatever it is of.

    Raises:
        Unauthenticated: no credentials, unknown ones, or those of a person.
    """
    principal = await identity_of(request).authenticate(request.headers.get("authorization"))
    if not isinstance(principal, KeyPrincipal | OrganizationKeyPrincipal):
        raise Unauthenticated(INVALID_CREDENTIALS)
    return principal


async def require_key(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The key of a project behind a call, also a public key alone: enough for routes that take scores in.

    Raises:
        Unauthenticated: as for ``authenticate``.
        OrganizationKeyGiven: a key of an organization.
        RateLimited: the organization's calls are used up.
    """
    principal = await authenticate(request)
    if not isinstance(principal, KeyPrincipal):
        raise OrganizationKeyGiven
    await count_call(request, principal.organization_id)
    return principal


async def require_project_key(
    request: Request[Any, Any, Any], *, is_admin_allowed: bool = False
) -> KeyPrincipal:
    """The key pair behind a call; its project is the one that the route is about.

    Args:
        is_admin_allowed: the key of the instance's administrator will do, beside a header that names the
            project.

    Raises:
        Unauthenticated: as for ``authenticate``.
        RouteDenied: a public key alone.
        OrganizationKeyGiven: a key of an organization.
        RateLimited: the organization's calls are used up.
    """
    if is_admin_allowed and _ADMIN_KEY in request.headers:
        return await identity_of(request).administration.project_key(
            request.headers.get("authorization"),
            request.headers[_ADMIN_KEY],
            request.headers.get(_PROJECT_ID),
        )
    principal = await authenticate(request)
    if not isinstance(principal, KeyPrincipal):
        raise OrganizationKeyGiven
    if principal.is_public_key_only:
        raise RouteDenied
    await count_call(request, principal.organization_id)
    return principal


async def require_organization_key(request: Request[Any, Any, Any]) -> OrganizationKeyPrincipal:
    """The key pair of an organization behind a call.

    Raises:
        Unauthenticated: as for ``authenticate``.
        RouteDenied: a key of a project.
        RateLimited: the organization's calls are used up.
    """
    principal = await authenticate(request)
    if not isinstance(principal, OrganizationKeyPrincipal):
        raise RouteDenied("Invalid API key. Organization-scoped API key required for this operation.")
    await count_call(request, principal.organization_id)
    return principal
