"""LLM connections that tests make over REST, as people do before they evaluate with a model."""

from __future__ import annotations

from typing import Any

from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/llm-connections"


async def connect(server: RunningServer, project: ProjectAccess, provider: str = "openai") -> str:
    """Make a connection of that provider, or replace it; its id."""
    body = {"provider": provider, "adapter": "openai", "secretKey": "sk-of-a-test"}
    answer = await server.client.put(ROUTE, json=body, headers=project.headers)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return str(found["id"])


async def disconnect(server: RunningServer, project: ProjectAccess, connection_id: str) -> None:
    """Delete a connection."""
    answer = await server.client.delete(f"{ROUTE}/{connection_id}", headers=project.headers)
    assert answer.status_code == 200, answer.text
