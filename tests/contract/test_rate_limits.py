"""Limits of calls by organization and resource: what is counted, what is told, what is never held up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from litestar import Router, get
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lumenspan.errors import RateLimited
from lumenspan.identity.domain import KeyWish, UserPrincipal
from lumenspan.ids import OrganizationId, new_id
from lumenspan.rate_limits.service import RateLimiter
from lumenspan.settings import Settings
from lumenspan.storage.cache import connect_redis, key
from lumenspan_server.errors import PLAIN_HANDLERS, STRUCTURED_HANDLERS
from lumenspan_server.otel.grpc import OtlpGrpcServer
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer, serving
from tests.support import eventually, free_port

LISTED = "/api/public/llm-connections"
FEEDBACK = "/api/public/feedback"
SAID = {"targetType": "docs", "target": "limits", "feedback": "clear"}
LIMITS = "public-api=3/minute,feedback=2/day,ingestion=2/hour"
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@get("/limited", sync_to_thread=False)
def limited() -> None:
    raise RateLimited("later", 7, limit=5, reset_at=datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC))


@pytest.fixture(scope="module")
async def strict(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server with limits; its routes below ``/c`` and ``/d`` refuse in the other families of errors."""
    routes = [
        Router("/b", route_handlers=[limited]),
        Router("/c", route_handlers=[limited], exception_handlers=STRUCTURED_HANDLERS),
        Router("/d", route_handlers=[limited], exception_handlers=PLAIN_HANDLERS),
    ]
    async with serving(settings.model_copy(update={"rate_limits": LIMITS}), routes) as started:
        yield started


async def calls(server: RunningServer, project: ProjectAccess, count: int) -> list[httpx.Response]:
    return [await server.client.get(LISTED, headers=project.headers) for _ in range(count)]


async def test_calls_are_counted_until_none_is_left(strict: RunningServer, project: ProjectAccess) -> None:
    began = datetime.now(UTC)
    *let_through, refused = await calls(strict, project, 4)
    assert [each.status_code for each in let_through] == [200, 200, 200]
    assert [each.headers["X-RateLimit-Remaining"] for each in let_through] == ["2", "1", "0"]
    assert {each.headers["X-RateLimit-Limit"] for each in let_through} == {"3"}
    assert refused.status_code == 429
    body = refused.json()
    assert set(body) == {"message", "code", "details"}
    assert body["code"] == "rate_limited"
    details = body["details"]
    assert set(details) == {"retryAfterSeconds", "limit", "remaining", "resetAt"}
    assert (details["limit"], details["remaining"]) == (3, 0)
    assert 0 < details["retryAfterSeconds"] <= 60
    reset_at = datetime.fromisoformat(details["resetAt"])
    assert 0 < (reset_at - began).total_seconds() < 90
    assert refused.headers["Retry-After"] == str(details["retryAfterSeconds"])
    assert [refused.headers[name] for name in HEADERS[:2]] == ["3", "0"]
    assert parsedate_to_datetime(refused.headers[HEADERS[2]]) == reset_at.replace(microsecond=0)


@pytest.mark.parametrize("family", ["b", "c", "d"])
async def test_every_family_of_errors_says_it_alike(strict: RunningServer, family: str) -> None:
    answer = await strict.client.get(f"/{family}/limited")
    assert answer.status_code == 429
    assert answer.json() == {
        "message": "later",
        "code": "rate_limited",
        "details": {
            "retryAfterSeconds": 7,
            "limit": 5,
            "remaining": 0,
            "resetAt": "2026-01-02T03:04:05.678Z",
        },
    }
    assert answer.headers["Retry-After"] == "7"
    assert [answer.headers[name] for name in HEADERS] == ["5", "0", "Fri, 02 Jan 2026 03:04:05 GMT"]


async def test_who_is_calling_comes_first_and_what_is_asked_comes_last(
    strict: RunningServer, project: ProjectAccess
) -> None:
    wrong = {"Authorization": project.headers["Authorization"][:-6]}
    public = {"Authorization": f"Bearer {project.public_key}"}
    for _ in range(5):
        assert (await strict.client.get(LISTED, headers=wrong)).status_code == 401
        assert (await strict.client.get(LISTED, headers=public)).status_code == 403
    counted = await strict.client.get(LISTED, params={"page": 0}, headers=project.headers)
    assert (counted.status_code, counted.headers["X-RateLimit-Remaining"]) == (400, "2")
    await calls(strict, project, 2)
    query = await strict.client.get(LISTED, params={"page": 0}, headers=project.headers)
    body = await strict.client.put(LISTED, content=b"{", headers=project.headers)
    assert [query.status_code, body.status_code] == [429, 429]
    assert (await strict.client.get(LISTED, headers=wrong)).status_code == 401


async def test_each_resource_counts_for_itself(strict: RunningServer, project: ProjectAccess) -> None:
    assert [each.status_code for each in await calls(strict, project, 4)] == [200, 200, 200, 429]
    said = [await strict.client.post(FEEDBACK, json=SAID, headers=project.headers) for _ in range(3)]
    assert [each.status_code for each in said] == [201, 201, 429]
    assert said[-1].json()["details"]["retryAfterSeconds"] > 3600


async def test_projects_and_health_are_never_limited(strict: RunningServer, project: ProjectAccess) -> None:
    for _ in range(6):
        found = await strict.client.get("/api/public/projects", headers=project.headers)
        health = await strict.client.get("/api/public/health", headers=project.headers)
        assert [found.status_code, health.status_code] == [200, 200]
        assert not any(name in found.headers for name in HEADERS)


async def test_an_organization_is_counted_as_one_and_no_other_with_it(
    strict: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    identity = strict.services.identity
    session = await identity.accounts.sign_in(project.email, project.password)
    person = await identity.authenticate(f"Bearer {session.token}")
    assert isinstance(person, UserPrincipal)
    second = await identity.projects.create(person, OrganizationId(project.organization_id), "Second", None)
    made, secret = await identity.keys.create_for_project(person, second.id, KeyWish("tests"))
    auth = httpx.BasicAuth(made.public_key, secret)
    assert [each.status_code for each in await calls(strict, project, 2)] == [200, 200]
    statuses = [(await strict.client.get(LISTED, auth=auth)).status_code for _ in range(2)]
    assert statuses == [200, 429]
    assert (await strict.client.get(LISTED, headers=project.headers)).status_code == 429
    assert (await strict.client.get(LISTED, headers=other_project.headers)).status_code == 200


async def test_graphql_counts_for_keys_and_not_for_people(
    strict: RunningServer, project: ProjectAccess
) -> None:
    query = {"query": "{ __typename }"}
    with_key = [await strict.client.post("/graphql", json=query, headers=project.headers) for _ in range(4)]
    assert [each.status_code for each in with_key] == [200, 200, 200, 429]
    assert with_key[-1].json()["code"] == "rate_limited"
    session = await strict.services.identity.accounts.sign_in(project.email, project.password)
    for headers in ({"Authorization": f"Bearer {session.token}"}, {}):
        for _ in range(5):
            answer = await strict.client.post("/graphql", json=query, headers=headers)
            assert answer.status_code == 200


async def test_a_websocket_counts_once_when_it_is_opened(
    strict: RunningServer, project: ProjectAccess
) -> None:
    url = strict.base_url.replace("http", "ws", 1) + "/graphql"
    initialize = json.dumps(
        {"type": "connection_init", "payload": {"authorization": project.authorization}}
    )
    operation = {"type": "subscribe", "payload": {"query": "{ __typename }"}}
    answers = []
    for _ in range(4):
        async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await socket.send(initialize)
            try:
                answers.append(json.loads(await socket.recv())["type"])
                for number in range(3):
                    await socket.send(json.dumps(operation | {"id": str(number)}))
                    assert json.loads(await socket.recv())["type"] == "next"
                    assert json.loads(await socket.recv())["type"] == "complete"
            except ConnectionClosed as error:
                answers.append(str(error.rcvd.code if error.rcvd else None))
    assert answers == ["connection_ack"] * 3 + ["4403"]


async def test_exports_count_as_ingestion(strict: RunningServer, project: ProjectAccess) -> None:
    headers = project.headers | {"Content-Type": "application/json"}
    sent = [
        await strict.client.post("/api/public/otel/v1/traces", content=b"{}", headers=headers)
        for _ in range(3)
    ]
    assert [each.status_code for each in sent] == [200, 200, 429]
    server = OtlpGrpcServer(strict.services)
    port = await server.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            metadata = [("authorization", project.authorization)]
            call = TraceServiceStub(channel).Export(ExportTraceServiceRequest(), metadata=metadata)
            with pytest.raises(grpc.RpcError):
                await call
            assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            status = await rpc_status.aio.from_call(call)
    finally:
        await server.stop()
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert 0 < retry.retry_delay.seconds <= 3600


async def test_the_reading_of_headers_is_open_to_pages(
    strict: RunningServer, project: ProjectAccess
) -> None:
    answer = await strict.client.get(
        LISTED, headers=project.headers | {"Origin": "https://app.example.com"}
    )
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(exposed) >= {"Retry-After", *HEADERS}


async def test_nothing_is_counted_where_nothing_is_limited(
    server: RunningServer, project: ProjectAccess
) -> None:
    answers = await calls(server, project, 5)
    assert {each.status_code for each in answers} == {200}
    assert not any(name in each.headers for each in answers for name in HEADERS)
    name = key(server.services.settings, "rate-limit", project.organization_id, "*")
    assert await server.services.redis.keys(name) == []


class TestCounting:
    """The counter itself."""

    @pytest.fixture
    async def limiter(self, settings: Settings) -> AsyncIterator[RateLimiter]:
        redis = connect_redis(settings)
        yield RateLimiter(redis, settings.model_copy(update={"rate_limits": "public-api=20/minute"}))
        await redis.aclose()

    async def test_calls_at_the_same_time_are_counted_one_by_one(self, limiter: RateLimiter) -> None:
        organization = OrganizationId(new_id())
        counted = await asyncio.gather(
            *(limiter.count(organization, "public-api") for _ in range(50)), return_exceptions=True
        )
        assert sum(isinstance(each, RateLimited) for each in counted) == 30
        remaining = sorted(
            each.remaining for each in counted if not isinstance(each, BaseException) and each
        )
        assert remaining == list(range(20))

    async def test_a_window_ends(self, limiter: RateLimiter, settings: Settings) -> None:
        organization = OrganizationId(new_id())
        for _ in range(20):
            await limiter.count(organization, "public-api")
        with pytest.raises(RateLimited):
            await limiter.count(organization, "public-api")
        redis = connect_redis(settings)
        name = key(settings, "rate-limit", organization, "public-api", "60")
        assert 0 < await redis.pttl(name) <= 60_000
        await redis.pexpire(name, 1)

        async def is_gone() -> bool:
            return not await redis.exists(name)

        await eventually(is_gone)
        await redis.aclose()
        standing = await limiter.count(organization, "public-api")
        assert standing is not None
        assert standing.remaining == 19

    async def test_a_counter_that_lost_its_end_gets_one(
        self, limiter: RateLimiter, settings: Settings
    ) -> None:
        organization = OrganizationId(new_id())
        redis = connect_redis(settings)
        name = key(settings, "rate-limit", organization, "public-api", "60")
        await redis.set(name, 1000)
        with pytest.raises(RateLimited):
            await limiter.count(organization, "public-api")
        assert 0 < await redis.pttl(name) <= 60_000
        await redis.aclose()

    async def test_what_is_not_in_the_table_is_not_counted(self, limiter: RateLimiter) -> None:
        assert await limiter.count(OrganizationId(new_id()), "prompts") is None

    @pytest.mark.parametrize("how", ["closed", "silent"])
    async def test_without_redis_every_call_is_let_through(self, settings: Settings, how: str) -> None:
        async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        port = free_port()
        listening: Any = None
        if how == "silent":
            listening = await asyncio.start_server(never_answer, "127.0.0.1", port)
        changes = {
            "redis_connection_string": SecretStr(f"redis://127.0.0.1:{port}/0"),
            "rate_limits": "public-api=1/minute",
        }
        changed = settings.model_copy(update=changes)
        redis = connect_redis(changed)
        limiter = RateLimiter(redis, changed)
        for _ in range(5):
            assert await limiter.count(OrganizationId("o"), "public-api") is None
        await redis.aclose()
        if listening is not None:
            listening.close()
            await listening.wait_closed()
