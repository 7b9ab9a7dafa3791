"""The media service on the running engines, and what uploads to the addresses that it signs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.media.domain import Field, FileMark, TraceLink
from lumenspan.media.service import MediaService
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres
from tests.conftest import ProjectAccess


@pytest.fixture(scope="session")
async def postgres(settings: Settings) -> AsyncIterator[Postgres]:
    made = Postgres(settings.postgres_url)
    yield made
    await made.close()


@pytest.fixture(scope="session")
async def media(postgres: Postgres, settings: Settings) -> AsyncIterator[MediaService]:
    made = MediaService(postgres, settings)
    yield made
    await made.close()


@pytest.fixture
def project_id(project: ProjectAccess) -> ProjectId:
    return ProjectId(project.project_id)


@pytest.fixture
def other_project_id(other_project: ProjectAccess) -> ProjectId:
    return ProjectId(other_project.project_id)


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


def place(trace: str = "t", observation: str = "o", field: Field = Field.INPUT) -> TraceLink:
    return TraceLink(TraceId(trace), ObservationId(observation), field)


def upload_headers(mark: FileMark) -> dict[str, str]:
    """What the SDKs send."""
    return {
        "Content-Type": mark.content_type,
        "x-amz-checksum-sha256": mark.sha256,
        "x-ms-blob-type": "BlockBlob",
    }
