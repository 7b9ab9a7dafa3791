"""Exports of projects in PostgreSQL, reached through their organization; the caller owns transactions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.blob_integrations.domain import (
    BlobIntegration,
    BlobSettings,
    ExportFrequency,
    ExportMode,
    ExportSource,
    FieldGroup,
    FileType,
    StorageType,
)
from lumenspan.blob_integrations.tables import BlobIntegrationRow
from lumenspan.identity.tables import ProjectRow
from lumenspan.ids import OrganizationId, ProjectId
from lumenspan.storage import statements


def to_integration(row: BlobIntegrationRow) -> BlobIntegration:
    return BlobIntegration(
        project_id=ProjectId(row.project_id),
        settings=BlobSettings(
            type=StorageType(row.type),
            bucket_name=row.bucket_name,
            endpoint=row.endpoint,
            region=row.region,
            prefix=row.prefix,
            export_frequency=ExportFrequency(row.export_frequency),
            is_enabled=row.is_enabled,
            force_path_style=row.force_path_style,
            file_type=FileType(row.file_type),
            export_mode=ExportMode(row.export_mode),
            export_start_date=row.export_start_date,
            is_compressed=row.is_compressed,
        ),
        access_key_id=row.access_key_id,
        export_source=ExportSource(row.export_source),
        export_field_groups=tuple(FieldGroup(each) for each in row.export_field_groups),
        next_sync_at=row.next_sync_at,
        last_sync_at=row.last_sync_at,
        last_error=row.last_error,
        last_error_at=row.last_error_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _project_ids(organization_id: OrganizationId) -> Select[tuple[str]]:
    """Those that are not being deleted."""
    return select(col(ProjectRow.id)).where(
        col(ProjectRow.organization_id) == organization_id, col(ProjectRow.deleted_at).is_(None)
    )


async def lock_project(session: AsyncSession, organization_id: OrganizationId, project_id: str) -> bool:
    """Whether the organization has the project; it stays, and calls for it come one by one."""
    query = _project_ids(organization_id).where(col(ProjectRow.id) == project_id).with_for_update()
    return (await session.execute(query)).scalar_one_or_none() is not None


async def of_organization(
    session: AsyncSession, organization_id: OrganizationId
) -> list[BlobIntegrationRow]:
    """Every integration of the organization's projects, oldest first."""
    query = (
        select(BlobIntegrationRow)
        .where(col(BlobIntegrationRow.project_id).in_(_project_ids(organization_id)))
        .order_by(col(BlobIntegrationRow.created_at), col(BlobIntegrationRow.project_id))
    )
    return list((await session.execute(query)).scalars())


async def find(
    session: AsyncSession, organization_id: OrganizationId, project_id: str
) -> BlobIntegrationRow | None:
    """The integration of a project of the organization."""
    return await statements.one(
        session,
        BlobIntegrationRow,
        col(BlobIntegrationRow.project_id) == project_id,
        col(BlobIntegrationRow.project_id).in_(_project_ids(organization_id)),
    )


async def save(session: AsyncSession, values: dict[str, Any]) -> BlobIntegrationRow:
    """Add the integration of a project that was locked, or give it these values."""
    adding = insert(BlobIntegrationRow).values(values)
    query = (
        adding.on_conflict_do_update(
            index_elements=["project_id"],
            set_={name: adding.excluded[name] for name in values if name != "created_at"},
        )
        .returning(BlobIntegrationRow)
        .execution_options(populate_existing=True)
    )
    found: BlobIntegrationRow = (await session.execute(query)).scalar_one()
    return found


async def remove(session: AsyncSession, organization_id: OrganizationId, project_id: str) -> bool:
    """Whether there was one, which is gone now."""
    query = (
        delete(BlobIntegrationRow)
        .where(
            col(BlobIntegrationRow.project_id) == project_id,
            col(BlobIntegrationRow.project_id).in_(_project_ids(organization_id)),
        )
        .returning(col(BlobIntegrationRow.project_id))
    )
    return (await session.execute(query)).scalar_one_or_none() is not None
