"""Every operation with every kind of credentials that must not open it.

The operations come from the routes of the application, so that none is forgotten. A project is filled with
texts that hold a mark; no call with credentials of anybody else may ever be answered with it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lumenspan.clock import utc_now
from lumenspan.identity.domain import KeyWish, UserPrincipal
from lumenspan.identity.service import IdentityService
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.postgres import Postgres
from tests.conftest import PASSWORD, ProjectAccess, make_project
from tests.contract.probed import MARK, everything, fill
from tests.contract.probing import Call, Level, calls, undeclared
from tests.factories.identity import organization_key
from tests.integration.server.conftest import RunningServer

CALLS = calls()
GUARDED = [each for each in CALLS if each.level is not Level.NOBODY]
OF_PROJECT = [each for each in CALLS if each.level is Level.PROJECT]
# Ids that exist in the filled project, by the noun of the path and the name of the parameter.
IDS: dict[str, str] = {}
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
    "DELETE /api/public/annotation-queues/{queueId}/assignments": {"userId": "somebody"},
    "POST /api/public/annotation-queues/{queueId}/assignments": {"userId": "somebody"},
    "POST /api/public/annotation-queues/{queueId}/items": {"objectId": "t", "objectType": "TRACE"},
    "PATCH /api/public/annotation-queues/{queueId}/items/{itemId}": {"status": "COMPLETED"},
    "PATCH /api/public/v2/evaluators/{evaluatorId}": {"name": "taken"},
    "PATCH /api/public/v2/evaluation-rules/{evaluationRuleId}": {"name": "taken"},
    "PATCH /api/public/unstable/evaluation-rules/{evaluationRuleId}": {"name": "taken"},
    "PATCH /api/public/unstable/dashboards/{dashboardId}": {"name": "taken"},
    "PATCH /api/public/unstable/dashboard-widgets/{widgetId}": {"name": "taken"},
    "POST /api/public/unstable/dashboards/{dashboardId}/placements": {
        "type": "preset",
        "presetId": "home-traces",
    },
    "PATCH /api/public/unstable/dashboards/{dashboardId}/placements/{placementId}": {"x": 1},
    "PATCH /api/public/unstable/skills/{skillName}": {"tags": ["taken"]},
    "PATCH /api/public/unstable/skills/{skillName}/versions/{skillVersion}": {"labels": ["taken"]},
}
QUERIES: Mapping[str, Mapping[str, str]] = {
    "GET /api/public/prompts": {"name": "probed-prompt"},
    "GET /api/public/dataset-run-items": {"datasetId": "1", "runName": "probed-run"},
}


@pytest.fixture(scope="module")
async def filled(server: RunningServer, identity_clients: object) -> ProjectAccess:
    """A project with something of every kind, each text of it marked; its ids are in ``IDS``."""
    access = await make_project(identity_clients)
    IDS.update(await fill(server, access))
    return access


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
    expired, expired_secret = await yesterday.keys.create_for_project(
        owner, project_id, KeyWish("expired", expires_at)
    )
    keys = identity_clients.keys
    deleted, deleted_secret = await keys.create_for_project(owner, project_id, KeyWish("deleted"))
    await keys.revoke_of_project(owner, project_id, deleted.id)
    await redis.aclose()
    await postgres.close()
    return [basic(expired.public_key, expired_secret), basic(deleted.public_key, deleted_secret)]


async def _owner(identity: IdentityService, access: ProjectAccess) -> UserPrincipal:
    principal = await identity.authenticate(f"Bearer {await _token(identity, access)}")
    assert isinstance(principal, UserPrincipal)
    return principal


async def _token(identity: IdentityService, access: ProjectAccess) -> str:
    return (await identity.accounts.sign_in(access.email, PASSWORD)).token


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
    # Reading changes nothing; what is read of the filled project takes longer than the probe.
    before = {} if each.method == "GET" else await everything(server, filled, IDS)
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
    if before:
        assert await everything(server, filled, IDS) == before


@pytest.fixture(scope="module")
async def organization_headers(identity_clients: IdentityService, filled: ProjectAccess) -> dict[str, str]:
    """The key pair of the organization that the filled project is in."""
    return (await organization_key(identity_clients, filled)).headers


@pytest.mark.parametrize("each", OF_PROJECT, ids=str)
async def test_the_key_of_an_organization_opens_no_route_of_a_project(
    server: RunningServer, organization_headers: dict[str, str], each: Call
) -> None:
    answer = await call(server, each, organization_headers)
    assert answer.status_code == 403, answer.text
    assert MARK not in answer.text
