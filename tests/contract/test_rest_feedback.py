"""``POST /api/public/feedback``: what is taken, what is refused, and that operators can read it."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.ids import ProjectId
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/feedback"
FULL = {
    "targetType": "mcp-tool",
    "target": "queryMetrics",
    "feedback": "Say which dimensions may be grouped by.",
    "goal": "Cost by user",
    "referenceUrl": "https://example.com/docs/mcp",
}


async def test_feedback_is_kept(server: RunningServer, project: ProjectAccess) -> None:
    answer = await server.client.post(ROUTE, json=FULL, headers=project.headers)
    assert answer.status_code == 201, answer.text
    id_ = answer.json()["id"]
    assert answer.json() == {"id": id_}
    least = {"targetType": "other", "target": "x", "feedback": "y", "goal": None, "referenceUrl": None}
    second = await server.client.post(ROUTE, json=least, headers=project.headers)
    kept = await server.services.feedback.newest(ProjectId(project.project_id), 10)
    assert [each.id for each in kept] == [second.json()["id"], id_]
    assert (kept[1].target_type, kept[1].target, kept[1].feedback) == (
        "mcp-tool",
        "queryMetrics",
        FULL["feedback"],
    )
    assert (kept[1].goal, kept[1].reference_url) == (FULL["goal"], FULL["referenceUrl"])
    assert (kept[0].goal, kept[0].reference_url) == (None, None)


async def test_the_longest_that_is_documented_is_taken(
    server: RunningServer, project: ProjectAccess
) -> None:
    longest = FULL | {"target": "t" * 200, "feedback": "f" * 3000, "goal": "ü" * 1500}
    answer = await server.client.post(ROUTE, json=longest, headers=project.headers)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"targetType": "trace"}, ["targetType"]),
        ({"target": ""}, ["target"]),
        ({"target": "t" * 201}, ["target"]),
        ({"feedback": ""}, ["feedback"]),
        ({"feedback": "f" * 3001}, ["feedback"]),
        ({"feedback": None}, ["feedback"]),
        ({"goal": ""}, ["goal"]),
        ({"goal": "g" * 1501}, ["goal"]),
        ({"email": "somebody@example.com"}, ["email"]),
    ],
)
async def test_the_body_is_strict(
    server: RunningServer, project: ProjectAccess, changes: dict[str, Any], path: list[str]
) -> None:
    answer = await server.client.post(ROUTE, json=FULL | changes, headers=project.headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"][0]["path"] == path


@pytest.mark.parametrize(
    "changes",
    [
        {"referenceUrl": "ftp://example.com"},
        {"referenceUrl": "javascript:alert(1)"},
        {"referenceUrl": "http://"},
        {"referenceUrl": "http://["},
        {"referenceUrl": ""},
        {"feedback": "a\0b"},
    ],
)
async def test_texts_that_cannot_be_kept(
    server: RunningServer, project: ProjectAccess, changes: dict[str, Any]
) -> None:
    answer = await server.client.post(ROUTE, json=FULL | changes, headers=project.headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequestError")


async def test_a_longer_body_than_16_kb_is_refused(server: RunningServer, project: ProjectAccess) -> None:
    answer = await server.client.post(
        ROUTE, json=FULL | {"feedback": "f" * (16 << 10)}, headers=project.headers
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "InvalidRequestError")


async def test_who_may_send_it(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    assert (await server.client.post(ROUTE, json=FULL)).status_code == 401
    headers = {"Authorization": f"Bearer {project.public_key}"}
    assert (await server.client.post(ROUTE, json=FULL, headers=headers)).status_code == 403
    assert (await server.client.get(ROUTE, headers=project.headers)).status_code == 405
    await server.client.post(ROUTE, json=FULL, headers=project.headers)
    assert await server.services.feedback.newest(ProjectId(other_project.project_id), 10) == []
