"""``/api/public/integrations/blob-storage``: settings of exports, with a key of the organization."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from lumenspan.ids import OrganizationId, ProjectId
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/integrations/blob-storage"
SECRET = "the-secret-of-the-bucket"
GROUPS = [
    "core", "basic", "time", "io", "metadata", "model", "usage", "prompt", "metrics", "tools",
    "trace_context",
]  # fmt: skip
SHAPE = {
    "id", "projectId", "type", "bucketName", "endpoint", "region", "accessKeyId", "prefix",
    "exportFrequency", "enabled", "forcePathStyle", "fileType", "exportMode", "exportStartDate",
    "compressed", "exportSource", "exportFieldGroups", "nextSyncAt", "lastSyncAt", "lastError",
    "lastErrorAt", "createdAt", "updatedAt",
}  # fmt: skip


class Caller:
    """An organization and the headers of its key."""

    def __init__(self, server: RunningServer, project: ProjectAccess, headers: dict[str, str]) -> None:
        self.server = server
        self.project_id = project.project_id
        self.organization_id = OrganizationId(project.organization_id)
        self.headers = headers

    async def call(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        return await self.server.client.request(method, ROUTE + path, headers=self.headers, **options)

    async def put(self, **changes: Any) -> httpx.Response:
        body = {
            "projectId": self.project_id,
            "type": "S3",
            "bucketName": "exports",
            "region": "eu-central-1",
            "accessKeyId": "AKIA",
            "secretAccessKey": SECRET,
            "exportFrequency": "daily",
            "enabled": True,
            "forcePathStyle": False,
            "fileType": "JSONL",
            "exportMode": "FULL_HISTORY",
        } | changes
        return await self.call("PUT", json={k: v for k, v in body.items() if v is not ...})


async def organization_headers(server: RunningServer, project: ProjectAccess) -> dict[str, str]:
    """The Basic header of a new key of the project's organization."""
    identity: Any = server.services.identity
    if not hasattr(identity, "keys"):
        pytest.skip("needs keys of organizations")
    from lumenspan.identity import domain

    session = await identity.accounts.sign_in(project.email, project.password)
    principal = await identity.authenticate(f"Bearer {session.token}")
    wish: Any = domain.KeyWish()  # type: ignore[attr-defined]
    key, secret = await identity.keys.create_for_organization(principal, project.organization_id, wish)
    return {"Authorization": "Basic " + base64.b64encode(f"{key.public_key}:{secret}".encode()).decode()}


@pytest.fixture
async def caller(server: RunningServer, project: ProjectAccess) -> Caller:
    return Caller(server, project, await organization_headers(server, project))


@pytest.fixture
async def other(server: RunningServer, other_project: ProjectAccess) -> Caller:
    return Caller(server, other_project, await organization_headers(server, other_project))


async def test_it_is_set_up_and_listed(caller: Caller) -> None:
    answer = await caller.put()
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert set(made) == SHAPE
    assert made["id"] == made["projectId"] == caller.project_id
    given = {
        "type": "S3", "bucketName": "exports", "endpoint": None, "region": "eu-central-1",
        "accessKeyId": "AKIA", "prefix": "", "exportFrequency": "daily", "enabled": True,
        "forcePathStyle": False, "fileType": "JSONL", "exportMode": "FULL_HISTORY", "exportStartDate": None,
        "compressed": True,
        "exportSource": "LEGACY_TRACES_OBSERVATIONS", "exportFieldGroups": GROUPS, "nextSyncAt": None,
        "lastSyncAt": None, "lastError": None, "lastErrorAt": None,
    }  # fmt: skip
    assert {name: made[name] for name in given} == given
    assert (await caller.call("GET")).json() == {"data": [made]}


async def test_it_is_changed_in_place(caller: Caller) -> None:
    first = (
        await caller.put(exportSource="OBSERVATIONS_V2", exportFieldGroups=["core", "io", "core"])
    ).json()
    assert first["exportFieldGroups"] == ["core", "io"]
    second = (
        await caller.put(
            accessKeyId=...,
            secretAccessKey=...,
            bucketName="elsewhere",
            compressed=False,
            fileType="PARQUET",
        )
    ).json()
    assert (second["bucketName"], second["compressed"], second["fileType"]) == (
        "elsewhere",
        False,
        "PARQUET",
    )
    kept = ("id", "accessKeyId", "exportSource", "exportFieldGroups", "createdAt")
    assert {name: second[name] for name in kept} == {name: first[name] for name in kept}
    assert second["updatedAt"] > first["updatedAt"]
    assert len((await caller.call("GET")).json()["data"]) == 1


async def test_the_secret_is_sealed_and_never_told(caller: Caller) -> None:
    answers = [
        await caller.put(),
        await caller.call("GET"),
        await caller.call("GET", f"/{caller.project_id}"),
    ]
    assert all(SECRET not in answer.text for answer in answers)
    services = caller.server.services
    async with services.postgres.session() as session:
        row = (
            await session.execute(
                text("SELECT blob_integrations::text FROM blob_integrations WHERE project_id = :id"),
                {"id": caller.project_id},
            )
        ).scalar_one()
    assert SECRET not in row
    project_id = ProjectId(caller.project_id)
    secret = services.blob_integrations.secret_access_key
    assert await secret(caller.organization_id, project_id) == SECRET
    # Another change keeps it; null for the key forgets both.
    assert (await caller.put(accessKeyId="OTHER", secretAccessKey=None)).json()["accessKeyId"] == "OTHER"
    assert await secret(caller.organization_id, project_id) == SECRET
    assert (await caller.put(accessKeyId=None, secretAccessKey=None)).json()["accessKeyId"] is None
    assert await secret(caller.organization_id, project_id) is None


async def test_where_exports_begin(caller: Caller) -> None:
    custom = await caller.put(exportMode="FROM_CUSTOM_DATE", exportStartDate="2026-01-02T03:04:05+02:00")
    assert custom.json()["exportStartDate"] == "2026-01-02T01:04:05.000Z"
    before = datetime.now(UTC) - timedelta(seconds=1)
    today = (await caller.put(exportMode="FROM_TODAY")).json()["exportStartDate"]
    assert before <= datetime.fromisoformat(today) <= datetime.now(UTC)
    again = await caller.put(exportMode="FROM_TODAY", bucketName="other")
    assert again.json()["exportStartDate"] == today
    assert (await caller.put()).json()["exportStartDate"] is None
    tomorrow = (datetime.now(UTC) + timedelta(hours=26)).isoformat()
    assert (await caller.put(exportMode="FROM_CUSTOM_DATE", exportStartDate=tomorrow)).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("is_enabled = false", "disabled"),
        ("last_error = 'no such bucket', last_error_at = now()", "error"),
        ("next_sync_at = now() - interval '1 minute'", "queued"),
        ("next_sync_at = now() + interval '1 hour', last_sync_at = now()", "up_to_date"),
        ("is_enabled = true", "idle"),
    ],
)
async def test_status(caller: Caller, change: str, status: str) -> None:
    await caller.put()
    async with caller.server.services.postgres.session() as session:
        await session.execute(
            text(f"UPDATE blob_integrations SET {change} WHERE project_id = :id"), {"id": caller.project_id}
        )
    answer = await caller.call("GET", f"/{caller.project_id}")
    assert answer.status_code == 200
    found = answer.json()
    assert found["syncStatus"] == status
    assert set(found) == {
        "id", "projectId", "syncStatus", "enabled", "lastSyncAt", "nextSyncAt", "lastError", "lastErrorAt",
    }  # fmt: skip
    assert found["enabled"] == (status != "disabled")


async def test_it_is_deleted(caller: Caller) -> None:
    await caller.put()
    gone = await caller.call("DELETE", f"/{caller.project_id}")
    assert (gone.status_code, set(gone.json())) == (200, {"message"})
    for method in ("DELETE", "GET"):
        missing = await caller.call(method, f"/{caller.project_id}")
        assert (missing.status_code, set(missing.json())) == (404, {"error"})
    assert (await caller.call("GET")).json() == {"data": []}


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "S3_COMPATIBLE", "endpoint": "https://93.184.216.34"},
        {"type": "S3", "endpoint": "https://93.184.216.34:9000", "forcePathStyle": True},
        {"type": "S3", "accessKeyId": ..., "secretAccessKey": ...},
        {"type": "AZURE_BLOB_STORAGE", "bucketName": "a-container-1"},
        {"type": "GOOGLE_CLOUD_STORAGE", "bucketName": "bucket"},
        {"prefix": "langfuse/exports/", "exportFrequency": "every_20_minutes", "fileType": "CSV"},
        {"exportSource": "LEGACY_TRACES_AND_ENRICHED_OBSERVATIONS", "enabled": False},
        {
            "exportSource": None,
            "exportFieldGroups": None,
            "compressed": None,
            "prefix": None,
            "endpoint": "",
        },
    ],
)
async def test_what_fits_a_type_is_taken(caller: Caller, changes: dict[str, Any]) -> None:
    answer = await caller.put(**changes)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"projectId": ...},
        {"type": "FTP"},
        {"bucketName": ""},
        {"bucketName": "a/b"},
        {"bucketName": "a\0b"},
        {"region": ...},
        {"region": "a\nb"},
        {"enabled": "yes"},
        {"forcePathStyle": ...},
        {"exportFrequency": "monthly"},
        {"fileType": "XML"},
        {"exportMode": "NEVER"},
        {"prefix": "no-slash"},
        {"unknown": 1},
        {"type": "S3_COMPATIBLE"},
        {"type": "S3_COMPATIBLE", "endpoint": ""},
        {"type": "S3_COMPATIBLE", "endpoint": "http://127.0.0.1:9000"},
        {"type": "S3_COMPATIBLE", "endpoint": "http://minio.internal:9000"},
        {
            "type": "S3_COMPATIBLE",
            "endpoint": "https://93.184.216.34",
            "accessKeyId": ...,
            "secretAccessKey": ...,
        },
        {"type": "AZURE_BLOB_STORAGE", "bucketName": "Upper"},
        {"type": "AZURE_BLOB_STORAGE", "bucketName": "a--b"},
        {"type": "AZURE_BLOB_STORAGE", "bucketName": "ab"},
        {"secretAccessKey": ...},
        {"accessKeyId": ...},
        {"accessKeyId": None},
        {"exportMode": "FROM_CUSTOM_DATE"},
        {"exportMode": "FROM_CUSTOM_DATE", "exportStartDate": "2026-01-02"},
        {"exportMode": "FROM_CUSTOM_DATE", "exportStartDate": "2026-01-02T03:04:05"},
        {"exportMode": "FROM_CUSTOM_DATE", "exportStartDate": "2999-01-01T00:00:00Z"},
        {"exportMode": "FROM_CUSTOM_DATE", "exportStartDate": "0001-01-01T00:00:00+14:00"},
        {"exportMode": "FROM_CUSTOM_DATE", "exportStartDate": "9999-12-31T23:59:59-14:00"},
        {"exportFieldGroups": ["core"]},
        {"exportSource": "OBSERVATIONS_V2", "exportFieldGroups": []},
        {"exportSource": "OBSERVATIONS_V2", "exportFieldGroups": ["io"]},
        {"exportSource": "OBSERVATIONS_V2", "exportFieldGroups": ["core", "secrets"]},
    ],
)
async def test_what_does_not_fit_is_refused(caller: Caller, changes: dict[str, Any]) -> None:
    answer = await caller.put(**changes)
    assert answer.status_code == 400, answer.text
    assert isinstance(answer.json()["error"], str)
    assert SECRET not in answer.text
    assert (await caller.call("GET")).json() == {"data": []}


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "bucketName",
                "region",
                "prefix",
                "endpoint",
                "accessKeyId",
                "exportStartDate",
                "exportFieldGroups",
            ]
        ),
        st.text() | st.none() | st.integers() | st.datetimes().map(lambda at: at.isoformat() + "Z"),
    )
)
async def test_no_body_makes_a_server_error(caller: Caller, changes: dict[str, Any]) -> None:
    answer = await caller.put(exportMode="FROM_CUSTOM_DATE", **changes)
    assert answer.status_code in (200, 400), answer.text


async def test_an_organization_sees_only_itself(caller: Caller, other: Caller) -> None:
    made = (await caller.put()).json()
    foreign = await other.put(projectId=caller.project_id)
    assert (foreign.status_code, foreign.json()) == (404, {"error": "Project not found"})
    assert (await other.call("GET")).json() == {"data": []}
    for method in ("GET", "DELETE"):
        assert (await other.call(method, f"/{caller.project_id}")).status_code == 404
    assert (await caller.call("GET")).json() == {"data": [made]}
    assert (await other.put()).status_code == 200


@pytest.mark.parametrize("id_", ["nothing", "a" * 5000, "%00", "%ff"])
async def test_ids_that_nobody_has(caller: Caller, id_: str) -> None:
    for method in ("GET", "DELETE"):
        assert (await caller.call(method, f"/{id_}")).status_code in (400, 404)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("GET", "/x"), ("DELETE", "/x")])
async def test_who_may_call(server: RunningServer, project: ProjectAccess, method: str, path: str) -> None:
    nobody = await server.client.request(method, ROUTE + path)
    assert (nobody.status_code, nobody.json()) == (401, {"error": "No authorization header"})
    of_project = await server.client.request(method, ROUTE + path, headers=project.headers)
    assert of_project.status_code == 403
    assert "Organization-scoped API key required" in of_project.json()["error"]
    headers = {"Authorization": f"Bearer {project.public_key}"}
    assert (await server.client.request(method, ROUTE + path, headers=headers)).status_code == 403


async def test_other_verbs_are_told(server: RunningServer, project: ProjectAccess) -> None:
    answer = await server.client.post(ROUTE, headers=project.headers, json={})
    assert (answer.status_code, answer.json()["error"]) == (405, "MethodNotAllowedError")
