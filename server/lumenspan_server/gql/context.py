"""What resolvers find in ``info.context``: the services, who is calling, and loaders for one operation."""

from __future__ import annotations

from typing import Any

from strawberry.litestar import BaseContext
from strawberry.types import Info as StrawberryInfo

from lumenspan.errors import AccessDenied
from lumenspan.identity.domain import (
    KeyPrincipal,
    OrganizationKeyPrincipal,
    Principal,
    UserPrincipal,
)
from lumenspan.ids import ProjectId
from lumenspan_server.gql.loaders import IdentityLoaders, ProjectLoaders
from lumenspan_server.services import Services

_KEY_MAY_NOT = "Project keys may not do this; sign in"


class Context(BaseContext, kw_only=True):
    """One request, or one WebSocket connection.

    Attributes:
        connection_params: payload of ``connection_init``; None on HTTP.
    """

    services: Services
    connection_params: dict[str, Any] | None = None
    _principal: Principal | None = None
    _projects: dict[ProjectId, ProjectLoaders] | None = None
    _identity: IdentityLoaders | None = None

    @property
    def authorization(self) -> str | None:
        """The caller's credentials as sent: header on HTTP, ``connection_init`` payload on a WebSocket."""
        if self.request is not None:
            header: str | None = self.request.headers.get("authorization")
            return header
        params = self.connection_params or {}
        value = params.get("authorization", params.get("Authorization"))
        return value if isinstance(value, str) else None

    async def principal(self) -> Principal:
        """Who is calling.

        Raises:
            Unauthenticated: no credentials, or none that anybody has.
            AccessDenied: a public key alone, which may only send scores, or a key of an organization.
        """
        if self._principal is not None and self.request is not None:
            return self._principal
        # A connection outlives a session: its credentials are looked up again (in the cache) at each use.
        principal = await self.services.identity.authenticate(self.authorization)
        if isinstance(principal, KeyPrincipal) and principal.is_public_key_only:
            raise AccessDenied("Access denied: a public key alone may only send scores")
        if isinstance(principal, OrganizationKeyPrincipal):
            raise AccessDenied("Access denied: a key of an organization reads no data; use the REST API")
        self._principal = principal
        return principal

    async def user(self) -> UserPrincipal:
        """The signed-in person who is calling.

        Raises:
            Unauthenticated: nobody is signed in.
            AccessDenied: the caller is an application with a project key.
        """
        principal = await self.principal()
        if not isinstance(principal, UserPrincipal):
            raise AccessDenied(_KEY_MAY_NOT)
        return principal

    async def principal_or_none(self) -> Principal | None:
        """Who is calling, None without credentials; wrong ones are still an error."""
        if self.authorization is None:
            return None
        return await self.principal()

    def project_loaders(self, project_id: ProjectId) -> ProjectLoaders:
        """Loaders of one project: shared within a request, fresh for each operation on a WebSocket."""
        if self.request is None:
            return self.new_project_loaders(project_id)
        if self._projects is None:
            self._projects = {}
        if project_id not in self._projects:
            self._projects[project_id] = self.new_project_loaders(project_id)
        return self._projects[project_id]

    def new_project_loaders(self, project_id: ProjectId) -> ProjectLoaders:
        """Loaders that remember nothing yet."""
        return ProjectLoaders(self.services, project_id)

    async def identity_loaders(self) -> IdentityLoaders:
        """Loaders of organizations, projects and roles, as the caller may see them."""
        principal = await self.principal()
        if self._identity is None or self.request is None:
            self._identity = IdentityLoaders(self.services.identity, principal)
        return self._identity


Info = StrawberryInfo[Context, None]
