"""Lists of scores in their three versions, deletion, configs, sessions, and scores within traces."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

V1, V2, V3 = (f"/api/public/{version}scores" for version in ("", "v2/", "v3/"))
CONFIGS, SESSIONS = "/api/public/score-configs", "/api/public/sessions"
NOW = 1_780_000_000 * SECOND_NS


async def get(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> httpx.Response:
    return await server.client.get(path, params=params, headers=access.headers)


async def ids(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> list[str]:
    answer = await get(server, access, path, **params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


@pytest.fixture
async def seeded(server: RunningServer, project: ProjectAccess) -> None:
    """One score of each kind; ``number`` is the newest. The trace is ann's."""
    made = [
        score(project.project_id, timestamp=NOW - number * SECOND_NS, **each)
        for number, each in enumerate(
            (
                {"id": "number", "trace_id": "t", "value": 0.5, "name": "quality", "config_id": "c"},
                {"id": "flag", "trace_id": "t", "observation_id": "o", "data_type": "BOOLEAN", "value": 1}
                | {"string_value": "True"},
                {
                    "id": "word",
                    "trace_id": "t",
                    "data_type": "CATEGORICAL",
                    "string_value": "warm",
                    "value": 2,
                }
                | {"metadata": {"by": "me"}, "environment": "prod"},
                {"id": "text", "trace_id": "t", "data_type": "TEXT", "string_value": "a note", "value": 0},
                {"id": "mended", "trace_id": "t", "data_type": "CORRECTION", "long_string_value": "better"}
                | {"value": 0, "name": "output", "source": "ANNOTATION"},
                {"id": "talk", "session_id": "s", "value": 3},
                {"id": "trial", "dataset_run_id": "r", "value": 4},
            )
        )
    ]
    await insert_scores(server.services.clickhouse, made)
    root = observation(
        project.project_id,
        trace_id="t",
        id="o",
        user_id="ann",
        tags=["a", "b"],
        session_id="s",
        trace_name="flow",
        start_time=NOW,
    )
    await insert(server.services.clickhouse, [root])


_BY_ME = '[{"type":"stringObject","column":"metadata","key":"by","operator":"=","value":"me"}]'
ALL = ["number", "flag", "word", "text", "mended", "talk", "trial"]
OF_TRACES = ["number", "flag", "word", "text"]


@pytest.mark.usefixtures("seeded")
class TestLists:
    async def test_pages_and_what_each_version_knows(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        assert await ids(server, project, V1) == OF_TRACES
        assert await ids(server, project, V2) == ALL
        assert await ids(server, project, V3) == ALL
        page = (await get(server, project, V2, page=2, limit=3)).json()
        assert page["meta"] == {"page": 2, "limit": 3, "totalItems": 7, "totalPages": 3}
        assert [row["id"] for row in page["data"]] == ALL[3:6]
        for path in (V1, V2, V3):
            assert await ids(server, other_project, path) == []

    async def test_cursors_meet_every_score_once(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        seen, params = [], {"limit": 3}
        while True:
            answer = (await get(server, project, V3, **params)).json()
            seen += [row["id"] for row in answer["data"]]
            if "cursor" not in answer["meta"]:
                break
            params["cursor"] = answer["meta"]["cursor"]
        assert seen == ALL
        assert "cursor" not in (await get(server, project, V3, limit=7)).json()["meta"]

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"name": "quality"}, ["number"]),
            ({"dataType": "BOOLEAN"}, ["flag"]),
            ({"source": "ANNOTATION"}, ["mended"]),
            ({"scoreIds": "flag,talk"}, ["flag", "talk"]),
            ({"sessionId": "s"}, ["talk"]),
            ({"datasetRunId": "r"}, ["trial"]),
            ({"traceId": "t", "observationId": "o"}, ["flag"]),
            ({"configId": "c"}, ["number"]),
            ({"environment": "prod"}, ["word"]),
            ({"operator": ">=", "value": "3"}, ["talk", "trial"]),
            ({"operator": "!=", "value": "0"}, ["number", "flag", "word", "talk", "trial"]),
            ({"operator": ">"}, ALL),
            ({"userId": "ann"}, ["number", "flag", "word", "text", "mended"]),
            ({"traceTags": "a,b"}, ["number", "flag", "word", "text", "mended"]),
            ({"traceTags": "a,c"}, []),
            (
                {"filter": '[{"type":"string","column":"stringValue","operator":"=","value":"warm"}]'},
                ["word"],
            ),
            (
                {
                    "filter": '[{"type":"string","column":"traceName","operator":"=","value":"flow"}]',
                    "limit": 1,
                },
                ["number"],
            ),
            (
                {"filter": _BY_ME},
                ["word"],
            ),
        ],
    )
    async def test_v2_filters(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, Any], found: list[str]
    ) -> None:
        assert await ids(server, project, V2, **params) == found

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"name": "quality,output"}, ["number", "mended"]),
            ({"dataType": "numeric,BOOLEAN"}, ["number", "flag", "talk", "trial"]),
            ({"dataType": "NUMERIC", "valueMin": "1", "valueMax": "3"}, ["talk"]),
            ({"dataType": "NUMERIC", "value": "0.5"}, ["number"]),
            ({"dataType": "BOOLEAN", "value": "true"}, ["flag"]),
            ({"dataType": "BOOLEAN", "value": "false"}, []),
            ({"dataType": "CATEGORICAL", "value": "warm,cold"}, ["word"]),
            ({"traceId": "t", "observationId": "o"}, ["flag"]),
            ({"sessionId": "s"}, ["talk"]),
            ({"experimentId": "r"}, ["trial"]),
        ],
    )
    async def test_v3_filters(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, Any], found: list[str]
    ) -> None:
        assert await ids(server, project, V3, **params) == found

    async def test_rows(self, server: RunningServer, project: ProjectAccess) -> None:
        rows = {row["id"]: row for row in (await get(server, project, V2)).json()["data"]}
        assert rows["number"]["trace"] == {
            "userId": "ann",
            "tags": ["a", "b"],
            "environment": "default",
            "sessionId": "s",
        }
        assert rows["talk"]["trace"] is None
        assert "value" not in rows["text"]
        assert (rows["mended"]["value"], rows["mended"]["stringValue"]) == (0, "better")
        assert "trace" not in (await get(server, project, V2, fields="score")).json()["data"][0]
        groups = {"fields": "details,subject,annotation"}
        third = {row["id"]: row for row in (await get(server, project, V3, **groups)).json()["data"]}
        assert [third[id_]["value"] for id_ in ALL] == [0.5, True, "warm", "a note", "better", 3, 4]
        assert third["flag"]["subject"] == {"kind": "observation", "id": "o", "traceId": "t"}
        assert third["trial"]["subject"] == {"kind": "experiment", "id": "r"}
        assert third["word"]["metadata"] == {"by": "me"}
        assert "subject" not in (await get(server, project, V3)).json()["data"][0]

    @pytest.mark.parametrize(
        ("path", "params"),
        [
            (V2, {"operator": "op", "value": "1"}),
            (V2, {"operator": ">", "value": "much"}),
            (V2, {"fields": "trace"}),
            (V2, {"fields": "score", "userId": "ann"}),
            (V2, {"page": "0"}),
            (V2, {"filter": "{"}),
            (V3, {"colour": "red"}),
            (V3, {"userId": "ann"}),
            (V3, {"fields": "score"}),
            (V3, {"dataType": "CATEGORICAL", "valueMin": "1"}),
            (V3, {"value": "1"}),
            (V3, {"traceId": "t", "sessionId": "s"}),
            (V3, {"observationId": "o"}),
            (V3, {"cursor": "none"}),
            (V3, {"limit": "101"}),
        ],
    )
    async def test_what_is_refused(
        self, server: RunningServer, project: ProjectAccess, path: str, params: dict[str, Any]
    ) -> None:
        assert (await get(server, project, path, **params)).status_code == 400

    async def test_a_deleted_score_is_gone(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        foreign = await server.client.delete(f"{V1}/number", headers=other_project.headers)
        assert foreign.status_code == 202
        assert (await get(server, project, f"{V2}/number")).status_code == 200
        for id_ in ("number", "unknown"):
            answer = await server.client.delete(f"{V1}/{id_}", headers=project.headers)
            assert (answer.status_code, answer.json()["message"]) == (
                202,
                "Score deletion queued successfully",
            )
        assert (await get(server, project, f"{V2}/number")).status_code == 404
        assert await ids(server, project, V2) == ALL[1:]

    async def test_traces_show_their_scores(self, server: RunningServer, project: ProjectAccess) -> None:
        (row,) = (await get(server, project, "/api/public/traces")).json()["data"]
        assert row["scores"] == ["number", "flag", "word", "text", "mended"]
        whole = (await get(server, project, "/api/public/traces/t")).json()
        # Clients of this route know no corrections and could not read one.
        assert [each["id"] for each in whole["scores"]] == ["number", "flag", "word", "text"]
        assert (await get(server, project, "/api/public/traces", fields="core")).json()["data"][0][
            "scores"
        ] == []

    @given(
        params=st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "page",
                        "limit",
                        "cursor",
                        "fields",
                        "value",
                        "operator",
                        "dataType",
                        "fromTimestamp",
                    ),
                    *(
                        "filter",
                        "traceId",
                        "observationId",
                        "valueMin",
                        "environment",
                        "traceTags",
                        "scoreIds",
                    ),
                ]
            ),
            st.one_of(st.text(max_size=12), st.sampled_from(["1", "NUMERIC", ">", "-1e400", "nan", "[]"])),
            max_size=5,
        )
    )
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_nothing_fails(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str]
    ) -> None:
        for path in (V1, V2, V3):
            assert (await get(server, project, path, **params)).status_code in (200, 400)


class TestConfigs:
    async def test_made_read_changed_and_listed(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        post = {"name": "Tone", "dataType": "CATEGORICAL", "categories": [{"label": "warm", "value": 1}]}
        made = (await server.client.post(CONFIGS, json=post, headers=project.headers)).json()
        assert (made["name"], made["isArchived"], made["categories"]) == ("Tone", False, post["categories"])
        assert (await get(server, project, f"{CONFIGS}/{made['id']}")).json() == made
        assert (await get(server, other_project, f"{CONFIGS}/{made['id']}")).status_code == 404
        path = f"{CONFIGS}/{made['id']}"
        changed = await server.client.patch(path, json={"isArchived": True}, headers=project.headers)
        assert changed.json()["isArchived"] is True
        foreign = await server.client.patch(path, json={"isArchived": True}, headers=other_project.headers)
        assert foreign.status_code == 404
        flag = {"name": "Flag", "dataType": "BOOLEAN"}
        assert (await server.client.post(CONFIGS, json=flag, headers=project.headers)).json()[
            "categories"
        ] == [
            {"label": "True", "value": 1},
            {"label": "False", "value": 0},
        ]
        listed = (await get(server, project, CONFIGS, limit=1)).json()
        assert listed["meta"]["totalItems"] == 2
        assert listed["data"][0]["name"] == "Flag"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "", "dataType": "NUMERIC"},
            {"name": "x" * 36, "dataType": "NUMERIC"},
            {"name": "n", "dataType": "SHAPE"},
            {"name": "n", "dataType": "NUMERIC", "minValue": 2, "maxValue": 1},
            {"name": "n", "dataType": "CATEGORICAL"},
            {"name": "n", "dataType": "CATEGORICAL", "categories": [{"label": "a", "value": 1}] * 2},
            {"name": "n", "dataType": "BOOLEAN", "categories": [{"label": "a", "value": 1}]},
            {
                "name": "n",
                "dataType": "CATEGORICAL",
                "categories": [{"label": "a", "value": 1}],
                "minValue": 0,
            },
        ],
    )
    async def test_what_contradicts_itself(
        self, server: RunningServer, project: ProjectAccess, body: dict[str, Any]
    ) -> None:
        answer = await server.client.post(CONFIGS, json=body, headers=project.headers)
        assert answer.status_code == 400, answer.text

    async def test_an_empty_change(self, server: RunningServer, project: ProjectAccess) -> None:
        body = {"name": "n", "dataType": "NUMERIC"}
        made = (await server.client.post(CONFIGS, json=body, headers=project.headers)).json()
        path = f"{CONFIGS}/{made['id']}"
        assert (await server.client.patch(path, json={}, headers=project.headers)).status_code == 400


class TestSessions:
    async def test_lists_and_traces(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        made = [
            observation(
                project.project_id,
                trace_id=f"t{number}",
                session_id="" if number == 3 else f"chat/{number // 2}",
                environment="prod" if number else "test",
                start_time=NOW + number * SECOND_NS,
            )
            for number in range(4)
        ]
        await insert(server.services.clickhouse, made)
        listed = (await get(server, project, SESSIONS)).json()
        assert [(row["id"], row["environment"]) for row in listed["data"]] == [
            ("chat/1", "prod"),
            ("chat/0", "test"),
        ]
        assert listed["meta"]["totalItems"] == 2
        assert await ids(server, project, SESSIONS, environment="test") == ["chat/0"]
        since = "2026-05-28T20:26:42Z"
        assert await ids(server, project, SESSIONS, fromTimestamp=since) == ["chat/1"]
        one = (await get(server, project, f"{SESSIONS}/chat/0")).json()
        assert [trace["id"] for trace in one["traces"]] == ["t1", "t0"]
        encoded = await get(server, project, f"{SESSIONS}/chat%2F0")
        assert encoded.json()["id"] == "chat/0"
        assert (await get(server, other_project, f"{SESSIONS}/chat/0")).status_code == 404
        assert await ids(server, other_project, SESSIONS) == []


async def test_keys(server: RunningServer) -> None:
    for path in (V1, V2, V3, CONFIGS, SESSIONS, f"{SESSIONS}/x", f"{CONFIGS}/x"):
        assert (await server.client.get(path)).status_code == 401
    assert (await server.client.delete(f"{V1}/x")).status_code == 401
