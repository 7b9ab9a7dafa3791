"""Every operation with every kind of credentials that must not open it.

The operations come from the routes of the application, so that none is forgotten. A project is filled with
texts that hold a mark; no call with credentials of anybody else may ever be answered with it.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lumenspan.clock import utc_now
from lumenspan.identity.domain import UserPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import PASSWORD, ProjectAccess, make_project
from tests.contract.probing import Call, Level, calls, undeclared
from tests.factories.observations import insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

MARK = "only-for-the-first-project"
CALLS = calls()
GUARDED = [each for each in CALLS if each.level is not Level.NOBODY]
OF_PROJECT = [each for each in CALLS if each.level is Level.PROJECT]
# Ids that exist in the filled project, by the noun of the path and the name of the parameter.
IDS: dict[str, str] = {
    "traces.traceId": "probed-trace",
    "observations.observationId": "probed-observation",
    "sessions.sessionId": "probed-session",
    "scores.scoreId": "probed-score",
    "prompts.promptName": "probed-prompt",
    "prompts.name": "probed-prompt",
    "datasets.datasetName": "probed-dataset",
    "datasets.runName": "probed-run",
    "dataset-items.itemId": "probed-item",
    "version": "1",
}
# Deletions that answer the same whether there was something or not.
BLIND = frozenset({"DELETE /api/public/traces/{traceId}", "DELETE /api/public/scores/{scoreId}"})
# Bodies that would do something if the ids in them were the caller's.
BODIES: Mapping[str, Mapping[str, Any]] = {
    "DELETE /api/public/traces": {"traceIds": ["probed-trace"]},
    "PATCH /api/public/v2/prompts/{name}/versions/{version}": {"newLabels": ["taken"]},
    "PATCH /api/public/score-configs/{configId}": {"isArchived": True},
    "PUT /api/public/models/{modelId}": {"modelName": "taken", "matchPattern": "t", "inputPrice": 1},
    "PATCH /api/public/media/{mediaId}": {"uploadedAt": "2026-01-01T00:00:00Z", "uploadHttpStatus": 500},
    "POST /api/public/dataset-run-items": {
        "runName": "taken",
        "datasetItemId": "probed-item",
        "traceId": "t",
    },
    "POST /api/public/dataset-items": {"datasetName": "probed-dataset", "id": "probed-item", "input": 1},
}
QUERIES: Mapping[str, Mapping[str, str]] = {
    "GET /api/public/prompts": {"name": "probed-prompt"},
    "GET /api/public/dataset-run-items": {"datasetId": "1", "runName": "probed-run"},
}


@pytest.fixture(scope="module")
async def filled(server: RunningServer, identity_clients: object) -> ProjectAccess:
    """A project with something of every kind, each text of it marked; its ids are in ``IDS``."""
    access = await make_project(identity_clients)
    project_id, clickhouse = access.project_id, server.services.clickhouse
    root = observation(
        project_id,
        id="probed-observation",
        trace_id="probed-trace",
        session_id="probed-session",
        name=MARK,
        input=MARK,
        metadata={"mark": MARK},
    )
    await insert(clickhouse, [root])
    await insert_scores(
        clickhouse, [score(project_id, id="probed-score", trace_id="probed-trace", comment=MARK)]
    )
    dataset = await _made(server, access, "v2/datasets", {"name": "probed-dataset", "description": MARK})
    item = {"datasetName": "probed-dataset", "id": "probed-item", "input": {"mark": MARK}}
    await _made(server, access, "dataset-items", item)
    run = {"runName": "probed-run", "datasetItemId": "probed-item", "traceId": "probed-trace"}
    await _made(server, access, "dataset-run-items", run | {"runDescription": MARK})
    await _made(
        server, access, "v2/prompts", {"name": "probed-prompt", "prompt": MARK, "labels": ["production"]}
    )
    config = await _made(
        server, access, "score-configs", {"name": "c", "dataType": "NUMERIC", "description": MARK}
    )
    model = await _made(server, access, "models", {"modelName": MARK, "matchPattern": "m", "inputPrice": 1})
    digest = base64.b64encode(uuid.uuid4().bytes * 2).decode()
    wish = {"contentType": "text/plain", "contentLength": 1, "sha256Hash": digest, "field": "input"}
    file = await _made(server, access, "media", wish | {"traceId": "probed-trace"})
    IDS.update(
        {
            "score-configs.configId": config["id"],
            "models.modelId": model["id"],
            "media.mediaId": file["mediaId"],
            "datasetId": dataset["id"],
            "projectId": project_id,
        }
    )
    return access


async def _made(server: RunningServer, access: ProjectAccess, path: str, body: Mapping[str, Any]) -> Any:
    answer = await server.client.post(f"/api/public/{path}", json=body, headers=access.headers)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def call(server: RunningServer, each: Call, headers: Mapping[str, str]) -> httpx.Response:
    """The answer to an operation on what the filled project has."""
    body = None if each.method == "GET" else dict(BODIES.get(str(each), {}))
    query = dict(QUERIES.get(str(each), {}))
    if "datasetId" in query:
        query["datasetId"] = IDS["datasetId"]
    return await server.client.request(each.method, each.url(IDS), params=query, json=body, headers=headers)


def basic(public_key: str, secret_key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()}


def test_every_public_route_declares_itself() -> None:
    assert undeclared() == []


@pytest.mark.parametrize("each", GUARDED, ids=str)
class TestStrangers:
    async def test_nobody(self, server: RunningServer, filled: ProjectAccess, each: Call) -> None:
        answer = await call(server, each, {})
        assert answer.status_code == 401, answer.text
        assert MARK not in answer.text

    async def test_a_wrong_secret(self, server: RunningServer, filled: ProjectAccess, each: Call) -> None:
        answer = await call(server, each, basic(filled.public_key, "sk-lf-" + "0" * 32))
        assert answer.status_code == 401, answer.text
        assert MARK not in answer.text

    async def test_another_scheme(self, server: RunningServer, filled: ProjectAccess, each: Call) -> None:
        answer = await call(server, each, {"Authorization": f"Digest {filled.public_key}"})
        assert answer.status_code == 401, answer.text

    async def test_a_person(self, server: RunningServer, person: str, each: Call) -> None:
        answer = await call(server, each, {"Authorization": f"Bearer {person}"})
        assert answer.status_code == 401, answer.text
        assert MARK not in answer.text

    async def test_keys_that_have_gone(
        self, server: RunningServer, gone_keys: list[dict[str, str]], each: Call
    ) -> None:
        for headers in gone_keys:
            answer = await call(server, each, headers)
            assert answer.status_code == 401, answer.text
            assert MARK not in answer.text

    async def test_a_public_key_alone(
        self, server: RunningServer, filled: ProjectAccess, each: Call
    ) -> None:
        answer = await call(server, each, {"Authorization": f"Bearer {filled.public_key}"})
        if each.takes_public_key:
            assert answer.status_code in (400, 207), answer.text
        elif each.level is Level.PROJECT:
            assert answer.status_code == 403, answer.text
        else:
            assert answer.status_code in (401, 403), answer.text
        assert MARK not in answer.text


@pytest.fixture(scope="module")
async def gone_keys(
    settings: Settings, identity_clients: IdentityService, filled: ProjectAccess
) -> list[dict[str, str]]:
    """An expired key and a deleted one of the filled project, which both were good once."""
    postgres, redis = Postgres(settings.postgres_url), connect_redis(settings)
    yesterday = IdentityService(postgres, redis, settings, now=lambda: utc_now() - timedelta(days=1))
    owner = await _owner(identity_clients, filled)
    expires_at = utc_now() - timedelta(hours=1)
    project_id = (await identity_clients.authenticate(filled.authorization)).project_id  # type: ignore[union-attr]
    expired, expired_secret = await yesterday.create_api_key(owner, project_id, "expired", expires_at)
    deleted, deleted_secret = await identity_clients.create_api_key(owner, project_id, "deleted", None)
    await identity_clients.revoke_api_key(owner, project_id, deleted.id)
    await redis.aclose()
    await postgres.close()
    return [basic(expired.public_key, expired_secret), basic(deleted.public_key, deleted_secret)]


async def _owner(identity: IdentityService, access: ProjectAccess) -> UserPrincipal:
    principal = await identity.authenticate(f"Bearer {await _token(identity, access)}")
    assert isinstance(principal, UserPrincipal)
    return principal


async def _token(identity: IdentityService, access: ProjectAccess) -> str:
    return (await identity.sign_in(access.email, PASSWORD)).token


@pytest.fixture(scope="module")
async def person(identity_clients: IdentityService, filled: ProjectAccess) -> str:
    """The session of the person who owns the filled project: these routes are for applications."""
    return await _token(identity_clients, filled)


@pytest.fixture(scope="module")
async def neighbour(identity_clients: object) -> ProjectAccess:
    return await make_project(identity_clients)


@pytest.mark.parametrize("each", GUARDED, ids=str)
async def test_another_project_sees_and_changes_nothing(
    server: RunningServer, filled: ProjectAccess, neighbour: ProjectAccess, each: Call
) -> None:
    before = await _all_of(server, filled)
    answer = await call(server, each, neighbour.headers)
    assert MARK not in answer.text
    if each.level is not Level.PROJECT:
        assert answer.status_code in (401, 403), answer.text
    elif str(each) in BLIND:
        assert answer.status_code in (200, 202), answer.text
    elif each.names:
        # A body that does not fit may be told first.
        expected = (404,) if each.method in ("GET", "DELETE") or str(each) in BODIES else (404, 400)
        assert answer.status_code in expected or str(each).startswith("PUT "), answer.text
    else:
        assert answer.status_code < 500, answer.text
    assert await _all_of(server, filled) == before


async def _all_of(server: RunningServer, access: ProjectAccess) -> dict[str, Any]:
    """Everything that the filled project answers about what is marked."""
    paths = (
        "traces/probed-trace",
        "v2/scores/probed-score",
        "v2/prompts/probed-prompt",
        "dataset-items/probed-item",
        "datasets/probed-dataset/runs",
        f"score-configs/{IDS['score-configs.configId']}",
        f"models/{IDS['models.modelId']}",
    )
    found = {}
    for path in paths:
        answer = await server.client.get(f"/api/public/{path}", headers=access.headers)
        assert answer.status_code == 200, answer.text
        assert path.startswith("datasets/") or MARK in answer.text
        found[path] = answer.json()
    return found


@pytest.fixture(scope="module")
async def organization_headers(identity_clients: object, filled: ProjectAccess) -> dict[str, str]:
    """The key pair of the organization that the filled project is in."""
    if importlib.util.find_spec("tests.factories.identity") is None:
        pytest.skip("there are no keys of organizations yet")
    factories = importlib.import_module("tests.factories.identity")
    found: dict[str, str] = (await factories.organization_key(identity_clients, filled)).headers
    return found


@pytest.mark.parametrize("each", OF_PROJECT, ids=str)
async def test_the_key_of_an_organization_opens_no_route_of_a_project(
    server: RunningServer, organization_headers: dict[str, str], each: Call
) -> None:
    answer = await call(server, each, organization_headers)
    assert answer.status_code == 403, answer.text
    assert MARK not in answer.text
