"""PostgreSQL tables of identity, and of the registries that ingestion keeps there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from lumenspan.clock import utc_now

# Named by rule, so that a later migration can drop any of them by name.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA: MetaData = SQLModel.metadata


_INSTANT: Any = DateTime(timezone=True)


def _created_at() -> Any:
    """A ``timestamptz`` of the row's making, also for rows inserted by hand."""
    return Field(
        default_factory=utc_now,
        sa_type=_INSTANT,
        sa_column_kwargs={"server_default": func.now()},
        nullable=False,
    )


def _instant(*, is_indexed: bool = False) -> Any:
    return Field(sa_type=_INSTANT, index=is_indexed, nullable=False)


def _optional_instant() -> Any:
    return Field(default=None, sa_type=_INSTANT, nullable=True)


def _metadata() -> Any:
    """``metadata`` is taken by the declarative base, hence another name for the attribute."""
    return Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"name": "metadata", "server_default": text("'{}'::jsonb")},
        nullable=False,
    )


def _reference(column: str, *, is_key: bool = False, is_indexed: bool = False) -> Any:
    """A foreign key whose rows go with the row they belong to."""
    return Field(foreign_key=column, ondelete="CASCADE", primary_key=is_key, index=is_indexed)


def _optional_reference(column: str) -> Any:
    """The same where there need be no such row."""
    return Field(default=None, foreign_key=column, ondelete="CASCADE", index=True, nullable=True)


class OrganizationRow(SQLModel, table=True):
    __tablename__ = "organizations"

    id: str = Field(primary_key=True)
    name: str
    extra: dict[str, Any] = _metadata()
    created_at: datetime = _created_at()
    updated_at: datetime = _created_at()


class ProjectRow(SQLModel, table=True):
    """With ``deleted_at`` it is gone for every caller, and stays until a worker has removed its data."""

    __tablename__ = "projects"

    id: str = Field(primary_key=True)
    organization_id: str = _reference("organizations.id", is_indexed=True)
    name: str
    retention_days: int | None = None
    extra: dict[str, Any] = _metadata()
    created_at: datetime = _created_at()
    updated_at: datetime = _created_at()
    deleted_at: datetime | None = _optional_instant()


class UserRow(SQLModel, table=True):
    """``email`` is kept in lower case; ``password_hash`` is argon2id, null where only SSO signs in."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email"),)

    id: str = Field(primary_key=True)
    email: str
    name: str | None = None
    password_hash: str | None = None
    created_at: datetime = _created_at()
    updated_at: datetime = _created_at()


class OrganizationMembershipRow(SQLModel, table=True):
    __tablename__ = "organization_memberships"

    organization_id: str = _reference("organizations.id", is_key=True)
    user_id: str = _reference("users.id", is_key=True, is_indexed=True)
    role: str
    created_at: datetime = _created_at()


class ProjectMembershipRow(SQLModel, table=True):
    """A role in one project that overrides the organization's."""

    __tablename__ = "project_memberships"

    project_id: str = _reference("projects.id", is_key=True)
    user_id: str = _reference("users.id", is_key=True, is_indexed=True)
    role: str
    created_at: datetime = _created_at()


class SuspendedMembershipRow(SQLModel, table=True):
    """A person whom an identity provider deactivated in an organization, with the role to come back to."""

    __tablename__ = "suspended_memberships"

    organization_id: str = _reference("organizations.id", is_key=True)
    user_id: str = _reference("users.id", is_key=True, is_indexed=True)
    role: str
    created_at: datetime = _created_at()


class SessionRow(SQLModel, table=True):
    """A sign-in; the token itself is never stored."""

    __tablename__ = "sessions"

    token_hash: str = Field(primary_key=True)
    user_id: str = _reference("users.id", is_indexed=True)
    created_at: datetime = _created_at()
    expires_at: datetime = _instant(is_indexed=True)


class ApiKeyRow(SQLModel, table=True):
    """Of a project or of an organization.

    ``secret_hash`` = sha256(secret + hex(sha256(SALT))), in hexadecimal.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("public_key"),
        UniqueConstraint("secret_hash"),
        CheckConstraint("num_nonnulls(project_id, organization_id) = 1", name="scope"),
    )

    id: str = Field(primary_key=True)
    project_id: str | None = _optional_reference("projects.id")
    organization_id: str | None = _optional_reference("organizations.id")
    public_key: str
    secret_hash: str
    display_secret_key: str
    note: str | None = None
    created_at: datetime = _created_at()
    expires_at: datetime | None = _optional_instant()
    last_used_at: datetime | None = _optional_instant()


class IngestBlobRow(SQLModel, table=True):
    """A raw payload in blob storage and what became of it; no foreign keys, for the sake of volume."""

    __tablename__ = "ingest_blobs"

    key: str = Field(primary_key=True)
    project_id: str
    received_at: datetime = _instant(is_indexed=True)
    processed_at: datetime | None = _optional_instant()
    spans: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    rejected: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})


class DeadLetterRow(SQLModel, table=True):
    """A part of a payload that could not be stored, and why; ``position`` counts from 0 in its blob.

    The writer chooses ``id`` from blob and position, so that a repeated job writes the same rows.
    """

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("ix_dead_letters_project_id_created_at", "project_id", "created_at"),
        Index("ix_dead_letters_blob_key", "blob_key"),
    )

    id: str = Field(primary_key=True)
    project_id: str
    blob_key: str
    position: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    reason: str
    payload: bytes | None = Field(default=None, sa_type=LargeBinary)
    stage: str = Field(default="DECODE", sa_column_kwargs={"server_default": "DECODE"})
    trace_id: str = Field(default="", sa_column_kwargs={"server_default": ""})
    span_id: str = Field(default="", sa_column_kwargs={"server_default": ""})
    attempts: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})
    created_at: datetime = _created_at()
    failed_at: datetime = _created_at()
    replay_requested_at: datetime | None = _optional_instant()


class ReplayRow(SQLModel, table=True):
    """The raw payloads of a project and a span of time, processed again.

    ``position`` is the key of the last payload that is done; ``number`` counts a project's replays from 1.
    """

    __tablename__ = "ingest_replays"
    __table_args__ = (Index("ix_ingest_replays_project_id_created_at", "project_id", "created_at"),)

    id: str = Field(primary_key=True)
    project_id: str = _reference("projects.id")
    number: int
    from_at: datetime = _instant()
    to_at: datetime = _instant()
    state: str
    position: str = Field(default="", sa_column_kwargs={"server_default": ""})
    payloads: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    spans: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    created_at: datetime = _created_at()
    updated_at: datetime = _created_at()
