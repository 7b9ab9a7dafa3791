"""``POST /api/public/scores`` in both shapes, from the call to what is read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from lumenspan.scores.configs import ScoreConfigService
from lumenspan.scores.domain import Category, DataType, Score, ScoreConfigChange
from tests.conftest import ProjectAccess
from tests.integration.ingest.conftest import Clients
from tests.integration.ingest_events.test_http import Reader
from tests.support import eventually
from tests.unit.ingest_events.build import sent

pytestmark = pytest.mark.engines

URL = "/api/public/scores"


def score(**given: Any) -> dict[str, Any]:
    return {"id": "s", "traceId": "t", "name": "quality", "value": 0.5, **given}


async def read(reader: Reader, score_id: str = "s", **expected: Any) -> Score:
    """The score, once it is as expected."""

    async def there() -> Score | None:
        try:
            found = await reader.scores.get(reader.project, score_id)
        except NotFound:
            return None
        return found if all(getattr(found, name) == value for name, value in expected.items()) else None

    found = await eventually(there)
    assert found is not None
    return found


class TestObject:
    async def test_it_is_answered_with_its_id_and_read_back(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        body = score(
            observationId="o", comment="why", metadata={"a": {"b": 1}}, environment="Prod", queueId="q"
        )
        answer = await http.post(URL, json=body, headers=project.headers)
        assert (answer.status_code, answer.json()) == (200, {"id": "s"})
        await read(reader)
        for url in (f"{URL}/s", "/api/public/v2/scores/s"):
            row = (await http.get(url, headers=project.headers)).json()
            assert row["value"] == 0.5
            assert {name: row[name] for name in ("name", "dataType", "source", "traceId")} == {
                "name": "quality",
                "dataType": "NUMERIC",
                "source": "API",
                "traceId": "t",
            }
            assert (row["observationId"], row["comment"], row["queueId"]) == ("o", "why", "q")
            assert (row["environment"], row["metadata"]) == ("prod", {"a": '{"b":1}'})
            assert (row["sessionId"], row["authorUserId"], row["configId"]) == (None, None, None)

    async def test_without_an_id_it_gets_one(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        for id_ in (None, ""):
            answer = await http.post(URL, json=score(id=id_), headers=project.headers)
            assert answer.status_code == 200
            await read(reader, answer.json()["id"])

    async def test_the_same_id_again_is_an_update(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        await http.post(URL, json=score(comment="first"), headers=project.headers)
        await http.post(URL, json=score(name="renamed", value="good"), headers=project.headers)
        found = await read(reader, name="renamed")
        assert (found.string_value, found.comment) == ("good", "first")
        assert await reader.scores.by_traces(reader.project, ["t"]) == [found]

    @pytest.mark.parametrize(
        ("given", "path"),
        [
            ({"value": "x", "dataType": "NUMERIC"}, ["value"]),
            ({"sessionId": "s"}, []),
            ({"source": "EVAL"}, ["source"]),
            ({"source": "ANNOTATION"}, ["configId"]),
            ({"traceId": None, "sessionId": "s", "observationId": "o"}, ["observationId"]),
            ({"dataType": "TEXT", "value": "x" * 501}, ["value"]),
            ({"configId": "nowhere"}, ["configId"]),
            ({"timestamp": "yesterday"}, ["timestamp"]),
        ],
    )
    async def test_what_does_not_fit(
        self, http: httpx.AsyncClient, project: ProjectAccess, given: dict[str, Any], path: list[str]
    ) -> None:
        answer = await http.post(URL, json=score(**given), headers=project.headers)
        assert answer.status_code == 400
        body = answer.json()
        assert body["message"] == "Invalid request data"
        assert body["error"][0]["path"] == path
        assert body["error"][0]["message"]

    @pytest.mark.parametrize("body", [b"", b"5", b'"x"', b"{"])
    async def test_neither_object_nor_list(
        self, http: httpx.AsyncClient, project: ProjectAccess, body: bytes
    ) -> None:
        answer = await http.post(URL, content=body, headers=project.headers)
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("Invalid request data")

    async def test_kinds_that_the_older_route_does_not_know(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        session = score(id="of-session", traceId=None, sessionId="x")
        correction = score(id="correction", dataType="CORRECTION", value="better", name="any")
        for body in (session, correction):
            assert (await http.post(URL, json=body, headers=project.headers)).status_code == 200
            await read(reader, body["id"])
            assert (await http.get(f"{URL}/{body['id']}", headers=project.headers)).status_code == 404
        row = (await http.get("/api/public/v2/scores/correction", headers=project.headers)).json()
        assert (row["name"], row["value"], row["stringValue"]) == ("output", 0, "better")


class TestList:
    async def test_all_are_taken(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        """As the current Python SDK sends them."""
        items = [
            score(id="a", dataType="BOOLEAN", value=1.0, timestamp="2026-03-01T12:00:00.000001+00:00"),
            score(id="b", dataType="CATEGORICAL", value="good", timestamp="2026-03-01T13:00:00+01:00"),
        ]
        answer = await http.post(URL, json=items, headers=project.headers)
        assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"})
        first, second = await read(reader, "a"), await read(reader, "b")
        assert first.timestamp_ns - second.timestamp_ns == 1_000
        assert first.string_value == "True"

    async def test_some_are_taken(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        items = [score(id="bad", value=None), score(id="good"), score(id="none", configId="nowhere"), 7]
        answer = await http.post(URL, json=items, headers=project.headers)
        assert answer.status_code == 207
        body = answer.json()
        assert (body["accepted"], body["rejected"]) == (1, 3)
        assert ["value" in body["errors"][0]["message"], "nowhere" in body["errors"][1]["message"]] == [
            True,
            True,
        ]
        await read(reader, "good")

    async def test_none(self, http: httpx.AsyncClient, project: ProjectAccess) -> None:
        assert (await http.post(URL, json=[], headers=project.headers)).status_code == 202
        answer = await http.post(URL, json=[{}], headers=project.headers)
        assert (answer.status_code, answer.json()["accepted"]) == (207, 0)

    async def test_the_later_of_the_same_id_wins(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        await http.post(URL, json=[score(value=1), score(value=2)], headers=project.headers)
        await read(reader, value=2)


class TestBrowsers:
    async def test_a_public_key_alone_is_enough_from_any_origin(
        self, http: httpx.AsyncClient, project: ProjectAccess, reader: Reader
    ) -> None:
        origin = {"Origin": "https://shop.example.com"}
        preflight = await http.options(
            URL,
            headers={
                **origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin["Origin"]
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        headers = {**origin, "Authorization": f"Bearer {project.public_key}"}
        answer = await http.post(URL, json=score(), headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin["Origin"]
        await read(reader)
        # It may write scores, and read nothing.
        assert (await http.get(f"{URL}/s", headers=headers)).status_code == 403

    @pytest.mark.parametrize("authorization", [None, "Bearer pk-lf-nobody", "Basic eDp5"])
    async def test_unknown_callers(self, http: httpx.AsyncClient, authorization: str | None) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        answer = await http.post(URL, json=score(), headers=headers)
        assert answer.status_code == 401
        assert list(answer.json()) == ["message"]

    async def test_another_project_sees_nothing(
        self,
        http: httpx.AsyncClient,
        project: ProjectAccess,
        other_project: ProjectAccess,
        reader: Reader,
    ) -> None:
        await http.post(URL, json=score(), headers=project.headers)
        await read(reader)
        answer = await http.get("/api/public/v2/scores/s", headers=other_project.headers)
        assert (answer.status_code, answer.json()["message"]) == (404, "Score not found")


class TestConfigs:
    async def test_scores_follow_their_config_or_are_refused_at_once(
        self, http: httpx.AsyncClient, project: ProjectAccess, clients: Clients, reader: Reader
    ) -> None:
        configs = ScoreConfigService(clients.postgres)
        config = await configs.create(
            reader.project,
            "Tone",
            DataType.CATEGORICAL,
            categories=[Category("good", 2), Category("bad", -2)],
        )
        answer = await http.post(
            URL,
            json=score(configId=config.id, value="bad", name="any", source="ANNOTATION"),
            headers=project.headers,
        )
        assert answer.status_code == 200
        found = await read(reader)
        assert (found.name, found.value, found.string_value) == ("Tone", -2, "bad")
        assert (found.source, found.config_id) == ("ANNOTATION", config.id)

        events = [
            sent("score-create", score(id="1", configId=config.id, value="ugly"), id="unknown category"),
            sent("score-create", score(id="2", configId=config.id, value="good"), id="fits"),
            sent("score-create", score(id="3", configId=config.id, value=1), id="type"),
        ]
        batch = await http.post("/api/public/ingestion", json={"batch": events}, headers=project.headers)
        assert batch.json()["successes"] == [{"id": "fits", "status": 201}]
        assert [each["id"] for each in batch.json()["errors"]] == ["unknown category", "type"]

        await configs.update(reader.project, config.id, ScoreConfigChange(is_archived=True))
        archived = await http.post(
            URL, json=score(configId=config.id, value="good"), headers=project.headers
        )
        assert archived.status_code == 400
        assert "archived" in archived.json()["error"][0]["message"]

    async def test_configs_of_another_project_do_not_exist(
        self,
        http: httpx.AsyncClient,
        project: ProjectAccess,
        other_project: ProjectAccess,
        clients: Clients,
    ) -> None:
        theirs = await ScoreConfigService(clients.postgres).create(
            ProjectId(other_project.project_id), "Theirs", DataType.NUMERIC
        )
        answer = await http.post(URL, json=score(configId=theirs.id), headers=project.headers)
        assert answer.status_code == 400
