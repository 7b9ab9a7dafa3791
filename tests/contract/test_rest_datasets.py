"""Datasets over REST: items with every state of theirs, schemas, runs, and what is refused."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.clock import iso_to_nanos, nanos_to_iso
from lumenspan.datasets.domain import run_id
from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.media.domain import Field, FileMark, TraceLink
from lumenspan.media.extract import File
from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer

V1, V2 = "/api/public/datasets", "/api/public/v2/datasets"
ITEMS, RUN_ITEMS = "/api/public/dataset-items", "/api/public/dataset-run-items"
SCHEMA = {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}


async def post(server: RunningServer, access: ProjectAccess, path: str, **body: Any) -> httpx.Response:
    return await server.client.post(path, json=body, headers=access.headers)


async def made(server: RunningServer, access: ProjectAccess, path: str, **body: Any) -> dict[str, Any]:
    answer = await post(server, access, path, **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def get(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> httpx.Response:
    return await server.client.get(path, params=params, headers=access.headers)


async def item_ids(server: RunningServer, access: ProjectAccess, **params: Any) -> list[str]:
    answer = await get(server, access, ITEMS, **params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


class TestDatasets:
    async def test_made_changed_and_listed(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        first = await made(server, project, V2, name="eval/qa", description="d", metadata={"k": 1})
        assert (first["name"], first["inputSchema"], first["projectId"]) == (
            "eval/qa",
            None,
            project.project_id,
        )
        again = await made(server, project, V2, name="eval/qa", description="new", inputSchema=SCHEMA)
        assert (again["id"], again["description"], again["metadata"]) == (first["id"], "new", {"k": 1})
        kept = await made(server, project, V2, name="eval/qa")
        assert kept["inputSchema"] == SCHEMA
        assert (await made(server, project, V2, name="eval/qa", inputSchema=None))["inputSchema"] is None
        await made(server, project, V1, name="second")
        listed = (await get(server, project, V2, limit=1)).json()
        assert (listed["data"][0]["name"], listed["meta"]["totalItems"]) == ("second", 2)
        assert (await get(server, project, f"{V2}/{quote('eval/qa', safe='')}")).json()["id"] == first["id"]
        missing = await get(server, other_project, f"{V2}/eval%2Fqa")
        assert (missing.status_code, missing.json()["message"]) == (404, "Dataset not found")

    @pytest.mark.parametrize("name", ["", " ", "/a", "a/", "a//b", "a|b", "x" * 256])
    async def test_names_that_are_none(
        self, server: RunningServer, project: ProjectAccess, name: str
    ) -> None:
        answer = await post(server, project, V2, name=name)
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("Dataset name not valid")

    async def test_schemas_hold_for_items(self, server: RunningServer, project: ProjectAccess) -> None:
        await made(server, project, V2, name="d")
        for number in range(12):
            await made(server, project, ITEMS, datasetName="d", id=f"i{number}", input={"a": number})
        refused = await post(server, project, V2, name="d", inputSchema=SCHEMA)
        assert refused.status_code == 400
        assert refused.json()["message"].startswith("Schema validation failed for 12 item(s)")
        schemas: tuple[Any, ...] = ({"type": "thing"}, [], "text", {"$ref": "#/nowhere"})
        for wrong in schemas:
            answer = await post(server, project, V2, name="d", inputSchema=wrong)
            assert answer.status_code == 400, wrong
        await made(server, project, V2, name="strict", inputSchema=SCHEMA)
        assert (await post(server, project, ITEMS, datasetName="strict", input={"q": 1})).status_code == 400
        await made(server, project, ITEMS, datasetName="strict", input={"q": "x"})

    async def test_a_schema_never_makes_the_server_fetch_anything(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        schema = {"$ref": "http://127.0.0.1:1/schema.json"}
        await made(server, project, V2, name="remote", inputSchema=schema)
        answer = await post(server, project, ITEMS, datasetName="remote", input={"q": 1})
        assert answer.status_code == 400
        assert "cannot be followed" in answer.json()["message"]


class TestItems:
    async def test_what_is_not_said_stays(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await made(server, project, V2, name="d")
        first = await made(
            server,
            project,
            ITEMS,
            datasetName="d",
            id="folder/i",
            input='{"q": 1}',
            expectedOutput="",
            metadata={"n": 2**60, "bad\x01": "a\x00b"},
            sourceTraceId="t",
        )
        assert (first["input"], first["expectedOutput"]) == ({"q": 1}, None)
        assert first["metadata"] == {"n": str(2**60), "bad": "ab"}
        assert (first["status"], first["sourceTraceId"], first["mediaReferences"]) == ("ACTIVE", "t", [])
        changed = await made(server, project, ITEMS, id="folder/i", status="ARCHIVED", expectedOutput=[1])
        assert (changed["input"], changed["expectedOutput"], changed["status"]) == (
            {"q": 1},
            [1],
            "ARCHIVED",
        )
        assert changed["createdAt"] == first["createdAt"]
        assert changed["updatedAt"] > first["updatedAt"]
        assert await item_ids(server, project, datasetName="d") == []
        path = f"{ITEMS}/{quote('folder/i', safe='')}"
        assert (await get(server, project, path)).json() == changed
        assert (await get(server, other_project, path)).status_code == 404
        await made(server, project, ITEMS, id="folder/i", status="ACTIVE")
        assert await item_ids(server, project, sourceTraceId="t") == ["folder/i"]
        await made(server, project, V2, name="other")
        conflict = await post(server, project, ITEMS, datasetName="other", id="folder/i", input=1)
        assert conflict.status_code == 409

    async def test_the_past_is_kept(self, server: RunningServer, project: ProjectAccess) -> None:
        await made(server, project, V2, name="d")
        one = await made(server, project, ITEMS, datasetName="d", id="one", input=1)
        two = await made(server, project, ITEMS, datasetName="d", id="two", input=2)
        await made(server, project, ITEMS, datasetName="d", id="one", input=10)
        assert (await server.client.delete(f"{ITEMS}/two", headers=project.headers)).status_code == 200
        assert await item_ids(server, project, datasetName="d") == ["one"]
        past = (await get(server, project, ITEMS, datasetName="d", version=two["version"])).json()
        assert {row["id"]: row["input"] for row in past["data"]}["two"] == 2
        assert await item_ids(server, project, datasetName="d", version=_after(one["createdAt"], -1)) == []
        assert (await get(server, project, f"{ITEMS}/two")).status_code == 404
        assert (await server.client.delete(f"{ITEMS}/two", headers=project.headers)).status_code == 404
        again = await made(server, project, ITEMS, datasetName="d", id="two", input=20)
        assert again["updatedAt"] > two["updatedAt"]
        assert (await get(server, project, ITEMS, version="2026-01-01T00:00:00Z")).status_code == 400

    async def test_files_are_named_and_have_to_be_there(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await made(server, project, V2, name="d")
        data = os.urandom(200)
        file = File(FileMark.of("image/png", data), data)
        link = TraceLink(TraceId("t"), ObservationId(""), Field.INPUT)
        await server.services.media.keep(
            ProjectId(project.project_id), [file], [(file.mark.media_id, link)]
        )
        text = f"@@@langfuseMedia:type=image/png|id={file.mark.media_id}|source=bytes@@@"
        found = await made(server, project, ITEMS, datasetName="d", input={"picture": ["see", text]})
        (reference,) = found["mediaReferences"]
        assert (reference["field"], reference["jsonPath"], reference["referenceString"]) == (
            "input",
            "$['picture'][1]",
            text,
        )
        assert reference["media"]["contentLength"] == 200
        unknown = text.replace(file.mark.media_id, "A" * 22)
        answer = await post(server, project, ITEMS, datasetName="d", input=unknown)
        assert answer.status_code == 400
        assert "references unknown media" in answer.json()["message"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"datasetName": "none", "input": 1}, 404),
            ({"input": 1}, 400),
            ({"datasetName": "d"}, 400),
            ({"datasetName": "d", "input": None}, 400),
            ({"datasetName": "d", "id": "", "input": 1}, 400),
            ({"datasetName": "d", "id": "x" * 256, "input": 1}, 400),
            ({"datasetName": "d", "input": 1, "status": "LOST"}, 400),
            ({"datasetName": "d", "id": "given", "input": None}, 200),
        ],
    )
    async def test_what_does_not_fit(
        self, server: RunningServer, project: ProjectAccess, body: dict[str, Any], status: int
    ) -> None:
        await made(server, project, V2, name="d")
        assert (await post(server, project, ITEMS, **body)).status_code == status

    @given(
        value=st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda each: (
                st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3)
            ),
            max_leaves=8,
        )
    )
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_any_json_is_stored_or_refused(
        self, server: RunningServer, project: ProjectAccess, value: Any
    ) -> None:
        await made(server, project, V2, name="any")
        answer = await post(server, project, ITEMS, datasetName="any", id="i", input=value, metadata=value)
        assert answer.status_code in (200, 400), answer.text


class TestRuns:
    async def test_they_are_made_with_their_first_item(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        dataset = await made(server, project, V2, name="d/e")
        for number in range(2):
            await made(server, project, ITEMS, datasetName="d/e", id=f"i{number}", input=number)
        span = observation(project.project_id, trace_id="t1", id="o1")
        await insert(server.services.clickhouse, [span])
        body = {"runName": "r 1", "datasetItemId": "i0", "traceId": "t0"}
        first = await made(server, project, RUN_ITEMS, **body, runDescription="why", metadata=["m"])
        second = await made(
            server, project, RUN_ITEMS, runName="r 1", datasetItemId="i1", observationId="o1"
        )
        assert (
            first["datasetRunId"]
            == second["datasetRunId"]
            == run_id(project.project_id, dataset["id"], "r 1")
        )
        assert (second["traceId"], second["observationId"]) == ("t1", "o1")
        name = quote("d/e", safe="")
        runs = (await get(server, project, f"{V1}/{name}/runs")).json()
        assert [(run["name"], run["description"], run["metadata"]) for run in runs["data"]] == [
            ("r 1", "why", {"metadata": ["m"]})
        ]
        whole = (await get(server, project, f"{V1}/{name}/runs/r%201")).json()
        assert [row["datasetItemId"] for row in whole["datasetRunItems"]] == ["i1", "i0"]
        listed = await get(server, project, RUN_ITEMS, datasetId=dataset["id"], runName="r 1", limit=1)
        assert (len(listed.json()["data"]), listed.json()["meta"]["totalItems"]) == (1, 2)
        old = (await get(server, project, f"{V1}/{name}")).json()
        assert ([item["id"] for item in old["items"]], old["runs"]) == (["i1", "i0"], ["r 1"])
        assert (await get(server, project, V1)).json()["data"][0]["items"] == ["i1", "i0"]
        foreign = await get(server, other_project, RUN_ITEMS, datasetId=dataset["id"], runName="r 1")
        assert foreign.status_code == 404
        gone = await server.client.delete(f"{V1}/{name}/runs/r%201", headers=project.headers)
        assert gone.json() == {"message": "Dataset run successfully deleted"}
        assert (await get(server, project, f"{V1}/{name}/runs/r%201")).status_code == 404

    async def test_what_is_refused(self, server: RunningServer, project: ProjectAccess) -> None:
        await made(server, project, V2, name="d")
        await made(server, project, ITEMS, datasetName="d", id="old", input=1, status="ARCHIVED")
        for body, status in (
            ({"runName": "r", "datasetItemId": "none", "traceId": "t"}, 404),
            ({"runName": "r", "datasetItemId": "old", "traceId": "t"}, 404),
            ({"runName": "r", "datasetItemId": "old"}, 400),
            ({"runName": "r", "datasetItemId": "old", "observationId": "none"}, 404),
            ({"runName": "", "datasetItemId": "old", "traceId": "t"}, 400),
            ({"runName": "r", "datasetItemId": "old", "traceId": "t", "colour": 1}, 400),
        ):
            assert (await post(server, project, RUN_ITEMS, **body)).status_code == status, body
        assert (await get(server, project, RUN_ITEMS, runName="r")).status_code == 400
        assert (await server.client.delete(f"{V1}/d", headers=project.headers)).status_code == 404


async def test_keys(server: RunningServer, project: ProjectAccess) -> None:
    alone = {"Authorization": f"Bearer {project.public_key}"}
    for path in (V1, V2, f"{V2}/d", ITEMS, f"{ITEMS}/i", RUN_ITEMS, f"{V1}/d/runs"):
        assert (await server.client.get(path)).status_code == 401
        assert (await server.client.get(path, headers=alone)).status_code == 403


def _after(text: str, seconds: int = 0) -> str:
    """The end of that millisecond, or some seconds before or behind it."""
    return nanos_to_iso(iso_to_nanos(text) + 999_999 + seconds * 1_000_000_000)
