"""Who may do what: organizations, projects, users, keys and the principal behind a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lumenspan.ids import ApiKeyId, OrganizationId, ProjectId, UserId


class Role(StrEnum):
    """Rights within an organization or project, most first."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"
    NONE = "NONE"

    @property
    def rank(self) -> int:
        """Greater means more rights; NONE is 0."""
        return (Role.NONE, Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER).index(self)

    def covers(self, needed: Role) -> bool:
        """Whether this role has at least the rights of ``needed``."""
        return self.rank >= needed.rank


@dataclass(frozen=True, slots=True)
class Organization:
    id: OrganizationId
    name: str
    metadata: dict[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Project:
    id: ProjectId
    organization_id: OrganizationId
    name: str
    retention_days: int | None
    metadata: dict[str, object]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    id: UserId
    email: str
    name: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A person with a role in an organization or in a project; suspended ones have none for now."""

    user: User
    role: Role
    is_suspended: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret; ``display_secret_key`` shows a few of its characters.

    Attributes:
        project_id: the project that it is of, None for a key of an organization.
        organization_id: the organization that it is of, None for a key of a project.
    """

    id: ApiKeyId
    project_id: ProjectId | None
    organization_id: OrganizationId | None
    public_key: str
    display_secret_key: str
    note: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """The caller is an application with a project key.

    A public key alone (``is_public_key_only``) may only send scores.
    """

    api_key_id: ApiKeyId
    public_key: str
    project_id: ProjectId
    organization_id: OrganizationId
    is_public_key_only: bool = False


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """The caller is a person who signed in; ``token_hash`` names the session to end at sign-out."""

    user: User
    token_hash: str


@dataclass(frozen=True, slots=True)
class OrganizationKeyPrincipal:
    """The caller is an application with a key of an organization: it administers, and reads no data."""

    api_key_id: ApiKeyId
    public_key: str
    organization_id: OrganizationId


Principal = KeyPrincipal | OrganizationKeyPrincipal | UserPrincipal


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a new key is to be.

    Attributes:
        pair: public and secret key that the caller chose; made here where None.
    """

    note: str | None = None
    expires_at: datetime | None = None
    pair: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh sign-in: the only time that ``token`` is known in the clear."""

    token: str
    expires_at: datetime
    user: User
