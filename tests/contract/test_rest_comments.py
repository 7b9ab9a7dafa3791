"""Comments over REST: on what, by whom, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess
from tests.contract.people import public_key_alone, user_id
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer

COMMENTS = "/api/public/comments"


async def write(
    server: RunningServer, access: ProjectAccess, object_type: str, object_id: str, **more: Any
) -> httpx.Response:
    body = {
        "projectId": access.project_id,
        "objectType": object_type,
        "objectId": object_id,
        "content": "fine",
    }
    return await server.client.post(COMMENTS, json=body | more, headers=access.headers)


async def listed(server: RunningServer, access: ProjectAccess, **params: Any) -> dict[str, Any]:
    answer = await server.client.get(COMMENTS, params=params, headers=access.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def make_objects(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    """Ids of an object of each type."""
    row = observation(access.project_id, session_id=f"session of {access.project_id}")
    await insert(server.services.clickhouse, [row])
    body = {"name": "greet", "prompt": "Hello"}
    prompt = await server.client.post("/api/public/v2/prompts", json=body, headers=access.headers)
    assert prompt.status_code == 201, prompt.text
    return {
        "TRACE": row["trace_id"],
        "OBSERVATION": row["id"],
        "SESSION": row["session_id"],
        "PROMPT": prompt.json()["id"],
    }


async def test_on_each_type_of_object_of_the_own_project(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    objects = await make_objects(server, project)
    for object_type, object_id in objects.items():
        answer = await write(server, project, object_type, object_id, content=f"  **{object_type}** @[x] ")
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == ["id"]
        path = f"{COMMENTS}/{answer.json()['id']}"
        found = (await server.client.get(path, headers=project.headers)).json()
        assert found == {
            "id": answer.json()["id"],
            "projectId": project.project_id,
            "createdAt": found["createdAt"],
            "updatedAt": found["createdAt"],
            "objectType": object_type,
            "objectId": object_id,
            "content": f"**{object_type}** @[x]",
            "authorUserId": None,
        }
        assert (await server.client.get(path, headers=other_project.headers)).status_code == 404
        foreign = await write(server, other_project, object_type, object_id, projectId=project.project_id)
        assert (foreign.status_code, foreign.json()["error"]) == (404, "LangfuseNotFoundError")
        for missing in ("none", "a\x00", "x" * 10_000):
            assert (await write(server, project, object_type, missing)).status_code == 404
    assert (await listed(server, other_project))["data"] == []


async def test_listed_newest_first_by_object_and_author(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    objects, author = await make_objects(server, project), await user_id(server, project)
    trace = objects["TRACE"]
    made = [
        (await write(server, project, "TRACE", trace)).json()["id"],
        (await write(server, project, "PROMPT", objects["PROMPT"], authorUserId=author)).json()["id"],
        (await write(server, project, "TRACE", trace, projectId="elsewhere", authorUserId=author)).json()[
            "id"
        ],
    ]

    async def ids(**params: Any) -> list[str]:
        return [each["id"] for each in (await listed(server, project, **params))["data"]]

    assert await ids() == made[::-1]
    assert await ids(objectType="TRACE") == [made[2], made[0]]
    assert await ids(objectType="TRACE", objectId=trace, authorUserId=author) == [made[2]]
    assert await ids(authorUserId=author) == [made[2], made[1]]
    assert await ids(objectType="PROMPT", objectId=trace) == []
    page = await listed(server, project, limit=2, page=2)
    assert page["meta"] == {"page": 2, "limit": 2, "totalItems": 3, "totalPages": 2}
    assert (await listed(server, other_project, authorUserId=author))["data"] == []
    for wrong in (
        {"objectId": trace},
        {"objectType": "SCORE"},
        {"page": 0},
        {"limit": 101},
        {"page": 10**12},
        {"authorUserId": "a\x00"},
    ):
        answer = await server.client.get(COMMENTS, params=wrong, headers=project.headers)
        assert answer.status_code == 400, wrong


async def test_an_author_is_of_the_organization_and_others_are_not_revealed(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    trace = (await make_objects(server, project))["TRACE"]
    stranger = await user_id(server, other_project)
    answers = [
        await write(server, project, "TRACE", trace, authorUserId=each) for each in (stranger, "nobody")
    ]
    assert [each.status_code for each in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()
    assert (await listed(server, project))["data"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": " \n "},
        {"content": "x" * 5_001},
        {"content": "a\x00"},
        {"content": None},
        {"objectType": "trace"},
        {"objectType": None},
        {"objectId": 1},
        {"projectId": None},
        {"authorUserId": "\x00"},
        {"mood": "good"},
    ],
)
async def test_comments_that_are_none(
    server: RunningServer, project: ProjectAccess, wrong: dict[str, Any]
) -> None:
    trace = (await make_objects(server, project))["TRACE"]
    answer = await write(server, project, "TRACE", trace, **wrong)
    assert answer.status_code == 400, answer.text
    longest = await write(server, project, "TRACE", trace, content=" " + "é" * 5_000)
    assert longest.status_code == 200


async def test_who_may_not(server: RunningServer, project: ProjectAccess) -> None:
    for method, path in (("POST", COMMENTS), ("GET", COMMENTS), ("GET", f"{COMMENTS}/c")):
        denied = await server.client.request(method, path, headers=public_key_alone(project))
        assert denied.status_code == 403
        assert denied.json() == {"message": "Access denied - insufficient permissions for this endpoint"}
        assert (await server.client.request(method, path)).status_code == 401
    missing = await server.client.get(f"{COMMENTS}/none", headers=project.headers)
    assert (missing.status_code, missing.json()["error"]) == (404, "LangfuseNotFoundError")
