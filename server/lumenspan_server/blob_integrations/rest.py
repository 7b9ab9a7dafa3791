"""REST routes of blob storage integrations (contract, section 9): with a key of the organization."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, put
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import UNSET, Meta, UnsetType

from lumenspan.blob_integrations import domain
from lumenspan.blob_integrations.domain import (
    BlobIntegrationChange,
    BlobSettings,
    ExportFrequency,
    ExportMode,
    ExportSource,
    FieldGroup,
    FileType,
    StorageType,
    SyncStatus,
)
from lumenspan.clock import datetime_to_iso, utc_now
from lumenspan_server.access import require_organization_key
from lumenspan_server.errors import PLAIN_HANDLERS
from lumenspan_server.operations import Instant, Message, StrictWire, Wire, answer, operation, read_body
from lumenspan_server.rows import instant_or_none
from lumenspan_server.services import Services

_ROUTE = "/api/public/integrations/blob-storage"

_Text = Annotated[str, Meta(max_length=1024)]


class UpsertBlobIntegration(StrictWire):
    """How a project is to be exported."""

    project_id: str
    type: StorageType
    bucket_name: Annotated[str, Meta(min_length=1, max_length=255)]
    region: Annotated[str, Meta(max_length=100)]
    export_frequency: ExportFrequency
    enabled: bool
    force_path_style: bool
    file_type: FileType
    export_mode: ExportMode
    endpoint: _Text | None = None
    access_key_id: _Text | UnsetType | None = UNSET
    secret_access_key: Annotated[str, Meta(max_length=65_536)] | None = None
    prefix: _Text | None = None
    export_start_date: Annotated[datetime, Meta(tz=True)] | None = None
    compressed: bool | None = None
    export_source: ExportSource | None = None
    export_field_groups: Annotated[tuple[FieldGroup, ...], Meta(max_length=100)] | None = None

    def to_domain(self) -> BlobIntegrationChange:
        return BlobIntegrationChange(
            settings=BlobSettings(
                type=self.type,
                bucket_name=self.bucket_name,
                endpoint=self.endpoint or None,
                region=self.region,
                prefix=self.prefix or "",
                export_frequency=self.export_frequency,
                is_enabled=self.enabled,
                force_path_style=self.force_path_style,
                file_type=self.file_type,
                export_mode=self.export_mode,
                export_start_date=self.export_start_date,
                is_compressed=self.compressed is not False,
            ),
            access_key_id=self.access_key_id or None,
            secret_access_key=self.secret_access_key or None,
            without_keys=self.access_key_id is None,
            export_source=self.export_source,
            export_field_groups=self.export_field_groups,
        )


class BlobIntegration(Wire):
    """How a project is exported; the secret is never told."""

    id: str
    project_id: str
    type: StorageType
    bucket_name: str
    endpoint: str | None
    region: str
    access_key_id: str | None
    prefix: str
    export_frequency: ExportFrequency
    enabled: bool
    force_path_style: bool
    file_type: FileType
    export_mode: ExportMode
    export_start_date: Instant | None
    compressed: bool
    export_source: ExportSource
    export_field_groups: tuple[FieldGroup, ...] | None
    next_sync_at: Instant | None
    last_sync_at: Instant | None
    last_error: str | None
    last_error_at: Instant | None
    created_at: Instant
    updated_at: Instant


class BlobIntegrations(Wire):
    """Those of all projects of the organization."""

    data: tuple[BlobIntegration, ...]


class BlobIntegrationStatus(Wire):
    """Where the exports of a project stand; ``lastSyncAt`` ends what has been exported."""

    id: str
    project_id: str
    sync_status: SyncStatus
    enabled: bool
    last_sync_at: Instant | None
    next_sync_at: Instant | None
    last_error: str | None
    last_error_at: Instant | None


@get(_ROUTE, summary="Blob storage integrations of the organization", **operation(answer=BlobIntegrations))
async def list_integrations(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data}``, oldest first."""
    principal = await require_organization_key(request)
    services: Services = request.app.state.services
    found = await services.blob_integrations.all(principal.organization_id)
    return answer(BlobIntegrations(data=tuple(to_row(each) for each in found)))


@put(
    _ROUTE,
    summary="Set up or change the blob storage integration of a project",
    **operation(body=UpsertBlobIntegration, answer=BlobIntegration),
)
async def upsert_integration(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The integration. Keys, source and field groups that are not given stay as they are."""
    principal = await require_organization_key(request)
    body = await read_body(request, UpsertBlobIntegration)
    services: Services = request.app.state.services
    made = await services.blob_integrations.upsert(
        principal.organization_id, body.project_id, body.to_domain()
    )
    return answer(to_row(made))


@get(
    _ROUTE + "/{integration_id:str}",
    summary="Where the exports of an integration stand",
    **operation(answer=BlobIntegrationStatus),
)
async def get_status(request: Request[Any, Any, Any], integration_id: FromPath[str]) -> Response[bytes]:
    """The status; 404 where the organization has none of that id."""
    principal = await require_organization_key(request)
    services: Services = request.app.state.services
    found = await services.blob_integrations.get(principal.organization_id, integration_id)
    return answer(
        BlobIntegrationStatus(
            id=found.project_id,
            project_id=found.project_id,
            sync_status=found.sync_status(utc_now()),
            enabled=found.settings.is_enabled,
            last_sync_at=instant_or_none(found.last_sync_at),
            next_sync_at=instant_or_none(found.next_sync_at),
            last_error=found.last_error,
            last_error_at=instant_or_none(found.last_error_at),
        )
    )


@delete(
    _ROUTE + "/{integration_id:str}",
    summary="End the exports of an integration",
    **operation(answer=Message),
)
async def delete_integration(
    request: Request[Any, Any, Any], integration_id: FromPath[str]
) -> Response[bytes]:
    """A message; files that were written stay."""
    principal = await require_organization_key(request)
    services: Services = request.app.state.services
    await services.blob_integrations.delete(principal.organization_id, integration_id)
    return answer(Message(message="Blob storage integration successfully deleted"))


def to_row(found: domain.BlobIntegration) -> BlobIntegration:
    """The integration as it is answered."""
    settings = found.settings
    return BlobIntegration(
        id=found.project_id,
        project_id=found.project_id,
        type=settings.type,
        bucket_name=settings.bucket_name,
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=found.access_key_id,
        prefix=settings.prefix,
        export_frequency=settings.export_frequency,
        enabled=settings.is_enabled,
        force_path_style=settings.force_path_style,
        file_type=settings.file_type,
        export_mode=settings.export_mode,
        export_start_date=instant_or_none(settings.export_start_date),
        compressed=settings.is_compressed,
        export_source=found.export_source,
        export_field_groups=found.export_field_groups,
        next_sync_at=instant_or_none(found.next_sync_at),
        last_sync_at=instant_or_none(found.last_sync_at),
        last_error=found.last_error,
        last_error_at=instant_or_none(found.last_error_at),
        created_at=datetime_to_iso(found.created_at),
        updated_at=datetime_to_iso(found.updated_at),
    )


routes: list[ControllerRouterHandler] = [
    Router(
        path="/",
        route_handlers=[list_integrations, upsert_integration, get_status, delete_integration],
        exception_handlers=PLAIN_HANDLERS,
    )
]
