"""Exports of projects into stores of their own: set up, changed, looked at and ended by an organization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lumenspan.blob_integrations import repository
from lumenspan.blob_integrations.domain import (
    BlobIntegration,
    BlobIntegrationChange,
    BlobSettings,
    ExportMode,
    ExportSource,
    FieldGroup,
    StorageType,
    check,
)
from lumenspan.blob_integrations.tables import BlobIntegrationRow
from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import OrganizationId, ProjectId
from lumenspan.outbound import Outbound
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.secrets import SecretBox

_NOT_FOUND = "Blob storage integration not found"


class BlobIntegrationService:
    """Everything about integrations; the caller has checked that the organization may be administered."""

    def __init__(
        self,
        postgres: Postgres,
        secrets: SecretBox,
        outbound: Outbound,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._postgres = postgres
        self._secrets = secrets
        self._outbound = outbound
        self._now = now

    async def upsert(
        self, organization_id: OrganizationId, project_id: str, change: BlobIntegrationChange
    ) -> BlobIntegration:
        """The integration of the project as it is from now on.

        Raises:
            NotFound: the organization has no such project.
            InvalidInput: it contradicts itself, lacks keys, or leads to an internal target.
        """
        now = self._now()
        change = replace(change, settings=_in_utc(change.settings))
        check(change, now)
        if change.settings.endpoint is not None:
            await self._outbound.check(change.settings.endpoint, "endpoint")
        async with self._postgres.session() as session:
            if not await repository.lock_project(session, organization_id, project_id):
                raise NotFound("Project not found")
            before = await repository.find(session, organization_id, project_id)
            row = await repository.save(session, self._values(project_id, change, before, now))
            return repository.to_integration(row)

    async def all(self, organization_id: OrganizationId) -> list[BlobIntegration]:
        """Those of every project of the organization, oldest first."""
        async with self._postgres.session() as session:
            rows = await repository.of_organization(session, organization_id)
        return [repository.to_integration(row) for row in rows]

    async def get(self, organization_id: OrganizationId, integration_id: str) -> BlobIntegration:
        """One integration; NotFound where the organization has none of that id."""
        async with self._postgres.session() as session:
            row = await repository.find(session, organization_id, integration_id)
        if row is None:
            raise NotFound(_NOT_FOUND)
        return repository.to_integration(row)

    async def delete(self, organization_id: OrganizationId, integration_id: str) -> None:
        """End the exports; files that were written stay. NotFound where there is none of that id."""
        async with self._postgres.session() as session:
            if not await repository.remove(session, organization_id, integration_id):
                raise NotFound(_NOT_FOUND)

    async def secret_access_key(self, organization_id: OrganizationId, project_id: ProjectId) -> str | None:
        """The secret in the clear, for an export that begins now; None where the server's identity is used.

        Raises:
            NotFound: there is no integration.
            SecretUnreadable: ``ENCRYPTION_KEY`` is not the one it was stored with.
        """
        async with self._postgres.session() as session:
            row = await repository.find(session, organization_id, project_id)
        if row is None:
            raise NotFound(_NOT_FOUND)
        sealed = row.sealed_secret_access_key
        return None if sealed is None else self._secrets.open(sealed, _purpose(project_id))

    def _values(
        self,
        project_id: str,
        change: BlobIntegrationChange,
        before: BlobIntegrationRow | None,
        now: datetime,
    ) -> dict[str, Any]:
        settings = change.settings
        access_key_id, sealed = self._keys(project_id, change, before)
        source = change.export_source or (
            before.export_source if before else ExportSource.LEGACY_TRACES_OBSERVATIONS
        )
        groups = change.export_field_groups or (before.export_field_groups if before else tuple(FieldGroup))
        return {
            "project_id": project_id,
            "type": settings.type.value,
            "bucket_name": settings.bucket_name,
            "endpoint": settings.endpoint,
            "region": settings.region,
            "access_key_id": access_key_id,
            "sealed_secret_access_key": sealed,
            "prefix": settings.prefix,
            "export_frequency": settings.export_frequency.value,
            "is_enabled": settings.is_enabled,
            "force_path_style": settings.force_path_style,
            "file_type": settings.file_type.value,
            "export_mode": settings.export_mode.value,
            "export_start_date": _start(settings, before, now),
            "is_compressed": settings.is_compressed,
            "export_source": str(source),
            "export_field_groups": [str(each) for each in dict.fromkeys(groups)],
            "created_at": now,
            "updated_at": now,
        }

    def _keys(
        self, project_id: str, change: BlobIntegrationChange, before: BlobIntegrationRow | None
    ) -> tuple[str | None, str | None]:
        """Access key and sealed secret after the change: both, or none where the type allows it."""
        access_key_id, sealed = change.access_key_id, None
        if before is not None and not change.without_keys:
            access_key_id = access_key_id or before.access_key_id
            sealed = before.sealed_secret_access_key
        if change.secret_access_key is not None:
            sealed = self._secrets.seal(change.secret_access_key, _purpose(project_id))
        if (access_key_id is None) != (sealed is None):
            raise InvalidInput("accessKeyId and secretAccessKey are required together")
        if access_key_id is None and change.settings.type != StorageType.S3:
            raise InvalidInput(
                f"accessKeyId and secretAccessKey are required for the type {change.settings.type.value}"
            )
        return access_key_id, sealed


def _start(settings: BlobSettings, before: BlobIntegrationRow | None, now: datetime) -> datetime | None:
    """Where exports begin: the day that was chosen stays today's when something else is changed."""
    if settings.export_mode == ExportMode.FROM_CUSTOM_DATE:
        return settings.export_start_date
    if settings.export_mode == ExportMode.FULL_HISTORY:
        return None
    is_same = before is not None and before.export_mode == settings.export_mode
    return before.export_start_date if before is not None and is_same else now


def _in_utc(settings: BlobSettings) -> BlobSettings:
    if settings.export_start_date is None:
        return settings
    try:
        return replace(settings, export_start_date=settings.export_start_date.astimezone(UTC))
    except OverflowError:
        raise InvalidInput("exportStartDate is beyond what can be stored") from None


def _purpose(project_id: str) -> str:
    return f"blob_integrations.secret_access_key:{project_id}"
