"""Bodies and answers of the REST routes of identity."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from lumenspan.clock import datetime_to_iso, iso_to_nanos, nanos_to_datetime
from lumenspan.errors import InvalidInput
from lumenspan.identity.domain import ApiKey, KeyWish, Member, Organization, Project, Role
from lumenspan_server.operations import Instant, Wire
from lumenspan_server.rows import instant_or_none

MembershipRole = Literal["OWNER", "ADMIN", "MEMBER", "VIEWER"]


# --- projects -------------------------------------------------------------------------------------


class ProjectBody(Wire):
    """A project to make; ``metadata`` is an object, or the JSON text of one."""

    name: str
    metadata: dict[str, Any] | str | msgspec.UnsetType | None = UNSET
    retention: int | None = None


class ProjectOrganization(Wire):
    id: str
    name: str


class ProjectAnswer(Wire, omit_defaults=True):
    """``retentionDays`` is left out where data is kept for ever."""

    id: str
    name: str
    organization: ProjectOrganization
    metadata: dict[str, Any]
    retention_days: int | None = None

    @classmethod
    def of(cls, project: Project, organization: Organization) -> "ProjectAnswer":
        return cls(
            id=project.id,
            name=project.name,
            organization=ProjectOrganization(id=organization.id, name=organization.name),
            metadata=dict(project.metadata),
            retention_days=project.retention_days,
        )


class ProjectList(Wire):
    data: list[ProjectAnswer]


class ProjectDeleted(Wire):
    success: bool
    message: str


class OrganizationProject(Wire):
    id: str
    name: str
    created_at: Instant
    updated_at: Instant
    metadata: dict[str, Any] | None = None

    @classmethod
    def of(cls, project: Project) -> "OrganizationProject":
        return cls(
            id=project.id,
            name=project.name,
            metadata=dict(project.metadata),
            created_at=datetime_to_iso(project.created_at),
            updated_at=datetime_to_iso(project.updated_at),
        )


class OrganizationProjectList(Wire):
    projects: list[OrganizationProject]


# --- keys -----------------------------------------------------------------------------------------


class KeyBody(Wire):
    """A key to make; ``note`` is the older word for ``name``."""

    name: str | msgspec.UnsetType | None = UNSET
    note: str | msgspec.UnsetType | None = UNSET
    expires_at: str | None = None
    public_key: str | None = None
    secret_key: str | None = None

    def wish(self) -> KeyWish:
        """What is wanted.

        Raises:
            InvalidInput: name and note, one key of a pair without the other, or no instant.
        """
        if isinstance(self.name, str) and isinstance(self.note, str):
            raise InvalidInput("Give either name or note, not both")
        if (self.public_key is None) != (self.secret_key is None):
            raise InvalidInput("Give both publicKey and secretKey, or neither")
        pair = None
        if self.public_key is not None and self.secret_key is not None:
            pair = (self.public_key, self.secret_key)
        return KeyWish(self.name or self.note or None, self._expiry(), pair)

    def _expiry(self) -> datetime | None:
        if self.expires_at is None:
            return None
        try:
            return nanos_to_datetime(iso_to_nanos(self.expires_at))
        except (ValueError, OverflowError):
            raise InvalidInput("expiresAt must be an ISO-8601 instant with an offset") from None


class KeySummary(Wire):
    """A key without its secret; ``note`` repeats ``name``."""

    id: str
    created_at: Instant
    public_key: str
    display_secret_key: str
    expires_at: Instant | None = None
    last_used_at: Instant | None = None
    name: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, key: ApiKey) -> "KeySummary":
        return cls(
            id=key.id,
            created_at=datetime_to_iso(key.created_at),
            public_key=key.public_key,
            display_secret_key=key.display_secret_key,
            expires_at=instant_or_none(key.expires_at),
            last_used_at=instant_or_none(key.last_used_at),
            name=key.note,
            note=key.note,
        )


class KeyList(Wire):
    api_keys: list[KeySummary]


class KeyCreated(Wire):
    """A new key with its secret, which is told only here."""

    id: str
    created_at: Instant
    public_key: str
    secret_key: str
    display_secret_key: str
    expires_at: Instant | None = None
    name: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, key: ApiKey, secret_key: str) -> "KeyCreated":
        return cls(
            id=key.id,
            created_at=datetime_to_iso(key.created_at),
            public_key=key.public_key,
            secret_key=secret_key,
            display_secret_key=key.display_secret_key,
            expires_at=instant_or_none(key.expires_at),
            name=key.note,
            note=key.note,
        )


class Success(Wire):
    success: bool


# --- members --------------------------------------------------------------------------------------


class MembershipBody(Wire):
    user_id: str
    role: MembershipRole


class MembershipRemoval(Wire):
    user_id: str


class Membership(Wire):
    """``name`` is empty where the person gave none."""

    user_id: str
    role: MembershipRole
    email: str
    name: str

    @classmethod
    def of(cls, member: Member) -> "Membership":
        role: Any = member.role.value
        return cls(user_id=member.user.id, role=role, email=member.user.email, name=member.user.name or "")


class MembershipList(Wire):
    memberships: list[Membership]

    @classmethod
    def of(cls, members: list[Member]) -> "MembershipList":
        """Without those whose role is NONE, which the documented clients cannot read."""
        return cls(memberships=[Membership.of(each) for each in members if each.role is not Role.NONE])


class MembershipRemoved(Wire):
    message: str
    user_id: str


# --- organizations of the instance ----------------------------------------------------------------


class OrganizationBody(Wire):
    """An organization to make or to change; ``metadata`` is an object, or the JSON text of one."""

    name: str
    metadata: dict[str, Any] | str | msgspec.UnsetType | None = UNSET


class OrganizationAnswer(Wire):
    id: str
    name: str
    created_at: Instant
    metadata: dict[str, Any]
    projects: list[OrganizationProject]

    @classmethod
    def of(cls, organization: Organization, projects: list[Project]) -> "OrganizationAnswer":
        return cls(
            id=organization.id,
            name=organization.name,
            created_at=datetime_to_iso(organization.created_at),
            metadata=dict(organization.metadata),
            projects=[OrganizationProject.of(project) for project in projects],
        )


class OrganizationList(Wire):
    organizations: list[OrganizationAnswer]
