"""Prompts over REST: versions, labels, references, the cache, and what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.ids import ProjectId
from lumenspan.prompts import repository
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

V1, V2 = "/api/public/prompts", "/api/public/v2/prompts"
CHAT = [
    {"role": "system", "content": "Be {{tone}}.", "extra": 1},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "{{question}}"},
]


async def create(
    server: RunningServer, access: ProjectAccess, name: str = "greet", prompt: Any = "Hello", **more: Any
) -> dict[str, Any]:
    body = {"name": name, "prompt": prompt} | more
    answer = await server.client.post(V2, json=body, headers=access.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def get(
    server: RunningServer, access: ProjectAccess, name: str = "greet", **params: Any
) -> httpx.Response:
    path = f"{V2}/{quote(name, safe='')}"
    return await server.client.get(path, params=params, headers=access.headers)


async def delete(
    server: RunningServer, access: ProjectAccess, name: str = "greet", **params: Any
) -> httpx.Response:
    path = f"{V2}/{quote(name, safe='')}"
    return await server.client.delete(path, params=params, headers=access.headers)


async def label(
    server: RunningServer, access: ProjectAccess, version: int, *labels: str, name: str = "greet"
) -> httpx.Response:
    path = f"{V2}/{quote(name, safe='')}/versions/{version}"
    return await server.client.patch(path, json={"newLabels": list(labels)}, headers=access.headers)


class TestVersions:
    async def test_they_count_up_and_labels_move(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        first = await create(server, project, labels=["production", "a"], tags=["t"], config={"k": 1})
        assert {
            key: first[key] for key in ("version", "type", "isActive", "config", "tags", "createdBy")
        } == {
            "version": 1,
            "type": "text",
            "isActive": True,
            "config": {"k": 1},
            "tags": ["t"],
            "createdBy": "API",
        }
        assert first["labels"] == ["production", "a", "latest"]
        second = await create(server, project, prompt="Hi", labels=["a"], commitMessage="shorter")
        assert (second["version"], second["labels"], second["tags"]) == (2, ["a", "latest"], ["t"])
        assert (await get(server, project)).json()["prompt"] == "Hello"
        assert (await get(server, project, label="a")).json()["version"] == 2
        assert (await get(server, project, label="latest")).json()["commitMessage"] == "shorter"
        assert (await get(server, project, version=1)).json()["labels"] == ["production"]
        moved = (await label(server, project, 2, "production")).json()
        assert moved["labels"] == ["a", "latest", "production"]
        assert (await get(server, project)).json()["version"] == 2
        assert (await get(server, project, version=1)).json()["labels"] == []

    async def test_tags_are_those_of_all_versions(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await create(server, project, tags=["old"])
        await create(server, project, tags=["new", "new"])
        assert (await get(server, project, version=1)).json()["tags"] == ["new"]
        assert (await get(server, project, version=2)).json()["tags"] == ["new"]

    async def test_chats_keep_messages_and_placeholders(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        made = await create(server, project, "chats/support", CHAT, type="chat", labels=["production"])
        assert made["prompt"] == [{"role": "system", "content": "Be {{tone}}."}, *CHAT[1:]]
        found = (await get(server, project, "chats/support")).json()
        assert (found["type"], found["prompt"], found["resolutionGraph"]) == ("chat", made["prompt"], None)
        again = await server.client.post(
            V2, json={"name": "chats/support", "prompt": "text"}, headers=project.headers
        )
        assert again.status_code == 400

    async def test_at_the_same_time_each_gets_a_number_of_its_own(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        made = await asyncio.gather(*(create(server, project, prompt=f"{at}") for at in range(12)))
        assert sorted(each["version"] for each in made) == list(range(1, 13))
        newest = (await get(server, project, label="latest")).json()
        assert newest["version"] == 12

    async def test_the_first_version_of_the_routes(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        body = {"name": "old", "prompt": "x", "isActive": True}
        assert (await server.client.post(V1, json=body, headers=project.headers)).status_code == 201
        found = await server.client.get(V1, params={"name": "old"}, headers=project.headers)
        assert (found.json()["version"], found.json()["isActive"]) == (1, True)
        missing = {"name": "old", "prompt": "x"}
        assert (await server.client.post(V1, json=missing, headers=project.headers)).status_code == 400
        assert (await server.client.get(V1, headers=project.headers)).status_code == 400


class TestReferences:
    TAG = "@@@langfusePrompt:name=base|label=production@@@"

    async def test_they_are_replaced_by_what_they_stand_for_now(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        base = await create(server, project, "base", "one", labels=["production"])
        pinned = "@@@langfusePrompt:name=base|version=1@@@"
        text = f"{self.TAG} {pinned} @@@langfusePrompt:label=a|name=b@@@"
        made = await create(server, project, prompt=text, labels=["production"])
        found = (await get(server, project)).json()
        assert found["prompt"] == "one one @@@langfusePrompt:label=a|name=b@@@"
        mark = {key: base[key] for key in ("name", "version", "id")}
        assert found["resolutionGraph"] == {
            "root": {key: made[key] for key in ("name", "version", "id")},
            "dependencies": {made["id"]: [mark, mark]},
        }
        assert (await get(server, project, resolve="false")).json()["prompt"] == text
        # What has the label changes: at once, although the answer was cached.
        await create(server, project, "base", "two", labels=["production"])
        assert (await get(server, project)).json()["prompt"].startswith("two one ")

    async def test_what_they_may_not_be(self, server: RunningServer, project: ProjectAccess) -> None:
        await create(server, project, "chat", [], type="chat", labels=["production"])
        for name, tag in (
            ("missing", "@@@langfusePrompt:name=nobody|version=1@@@"),
            ("of a chat", "@@@langfusePrompt:name=chat|label=production@@@"),
            ("self", "@@@langfusePrompt:name=self|label=production@@@"),
        ):
            body = {"name": name, "prompt": tag}
            answer = await server.client.post(V2, json=body, headers=project.headers)
            assert answer.status_code == 400, name
        await create(server, project, "a", "end", labels=["production"])
        await create(
            server, project, "b", "@@@langfusePrompt:name=a|label=production@@@", labels=["production"]
        )
        back = {"name": "a", "prompt": "@@@langfusePrompt:name=b|label=production@@@"}
        answer = await server.client.post(V2, json=back, headers=project.headers)
        assert answer.status_code == 400
        assert "Circular" in answer.json()["message"]

    async def test_they_end_after_some_steps(self, server: RunningServer, project: ProjectAccess) -> None:
        await create(server, project, "p0", "end", labels=["production"])
        for step in range(1, 5):
            await create(
                server,
                project,
                f"p{step}",
                f"@@@langfusePrompt:name=p{step - 1}|label=production@@@",
                labels=["production"],
            )
        assert (await get(server, project, "p4")).json()["prompt"] == "end"
        body = {"name": "p5", "prompt": "@@@langfusePrompt:name=p4|label=production@@@"}
        assert (await server.client.post(V2, json=body, headers=project.headers)).status_code == 400

    async def test_what_others_depend_on_is_not_deleted(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await create(server, project, "base", "one", labels=["production"])
        await create(server, project, "base", "two")
        await create(server, project, prompt=self.TAG, labels=["production"])
        for params in ({"version": 1}, {"label": "production"}, {}):
            answer = await delete(server, project, "base", **params)
            assert answer.status_code == 400
            assert "depending on" in answer.json()["message"]
        assert (await delete(server, project, "base", version=2)).status_code == 204
        assert (await get(server, project, "base", label="latest")).json()["version"] == 1
        assert (await delete(server, project)).status_code == 204
        assert (await delete(server, project, "base")).status_code == 204
        assert (await get(server, project, "base")).status_code == 404
        assert (await delete(server, project, "base")).status_code == 404


class TestCache:
    async def test_a_hot_prompt_costs_no_query_and_a_change_is_seen_at_once(
        self, server: RunningServer, project: ProjectAccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads: list[str] = []
        whole = repository.find

        async def find(session: Any, project_id: ProjectId, name: str, *more: Any) -> Any:
            reads.append(name)
            return await whole(session, project_id, name, *more)

        monkeypatch.setattr(repository, "find", find)
        await create(server, project, labels=["production"])
        for _ in range(5):
            assert (await get(server, project)).json()["version"] == 1
        assert reads == ["greet"]
        for version in range(2, 6):
            await create(server, project, labels=["production"])
            assert (await get(server, project)).json()["version"] == version
        await label(server, project, 1, "production")
        assert (await get(server, project)).json()["version"] == 1
        await delete(server, project, version=1)
        assert (await get(server, project)).status_code == 404

    async def test_a_reader_that_was_overtaken_leaves_nothing_stale(
        self, server: RunningServer, project: ProjectAccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await create(server, project, labels=["production"])
        has_read, may_go_on = asyncio.Event(), asyncio.Event()
        whole = repository.find

        async def find(*arguments: Any) -> Any:
            found = await whole(*arguments)
            if not has_read.is_set():
                has_read.set()
                await may_go_on.wait()
            return found

        monkeypatch.setattr(repository, "find", find)
        slow = asyncio.create_task(get(server, project))
        await has_read.wait()
        await create(server, project, labels=["production"])
        may_go_on.set()
        assert (await slow).json()["version"] == 1
        assert (await get(server, project)).json()["version"] == 2


class TestLists:
    async def names(self, server: RunningServer, access: ProjectAccess, **params: Any) -> list[str]:
        answer = await server.client.get(V2, params=params, headers=access.headers)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()["data"]]

    async def test_filters_and_pages(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await create(server, project, "b", labels=["production"], tags=["x"], config={"model": "m1"})
        await create(server, project, "b", labels=["staging"], config={"model": "m2"})
        await create(server, project, "a", tags=["y"])
        await create(server, project, "c/d", [], type="chat")
        await create(server, other_project, "foreign")
        body = (await server.client.get(V2, params={"limit": 2}, headers=project.headers)).json()
        assert body["meta"] == {"page": 1, "limit": 2, "totalItems": 3, "totalPages": 2}
        assert body["pagination"] == body["meta"]
        second = body["data"][1]
        assert (second["name"], second["versions"], second["lastConfig"]) == ("b", [1, 2], {"model": "m2"})
        assert second["labels"] == ["latest", "production", "staging"]
        assert await self.names(server, project, page=2, limit=2) == ["c/d"]
        assert await self.names(server, project, label="production") == ["b"]
        assert await self.names(server, project, tag="y") == ["a"]
        assert await self.names(server, project, name="b", version=2) == ["b"]
        assert await self.names(server, project, fromUpdatedAt="2100-01-01T00:00:00Z") == []
        for condition, found in (
            ({"type": "string", "column": "name", "operator": "starts with", "value": "C"}, ["c/d"]),
            ({"type": "stringOptions", "column": "type", "operator": "any of", "value": ["chat"]}, ["c/d"]),
            ({"type": "number", "column": "version", "operator": ">", "value": 1}, ["b"]),
            (
                {"type": "arrayOptions", "column": "labels", "operator": "all of", "value": ["staging"]},
                ["b"],
            ),
            (
                {
                    "type": "stringObject",
                    "column": "config",
                    "key": "model",
                    "operator": "=",
                    "value": "m1",
                },
                ["b"],
            ),
            (
                {"type": "stringObject", "column": "config", "key": "model", "operator": "is not set"},
                ["a", "c/d"],
            ),
            (
                {
                    "type": "datetime",
                    "column": "createdAt",
                    "operator": "<",
                    "value": "2100-01-01T00:00:00Z",
                },
                ["a", "b", "c/d"],
            ),
        ):
            assert await self.names(server, project, filter=json.dumps([condition]), name="none") == found

    @given(
        text=st.one_of(st.text(max_size=30), st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
    )
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_any_filter_is_answered_or_refused(
        self, server: RunningServer, project: ProjectAccess, text: str
    ) -> None:
        answer = await server.client.get(V2, params={"filter": text}, headers=project.headers)
        assert answer.status_code in (200, 400)


class TestRefusals:
    @pytest.mark.parametrize(
        "change",
        [
            {"name": " "},
            {"name": "<b>x</b>"},
            {"name": "/a"},
            {"name": "a//b"},
            {"name": "a|b"},
            {"name": "new"},
            {"labels": ["UPPER"]},
            {"labels": ["x" * 37]},
            {"prompt": 7},
            {"prompt": []},
            {"type": "chat"},
            {"type": "chat", "prompt": [{"role": "user"}]},
            {"type": "chat", "prompt": [{"type": "placeholder", "name": "1a"}]},
            {
                "type": "chat",
                "prompt": [{"type": "placeholder", "name": "a"}, {"role": "user", "content": "{{a}}"}],
            },
            {"type": "poem"},
            {"commitMessage": "x" * 501},
        ],
    )
    async def test_what_does_not_fit(
        self, server: RunningServer, project: ProjectAccess, change: dict[str, Any]
    ) -> None:
        body = {"name": "n", "prompt": "p"} | change
        answer = await server.client.post(V2, json=body, headers=project.headers)
        assert answer.status_code == 400, answer.text

    async def test_what_is_not_there_or_asked_for_twice(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await create(server, project, labels=["production"])
        missing = await get(server, other_project)
        assert missing.status_code == 404
        assert missing.json()["message"] == "Prompt not found: 'greet' with label 'production'"
        assert "with version 9" in (await get(server, project, version=9)).json()["message"]
        assert (await get(server, project, version=1, label="a")).status_code == 400
        assert (await delete(server, project, version=1, label="a")).status_code == 400
        assert (await label(server, project, 1, "latest")).status_code == 400
        assert (await label(server, project, 9, "a")).status_code == 404
        assert (await label(server, other_project, 1, "a")).status_code == 404
        assert (await delete(server, other_project)).status_code == 404

    async def test_keys(self, server: RunningServer, project: ProjectAccess) -> None:
        assert (await server.client.get(V2)).status_code == 401
        alone = {"Authorization": f"Bearer {project.public_key}"}
        assert (await server.client.get(f"{V2}/greet", headers=alone)).status_code == 403
        assert (await server.client.post(V2, json={}, headers=alone)).status_code == 403
