"""What tells a compatible server from another, by the numbers of the contract (section 14).

A number that has no test here is covered by another file of this folder:

* 1-3 versions and labels: test_rest_prompts
* 4-5 default label, version and label: test_rest_prompts
* 9 type of a name: test_rest_prompts
* 11-15 names, labels that stay, references: test_rest_prompts
* 17 cycles and depth: test_rest_prompts
* 19 ``latest`` after a deletion: test_rest_prompts
* 21 placeholders: test_rest_prompts
* 23-24 the same name, names with a slash: test_rest_datasets, test_rest_read_rules
* 25-29 items, archived ones, versions: test_rest_datasets
* 31-34 schemas, run items: test_rest_datasets
* 36 references to media: test_rest_datasets
* 45-47 parameters of the third version: test_rest_scores
* 49 deletion of an unknown score: test_rest_scores
* 51-52 groups of fields: test_rest_traces
* 53-54 page, orderBy: test_rest_traces
* 55-56 tags and environments, the filter wins: test_rest_traces
* 58 a trace that is not there: test_rest_traces
* 59 a deletion of nothing: test_delete_traces
* 60-61 default fields, parseIoAsJson: test_rest_observations
* 63 cursors: test_rest_observations
* 65 columns of scores: test_rest_observations_v1, test_rest_read_rules
* 66-68 views, many-valued dimensions, histograms: test_rest_metrics
* 69-70 unknown measures, ranges: test_rest_metrics_limits
* 71-72 names and retention of projects, keys: test_rest_project_management
* 73 members of projects: test_rest_organizations
* 74 people over SCIM: test_rest_scim, test_rest_scim_changes
* 75 items and names of queues: test_rest_annotation_queues
* 76 authors and objects of comments: test_rest_comments
* 77 tiers, built-in models: test_rest_models
* 78 LLM connections: test_rest_llm_connections
* 79 placements: test_rest_dashboards, test_rest_dashboards_limits
* 80 limits and credentials: test_rate_limits, test_rest_projects; public keys here
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from lumenspan.clock import iso_to_nanos, nanos_to_iso
from lumenspan.identity.service import IdentityService
from lumenspan.prompts import repository
from tests.conftest import ProjectAccess
from tests.factories.identity import organization_key
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

NOW = 1_780_000_000 * SECOND_NS
PROMPTS, SCORES = "v2/prompts", "scores"


async def call(
    server: RunningServer, access: ProjectAccess, method: str, path: str, body: Any = None, **params: Any
) -> httpx.Response:
    return await server.client.request(
        method, f"/api/public/{path}", json=body, params=params, headers=access.headers
    )


async def done(
    server: RunningServer, access: ProjectAccess, method: str, path: str, body: Any = None, **params: Any
) -> Any:
    answer = await call(server, access, method, path, body, **params)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def prompt(server: RunningServer, access: ProjectAccess, name: str = "p", **more: Any) -> Any:
    return await done(server, access, "POST", PROMPTS, {"name": name, "prompt": "text"} | more)


async def listed(server: RunningServer, access: ProjectAccess, path: str, **params: Any) -> list[Any]:
    rows: list[Any] = (await done(server, access, "GET", path, **params))["data"]
    return rows


class TestPrompts:
    async def test_06_versions_are_grouped_by_name(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for _ in range(4):
            await prompt(server, project)
        assert (await call(server, project, "DELETE", f"{PROMPTS}/p", version=3)).status_code == 204
        (row,) = await listed(server, project, PROMPTS)
        assert row["versions"] == [1, 2, 4]

    async def test_07_a_label_shows_the_versions_that_have_it(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for labels in (["production"], ["staging"], []):
            await prompt(server, project, labels=labels)
        (row,) = await listed(server, project, PROMPTS, label="staging")
        assert (row["versions"], row["labels"]) == ([2], ["staging"])

    async def test_08_a_range_holds_its_start_and_not_its_end(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        made = (await prompt(server, project))["updatedAt"]
        later = nanos_to_iso(iso_to_nanos(made) + 1_000_000)
        for params, count in (
            ({"fromUpdatedAt": made}, 1),
            ({"fromUpdatedAt": later}, 0),
            ({"toUpdatedAt": made}, 0),
            ({"toUpdatedAt": later}, 1),
            ({"fromUpdatedAt": made, "toUpdatedAt": later}, 1),
        ):
            assert len(await listed(server, project, PROMPTS, **params)) == count, params

    async def test_10_omitted_tags_stay_and_none_clear_those_of_all(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await prompt(server, project, tags=["a"])
        assert (await prompt(server, project))["tags"] == ["a"]
        assert (await prompt(server, project, tags=[]))["tags"] == []
        for version in (1, 2, 3):
            assert (await done(server, project, "GET", f"{PROMPTS}/p", version=version))["tags"] == []

    async def test_16_a_dependency_that_is_not_there(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        tag = "@@@langfusePrompt:name=base|version=1@@@"
        body = {"name": "p", "prompt": tag, "labels": ["production"]}
        assert (await call(server, project, "POST", PROMPTS, body)).status_code == 400
        base = await prompt(server, project, "base")
        await done(server, project, "POST", PROMPTS, body)
        # No route takes away what another prompt needs.
        async with server.services.postgres.session() as session:
            await repository.remove(session, [base["id"]])
        assert (await call(server, project, "GET", f"{PROMPTS}/p")).status_code == 409
        raw = await done(server, project, "GET", f"{PROMPTS}/p", resolve="false")
        assert raw["prompt"] == tag

    async def test_18_the_last_that_can_be_latest_is_not_deleted_either(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await prompt(server, project, "base")
        await prompt(server, project, "base")
        await prompt(server, project, prompt="@@@langfusePrompt:name=base|label=latest@@@")
        assert (await call(server, project, "DELETE", f"{PROMPTS}/base", version=2)).status_code == 204
        for params in ({"version": 1}, {}):
            refused = await call(server, project, "DELETE", f"{PROMPTS}/base", **params)
            assert refused.status_code == 400
            assert "depending on" in refused.json()["message"]

    async def test_20_a_deletion_answers_nothing(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await prompt(server, project)
        gone = await call(server, project, "DELETE", f"{PROMPTS}/p")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await call(server, project, "DELETE", f"{PROMPTS}/p")).status_code == 404

    async def test_22_other_keys_are_refused(
        self, server: RunningServer, project: ProjectAccess, identity_clients: IdentityService
    ) -> None:
        of_organization = (await organization_key(identity_clients, project)).headers
        for headers in (of_organization, {"Authorization": f"Bearer {project.public_key}"}):
            for method, path in (("GET", ""), ("POST", ""), ("GET", "/p"), ("DELETE", "/p")):
                answer = await server.client.request(
                    method, f"/api/public/{PROMPTS}{path}", headers=headers
                )
                assert answer.status_code == 403, (method, path)

    @pytest.mark.parametrize("name", ["a/b c", "50%", "50%25", "ключ/é"])
    async def test_names_may_be_encoded_twice(
        self, server: RunningServer, project: ProjectAccess, name: str
    ) -> None:
        made = await prompt(server, project, name, labels=["production"])
        once = quote(name, safe="")
        for number, path in enumerate((once, quote(once, safe=""))):
            found = await done(server, project, "GET", f"{PROMPTS}/{path}")
            assert (found["id"], found["name"]) == (made["id"], name)
            change = {"newLabels": [f"l{number}"]}
            labelled = await done(server, project, "PATCH", f"{PROMPTS}/{path}/versions/1", change)
            assert labelled["labels"][-1] == f"l{number}"
        assert (await call(server, project, "DELETE", f"{PROMPTS}/{path}")).status_code == 204
        assert (await call(server, project, "GET", f"{PROMPTS}/{once}")).status_code == 404

    async def test_the_name_as_it_is_comes_first(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for name in ("a%2Fb", "a/b"):
            await prompt(server, project, name, labels=["production"])
        for path, name in (("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("a%25252Fb", "a%2Fb")):
            assert (await done(server, project, "GET", f"{PROMPTS}/{path}"))["name"] == name

    @pytest.mark.parametrize("path", ["a%2500", "%25ED%25A0%2580", "%25", "%2525"])
    async def test_names_that_nothing_can_have(
        self, server: RunningServer, project: ProjectAccess, path: str
    ) -> None:
        for method in ("GET", "DELETE"):
            assert (await call(server, project, method, f"{PROMPTS}/{path}")).status_code in (400, 404)


class TestDatasets:
    async def test_30_a_schema_is_refused_with_what_breaks_it(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        schema = {"type": "object", "required": ["question"]}
        await done(server, project, "POST", "v2/datasets", {"name": "d"})
        items = [{"datasetName": "d", "id": "wrong", "input": {"a": 1}, "status": "ARCHIVED"}]
        items.append({"datasetName": "d", "id": "right", "input": {"question": 1}})
        for item in items:
            await done(server, project, "POST", "dataset-items", item)
        body = {"name": "d", "inputSchema": schema}
        refused = await call(server, project, "POST", "v2/datasets", body)
        assert refused.status_code == 400
        assert "1 item(s)" in refused.json()["message"]
        assert "wrong" in refused.text
        assert "question" in refused.text
        await done(server, project, "POST", "dataset-items", items[0] | {"input": {"question": 2}})
        assert (await done(server, project, "POST", "v2/datasets", body))["inputSchema"] == schema

    async def test_35_items_of_an_unknown_run(self, server: RunningServer, project: ProjectAccess) -> None:
        dataset = await done(server, project, "POST", "v2/datasets", {"name": "d"})
        for id_, name in ((dataset["id"], "none"), ("none", "none")):
            answer = await call(server, project, "GET", "dataset-run-items", datasetId=id_, runName=name)
            assert answer.status_code == 404


@pytest.fixture
async def seeded(server: RunningServer, project: ProjectAccess) -> None:
    """A score of each kind, the newest first."""
    kinds: tuple[dict[str, Any], ...] = (
        {"id": "number", "trace_id": "t", "value": 0.5, "metadata": {"by": "me"}},
        {"id": "flag", "trace_id": "t", "data_type": "BOOLEAN", "value": 0, "string_value": "False"},
        {"id": "mended", "trace_id": "t", "data_type": "CORRECTION", "long_string_value": "better"},
        {"id": "talk", "session_id": "s", "metadata": {"by": "me"}},
        {"id": "trial", "dataset_run_id": "r", "metadata": {"by": "me"}},
    )
    rows = [
        score(project.project_id, timestamp=NOW - number * SECOND_NS, **each)
        for number, each in enumerate(kinds)
    ]
    await insert_scores(server.services.clickhouse, rows)


@pytest.mark.usefixtures("seeded")
class TestScores:
    async def ids(
        self, server: RunningServer, access: ProjectAccess, path: str, **params: Any
    ) -> list[str]:
        return [row["id"] for row in await listed(server, access, path, **params)]

    async def test_37_the_first_version_knows_scores_of_traces(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        assert await self.ids(server, project, SCORES) == ["number", "flag"]
        for params in ({"sessionId": "s"}, {"datasetRunId": "r"}, {"dataType": "CORRECTION"}):
            assert not set(await self.ids(server, project, SCORES, **params)) - {"number", "flag"}
        for id_ in ("mended", "talk", "trial"):
            answer = await call(server, project, "GET", f"{SCORES}/{id_}")
            assert (answer.status_code, answer.json()["message"]) == (404, "Score not found")

    async def test_38_operator_and_value_count_together(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for path in (SCORES, "v2/scores"):
            whole = await self.ids(server, project, path)
            assert await self.ids(server, project, path, operator=">") == whole
            assert await self.ids(server, project, path, value="9") == whole
            assert "number" not in await self.ids(server, project, path, operator="<", value="0.5")

    async def test_39_an_unknown_operator_is_named(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        for path in (SCORES, "v2/scores"):
            answer = await call(server, project, "GET", path, operator="op", value="1")
            body = answer.json()
            assert (answer.status_code, body["message"]) == (400, "Invalid request data")
            assert body["error"][0]["path"] == ["operator"]

    async def test_40_a_boolean_has_a_text(self, server: RunningServer, project: ProjectAccess) -> None:
        for path in (f"{SCORES}/flag", "v2/scores/flag"):
            found = await done(server, project, "GET", path)
            assert (found["value"], found["stringValue"]) == (0, "False")

    async def test_44_metadata_by_key_in_both_versions(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        condition = {"type": "stringObject", "column": "metadata", "operator": "=", "value": "me"}
        for key, first, second in (("by", ["number"], ["number", "talk", "trial"]), ("of", [], [])):
            text = json.dumps([condition | {"key": key}])
            assert await self.ids(server, project, SCORES, filter=text) == first
            assert await self.ids(server, project, "v2/scores", filter=text) == second
        assert (await call(server, project, "GET", SCORES, filter="{")).status_code == 400

    async def test_48_a_full_last_page_and_the_cursor_of_another_project(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        whole = await done(server, project, "GET", "v3/scores", limit=5)
        assert (len(whole["data"]), whole["meta"]) == (5, {"limit": 5})
        cursor = (await done(server, project, "GET", "v3/scores", limit=2))["meta"]["cursor"]
        assert await self.ids(server, other_project, "v3/scores", cursor=cursor) == []

    @pytest.mark.parametrize(
        ("number", "change", "path"),
        [
            (41, {"source": "ANNOTATION"}, ["configId"]),
            (42, {"traceId": None, "sessionId": "s", "observationId": "o"}, ["observationId"]),
            (43, {"dataType": "TEXT", "value": "x" * 501}, ["value"]),
            (43, {"dataType": "TEXT", "value": ""}, ["value"]),
        ],
    )
    async def test_41_to_43_what_is_no_score(
        self,
        server: RunningServer,
        project: ProjectAccess,
        number: int,
        change: dict[str, Any],
        path: list[str],
    ) -> None:
        body = {"name": "n", "value": 1, "traceId": "t"} | change
        answer = await call(server, project, "POST", SCORES, body)
        assert answer.status_code == 400, number
        assert answer.json()["error"][0]["path"] == path

    @pytest.mark.parametrize("second", [{"label": "a", "value": 2}, {"label": "b", "value": 1}])
    async def test_50_categories_are_told_apart_by_label_and_value(
        self, server: RunningServer, project: ProjectAccess, second: dict[str, Any]
    ) -> None:
        body = {"name": "n", "dataType": "CATEGORICAL", "categories": [{"label": "a", "value": 1}, second]}
        assert (await call(server, project, "POST", "score-configs", body)).status_code == 400


class TestReads:
    @pytest.mark.parametrize("path", ["traces", "observations", "v2/observations", "v2/scores", "scores"])
    async def test_57_filters_that_are_none(
        self, server: RunningServer, project: ProjectAccess, path: str
    ) -> None:
        right = {"type": "string", "column": "name", "operator": "=", "value": "n"}
        for change in ({"type": "thing"}, {"operator": "about"}, {"column": "colour"}):
            answer = await call(server, project, "GET", path, filter=json.dumps([right | change]))
            assert answer.status_code == 400, change
        for text in ("{", "[1]", '{"type": "string"}', "null"):
            assert (await call(server, project, "GET", path, filter=text)).status_code == 400, text
        for text in ("", "[]", json.dumps([right])):
            assert await listed(server, project, path, filter=text) == []

    async def test_62_metadata_is_cut_unless_a_key_is_named(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        row = observation(project.project_id, metadata={"long": "m" * 300})
        await insert(server.services.clickhouse, [row])
        for keys, length in ((None, 200), ("", 200), (" , ", 200), ("long", 300), ("unknown", 300)):
            params = {} if keys is None else {"expandMetadata": keys}
            (found,) = await listed(server, project, "v2/observations", fields="metadata", **params)
            assert len(found["metadata"]["long"]) == length, keys

    async def test_64_a_root_may_have_a_parent(self, server: RunningServer, project: ProjectAccess) -> None:
        rows = [
            observation(project.project_id, trace_id="t", id="http", start_time=NOW),
            observation(
                project.project_id,
                trace_id="t",
                id="app",
                parent_id="http",
                is_app_root=True,
                start_time=NOW,
            ),
            observation(project.project_id, trace_id="t", id="leaf", parent_id="app", start_time=NOW),
        ]
        await insert(server.services.clickhouse, rows)
        roots = await listed(server, project, "v2/observations", isRootObservation="true")
        assert {row["id"]: row["parentObservationId"] for row in roots} == {"http": None, "app": "http"}
        alone = await listed(server, project, "v2/observations", parentObservationId="")
        assert [row["id"] for row in alone] == ["http"]


async def test_80_a_public_key_alone_posts_scores(server: RunningServer, project: ProjectAccess) -> None:
    alone = {"Authorization": f"Bearer {project.public_key}"}
    body = {"name": "n", "value": 1, "traceId": "t"}
    made = await server.client.post("/api/public/scores", json=body, headers=alone)
    assert made.status_code == 200, made.text
    for method, path in (
        ("GET", "scores"),
        ("GET", "traces"),
        ("DELETE", "scores/x"),
        ("POST", "comments"),
    ):
        answer = await server.client.request(method, f"/api/public/{path}", headers=alone)
        assert answer.status_code == 403, path
    wrong = {"Authorization": "Bearer pk-lf-unknown"}
    assert (await server.client.post("/api/public/scores", json=body, headers=wrong)).status_code == 401
