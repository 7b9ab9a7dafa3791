"""Calls of the SCIM routes, for their tests."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from tests.factories.identity import OrganizationAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/scim"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def address() -> str:
    return f"{uuid.uuid4().hex}@example.com"


async def call(
    server: RunningServer, key: OrganizationAccess, method: str, path: str, **options: Any
) -> httpx.Response:
    return await server.client.request(method, ROUTE + path, headers=key.headers, **options)


async def create(server: RunningServer, key: OrganizationAccess, **more: Any) -> dict[str, Any]:
    body = {"schemas": [USER], "userName": address(), "name": {"formatted": "Ada"}} | more
    answer = await call(server, key, "POST", "/Users", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def operations(*given: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(given)}
