"""People and keys of organizations for tests."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from lumenspan.identity.domain import KeyWish, UserPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan.ids import OrganizationId
from tests.conftest import ProjectAccess, make_person


@dataclass(frozen=True)
class OrganizationAccess:
    """A key pair of an organization."""

    organization_id: str
    key_id: str
    public_key: str
    secret_key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": basic(self.public_key, self.secret_key)}


def basic(public_key: str, secret_key: str) -> str:
    """The Basic header of a key pair."""
    return "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()


async def owner_of(identity: IdentityService, access: ProjectAccess) -> UserPrincipal:
    """The person who made the project."""
    session = await identity.accounts.sign_in(access.email, access.password)
    principal = await identity.authenticate(f"Bearer {session.token}")
    assert isinstance(principal, UserPrincipal)
    return principal


async def organization_key(identity: IdentityService, access: ProjectAccess) -> OrganizationAccess:
    """A new key of the project's organization."""
    owner = await owner_of(identity, access)
    organization_id = OrganizationId(access.organization_id)
    key, secret = await identity.keys.create_for_organization(owner, organization_id, KeyWish("tests"))
    return OrganizationAccess(access.organization_id, key.id, key.public_key, secret)


async def new_person(identity: IdentityService, name: str | None = "Somebody") -> UserPrincipal:
    """Somebody with an account of their own, member of nothing."""
    return await make_person(identity, name)
