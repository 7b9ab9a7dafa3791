"""Annotation queues over REST: queues, items, assignments, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.contract.people import public_key_alone, user_id
from tests.integration.server.conftest import RunningServer

QUEUES = "/api/public/annotation-queues"
NO_QUEUE, NO_ITEM = "Annotation queue not found", "Annotation queue item not found"


async def call(
    server: RunningServer, access: ProjectAccess, method: str, path: str = "", **options: Any
) -> httpx.Response:
    return await server.client.request(method, QUEUES + path, headers=access.headers, **options)


async def config_id(server: RunningServer, access: ProjectAccess) -> str:
    body = {"name": "accuracy", "dataType": "NUMERIC"}
    answer = await server.client.post("/api/public/score-configs", json=body, headers=access.headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def make_queue(
    server: RunningServer, access: ProjectAccess, name: str = "review", **more: Any
) -> dict[str, Any]:
    body = {"name": name, "scoreConfigIds": [await config_id(server, access)]} | more
    answer = await call(server, access, "POST", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def make_item(
    server: RunningServer, access: ProjectAccess, queue_id: str, object_id: str = "t", **more: Any
) -> dict[str, Any]:
    body = {"objectId": object_id, "objectType": "TRACE"} | more
    answer = await call(server, access, "POST", f"/{queue_id}/items", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


class TestQueues:
    async def test_made_read_and_listed_newest_first(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        configs = [await config_id(server, project), await config_id(server, project)]
        body = {"name": " review ", "description": "d", "scoreConfigIds": [*configs, configs[0]]}
        first = (await call(server, project, "POST", json=body)).json()
        assert first == {
            "id": first["id"],
            "name": "review",
            "description": "d",
            "scoreConfigIds": configs,
            "createdAt": first["createdAt"],
            "updatedAt": first["createdAt"],
        }
        assert first["createdAt"].endswith("Z")
        second = await make_queue(server, project, "second", description=None)
        assert second["description"] is None
        assert (await call(server, project, "GET", f"/{first['id']}")).json() == first
        listed = (await call(server, project, "GET", params={"limit": 1, "page": 2})).json()
        meta = {"page": 2, "limit": 1, "totalItems": 2, "totalPages": 2}
        assert listed == {"data": [first], "meta": meta}
        assert (await call(server, project, "GET", params={"limit": ""})).json()["data"] == [second, first]
        assert (await call(server, other_project, "GET")).json()["meta"]["totalPages"] == 0
        foreign = await call(server, other_project, "GET", f"/{first['id']}")
        assert (foreign.status_code, foreign.json()) == (
            404,
            {"message": NO_QUEUE, "error": "LangfuseNotFoundError"},
        )

    async def test_a_name_is_taken_once_in_a_project(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        queue = await make_queue(server, project)
        body = {"name": "review", "scoreConfigIds": queue["scoreConfigIds"]}
        again = await call(server, project, "POST", json=body)
        assert (again.status_code, again.json()["message"]) == (
            400,
            "A queue with this name already exists.",
        )
        await make_queue(server, other_project)

    async def test_of_several_at_once_one_gets_the_name(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        body = {"name": "q", "scoreConfigIds": [await config_id(server, project)]}
        calls = [call(server, project, "POST", json=body) for _ in range(5)]
        answers = await asyncio.gather(*calls)
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]

    async def test_score_configs_are_the_projects_own(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        own, foreign = await config_id(server, project), await config_id(server, other_project)
        for ids in ([], [own, "none"], [own, foreign], ["x"] * 3, [str(n) for n in range(101)]):
            answer = await call(server, project, "POST", json={"name": "q", "scoreConfigIds": ids})
            assert answer.status_code == 400, ids
        assert (await call(server, project, "GET")).json()["data"] == []

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "q"},
            {"name": " ", "scoreConfigIds": ["x"]},
            {"name": "n\x00", "scoreConfigIds": ["x"]},
            {"name": "n" * 256, "scoreConfigIds": ["x"]},
            {"name": 1, "scoreConfigIds": ["x"]},
            {"name": "q", "scoreConfigIds": "x"},
            {"name": "q", "scoreConfigIds": [None]},
            {"name": "q", "scoreConfigIds": ["\x00"]},
            {"name": "q", "scoreConfigIds": ["x"], "description": "d" * 5_001},
            [],
        ],
    )
    async def test_queues_that_are_none(
        self, server: RunningServer, project: ProjectAccess, body: Any
    ) -> None:
        answer = await call(server, project, "POST", json=body)
        assert answer.status_code == 400, answer.text

    async def test_unknown_parameters_are_refused(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        queue = await make_queue(server, project)
        item = await make_item(server, project, queue["id"])
        one, items = f"/{queue['id']}", f"/{queue['id']}/items"
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("GET", one),
            ("GET", items),
            ("POST", items),
            ("GET", f"{items}/{item['id']}"),
            ("PATCH", f"{items}/{item['id']}"),
            ("DELETE", f"{items}/{item['id']}"),
            ("POST", f"{one}/assignments"),
            ("DELETE", f"{one}/assignments"),
        ):
            answer = await call(server, project, method, path, params={"what": "1"})
            assert answer.status_code == 400, (method, path)
            assert answer.json()["error"][0]["code"] == "unrecognized_keys"
        for wrong in ({"page": 0}, {"limit": 101}, {"page": "x"}, {"page": 10**12}):
            assert (await call(server, project, "GET", params=wrong)).status_code == 400
            assert (await call(server, project, "GET", items, params=wrong)).status_code == 400
        assert (await call(server, project, "GET", items, params={"status": "DONE"})).status_code == 400
        assert (await call(server, project, "PUT")).status_code == 405


class TestItems:
    async def test_added_and_listed_by_status(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        queue = await make_queue(server, project)
        first = await make_item(server, project, queue["id"], "t1")
        assert first == {
            "id": first["id"],
            "queueId": queue["id"],
            "objectId": "t1",
            "objectType": "TRACE",
            "status": "PENDING",
            "completedAt": None,
            "createdAt": first["createdAt"],
            "updatedAt": first["createdAt"],
        }
        second = await make_item(
            server, project, queue["id"], "o1", objectType="OBSERVATION", status="COMPLETED"
        )
        assert second["completedAt"] == second["createdAt"]
        third = await make_item(server, project, queue["id"], "s1", objectType="SESSION", status=None)
        path = f"/{queue['id']}/items"
        listed = (await call(server, project, "GET", path)).json()
        assert listed["data"] == [third, second, first]
        assert listed["meta"] == {"page": 1, "limit": 50, "totalItems": 3, "totalPages": 1}
        pending = (
            await call(server, project, "GET", path, params={"status": "PENDING", "limit": 1})
        ).json()
        assert (pending["data"], pending["meta"]["totalItems"]) == ([third], 2)
        assert (await call(server, project, "GET", f"{path}/{first['id']}")).json() == first
        for found in (path, f"{path}/{first['id']}"):
            answer = await call(server, other_project, "GET", found)
            assert (answer.status_code, answer.json()["message"]) == (404, NO_QUEUE)

    async def test_completed_and_put_back(self, server: RunningServer, project: ProjectAccess) -> None:
        queue = await make_queue(server, project)
        item = await make_item(server, project, queue["id"])
        path = f"/{queue['id']}/items/{item['id']}"
        assert (await call(server, project, "PATCH", path, json={})).json() == item
        done = (await call(server, project, "PATCH", path, json={"status": "COMPLETED"})).json()
        assert done["completedAt"] == done["updatedAt"]
        assert done["createdAt"] == item["createdAt"]
        assert (await call(server, project, "PATCH", path, json={"status": "COMPLETED"})).json() == done
        back = (await call(server, project, "PATCH", path, json={"status": "PENDING"})).json()
        assert (back["status"], back["completedAt"]) == ("PENDING", done["completedAt"])
        assert (await call(server, project, "GET", path)).json() == back
        assert (await call(server, project, "PATCH", path, json={"status": "x"})).status_code == 400

    async def test_deleted(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        queue = await make_queue(server, project)
        item = await make_item(server, project, queue["id"])
        path = f"/{queue['id']}/items/{item['id']}"
        assert (await call(server, other_project, "DELETE", path)).status_code == 404
        gone = await call(server, project, "DELETE", path)
        assert (gone.status_code, gone.json()) == (
            200,
            {"success": True, "message": "Annotation queue item deleted successfully"},
        )
        again = await call(server, project, "DELETE", path)
        assert (again.status_code, again.json()["message"]) == (404, NO_ITEM)

    async def test_an_item_is_of_its_queue_only(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        queue, other = await make_queue(server, project), await make_queue(server, project, "other")
        item = await make_item(server, project, queue["id"])
        for method in ("GET", "PATCH", "DELETE"):
            for path, message in (
                (f"/{other['id']}/items/{item['id']}", NO_ITEM),
                (f"/none/items/{item['id']}", NO_QUEUE),
            ):
                answer = await call(server, project, method, path, json={"status": "COMPLETED"})
                assert (answer.status_code, answer.json()["message"]) == (404, message)

    @pytest.mark.parametrize(
        "body",
        [
            {"objectId": "t"},
            {"objectType": "TRACE"},
            {"objectId": "", "objectType": "TRACE"},
            {"objectId": "a\x00", "objectType": "TRACE"},
            {"objectId": "x" * 10_000, "objectType": "TRACE"},
            {"objectId": 1e300, "objectType": "TRACE"},
            {"objectId": "t", "objectType": "PROMPT"},
            {"objectId": "t", "objectType": "TRACE", "status": "DONE"},
        ],
    )
    async def test_items_that_are_none(
        self, server: RunningServer, project: ProjectAccess, body: dict[str, Any]
    ) -> None:
        queue = await make_queue(server, project)
        answer = await call(server, project, "POST", f"/{queue['id']}/items", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]
        missing = await call(server, project, "POST", "/none/items", json={"objectId": "t"} | body)
        assert missing.status_code in (400, 404)


class TestAssignments:
    async def test_made_and_taken_back_any_number_of_times(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        queue, person = await make_queue(server, project), await user_id(server, project)
        path = f"/{queue['id']}/assignments"
        for _ in range(2):
            made = await call(server, project, "POST", path, json={"userId": person})
            assert made.status_code == 200
            assert made.json() == {
                "userId": person,
                "queueId": queue["id"],
                "projectId": project.project_id,
            }
        annotation = server.services.annotation
        project_id = (await server.services.identity.authenticate(project.authorization)).project_id  # type: ignore[union-attr]
        assert await annotation.assigned(project_id, queue["id"]) == [person]
        for _ in range(2):
            gone = await call(server, project, "DELETE", path, json={"userId": person})
            assert (gone.status_code, gone.json()) == (200, {"success": True})
        assert await annotation.assigned(project_id, queue["id"]) == []

    async def test_only_people_who_may_see_the_project(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        queue, stranger = await make_queue(server, project), await user_id(server, other_project)
        path = f"/{queue['id']}/assignments"
        answers = [
            await call(server, project, "POST", path, json={"userId": each})
            for each in (stranger, "nobody")
        ]
        assert [each.status_code for each in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
        assert (await call(server, project, "POST", path, json={})).status_code == 400
        assert (await call(server, project, "DELETE", path, json={"userId": "a\x00"})).status_code == 400
        for method in ("POST", "DELETE"):
            for access, found in ((other_project, path), (project, "/none/assignments")):
                answer = await call(server, access, method, found, json={"userId": stranger})
                assert (answer.status_code, answer.json()["message"]) == (404, NO_QUEUE)


async def test_a_public_key_alone_may_do_nothing(server: RunningServer, project: ProjectAccess) -> None:
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", "/q"),
        ("GET", "/q/items"),
        ("POST", "/q/items"),
        ("GET", "/q/items/i"),
        ("PATCH", "/q/items/i"),
        ("DELETE", "/q/items/i"),
        ("POST", "/q/assignments"),
        ("DELETE", "/q/assignments"),
    ):
        answer = await server.client.request(method, QUEUES + path, headers=public_key_alone(project))
        assert answer.status_code == 403, (method, path)
        assert answer.json() == {"message": "Access denied - insufficient permissions for this endpoint"}
        assert (await server.client.request(method, QUEUES + path)).status_code == 401


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(min_size=1, max_size=40), body=st.binary(max_size=60))
async def test_nothing_a_client_sends_makes_an_error_of_ours(
    server: RunningServer, project: ProjectAccess, path: str, body: bytes
) -> None:
    for method, place in (("GET", f"{path}"), ("PATCH", f"q/items/{path}"), ("POST", f"{path}/items")):
        url = httpx.URL(server.base_url).copy_with(
            raw_path=f"{QUEUES}/".encode() + _quoted(place).encode("ascii")
        )
        answer = await server.client.request(method, url, content=body, headers=project.headers)
        assert answer.status_code < 500, (method, place)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
