"""A server whose operator has set no bucket for media."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, cast

import httpx
import pytest

from lumenspan.settings import Settings
from lumenspan_server.app import create_app
from tests.conftest import ProjectAccess

pytestmark = pytest.mark.engines


async def test_uploads_are_refused_with_the_reason_and_all_else_works(
    settings: Settings, project: ProjectAccess
) -> None:
    app = create_app(settings.model_copy(update={"media_bucket": None}))
    wish = {
        "traceId": "t",
        "contentType": "image/png",
        "contentLength": 1,
        "sha256Hash": base64.b64encode(hashlib.sha256(b"x").digest()).decode(),
        "field": "input",
    }
    async with (
        app.lifespan(),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(cast(Any, app)), base_url="http://server"
        ) as client,
    ):
        for answer in (
            await client.post("/api/public/media", json=wish, headers=project.headers),
            await client.get(f"/api/public/media/{'A' * 22}", headers=project.headers),
        ):
            assert answer.status_code == 500
            assert "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET" in answer.json()["message"]
        assert (await client.get("/api/public/projects", headers=project.headers)).status_code == 200
