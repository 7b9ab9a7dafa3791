"""The tools of the MCP server, called by the official client; others are in test_mcp_data_tools."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from tests.conftest import ProjectAccess
from tests.contract.mcp_client import Tools, tools_of
from tests.contract.people import user_id
from tests.factories.observations import SECOND_NS, insert, observation
from tests.integration.server.conftest import RunningServer

NOW = 1_780_000_000 * SECOND_NS


class TestPrompts:
    async def test_versions_labels_and_lists(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            first = await tools(
                "createTextPrompt",
                name="greet",
                prompt="Hello {{who}}",
                labels=["production"],
                tags=["t"],
                config={"temperature": 0},
                commitMessage="first",
            )
            assert (first["version"], first["labels"], first["type"]) == (
                1,
                ["production", "latest"],
                "text",
            )
            second = await tools("createTextPrompt", name="greet", prompt="Hi")
            assert (second["version"], second["tags"], second["config"]) == (2, ["t"], {})
            # Unlike the SDKs, who get what is in production.
            assert (await tools("getPrompt", name="greet"))["version"] == 2
            assert (await tools("getPrompt", name="greet", label="production"))["prompt"] == "Hello {{who}}"
            assert (await tools("getPrompt", name="greet", version=1))["commitMessage"] == "first"
            moved = await tools("updatePromptLabels", name="greet", version=2, newLabels=["production"])
            assert moved["labels"] == ["latest", "production"]
            assert "latest" in await tools.failure(
                "updatePromptLabels", name="greet", version=1, newLabels=["latest"]
            )
            assert "not both" in await tools.refusal("getPrompt", name="greet", version=1, label="latest")
            assert "not found" in await tools.failure("getPrompt", name="greet", version=9)
            assert "not found" in await others.failure("getPrompt", name="greet")
            listed = await tools("listPrompts", tag="t", label="production")
            assert listed["meta"] == {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1}
            assert (listed["data"][0]["name"], listed["data"][0]["versions"]) == ("greet", [2])
            assert (await tools("listPrompts", name="gree"))["data"] == []
            assert (await tools("listPrompts", fromUpdatedAt="2100-01-01T00:00:00Z"))["data"] == []
            assert (await others("listPrompts"))["data"] == []

    async def test_conversations_and_references(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        messages = [
            {"role": "system", "content": "Be kind."},
            {"type": "placeholder", "name": "history"},
        ]
        tag = "@@@langfusePrompt:name=part|label=latest@@@"
        async with tools_of(server, project) as tools:
            made = await tools("createChatPrompt", name="chat", prompt=messages)
            assert (made["type"], made["prompt"]) == ("chat", messages)
            await tools("createTextPrompt", name="part", prompt="a part")
            await tools("createTextPrompt", name="whole", prompt=f"It is {tag}.")
            assert (await tools("getPrompt", name="whole"))["prompt"] == "It is a part."
            assert (await tools("getPromptUnresolved", name="whole"))["prompt"] == f"It is {tag}."
            assert "different prompt type" in await tools.failure(
                "createTextPrompt", name="chat", prompt="x"
            )
            assert "role and content" in await tools.failure(
                "createChatPrompt", name="c", prompt=[{"role": "user"}]
            )
            assert "$.prompt" in await tools.refusal("createChatPrompt", name="c", prompt="text")


class TestQueuesAndComments:
    async def test_a_queue_from_start_to_end(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        person = await user_id(server, project)
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            config = await tools("createScoreConfig", name="quality", dataType="NUMERIC")
            queue = await tools("createAnnotationQueue", name="q", scoreConfigIds=[config["id"]])
            of_queue = {"queueId": queue["id"]}
            assert (await tools("listAnnotationQueues"))["data"] == [queue]
            assert await tools("getAnnotationQueue", **of_queue) == queue
            assert "already exists" in await tools.failure(
                "createAnnotationQueue", name="q", scoreConfigIds=[config["id"]]
            )
            item = await tools("createAnnotationQueueItem", **of_queue, objectId="t", objectType="TRACE")
            of_item = of_queue | {"itemId": item["id"]}
            done = await tools("updateAnnotationQueueItem", **of_item, status="COMPLETED")
            assert done["completedAt"]
            assert await tools("getAnnotationQueueItem", **of_item) == done
            assert (await tools("listAnnotationQueueItems", **of_queue, status="PENDING"))["data"] == []
            assert (await tools("listAnnotationQueueItems", **of_queue))["data"] == [done]
            assigned = await tools("createAnnotationQueueAssignment", **of_queue, userId=person)
            assert assigned == {"userId": person, "queueId": queue["id"], "projectId": project.project_id}
            unassigned = await tools("deleteAnnotationQueueAssignment", **of_queue, userId=person)
            assert unassigned == {"success": True}
            assert (await tools("deleteAnnotationQueueItem", **of_item))["success"] is True
            assert "not found" in await tools.failure("getAnnotationQueueItem", **of_item)
            assert "not found" in await others.failure("getAnnotationQueue", **of_queue)

    async def test_comments(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        row = observation(project.project_id)
        await insert(server.services.clickhouse, [row])
        on_trace = {"objectType": "TRACE", "objectId": row["trace_id"]}
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            made = await tools("createComment", **on_trace, content="look")
            found = await tools("getComment", commentId=made["id"])
            assert (found["content"], found["authorUserId"]) == ("look", None)
            assert (await tools("listComments", **on_trace))["data"] == [found]
            assert "objectType" in await tools.refusal("listComments", objectId="t")
            assert "not a member" in await tools.failure(
                "createComment", **on_trace, content="x", authorUserId="nobody"
            )
            assert "not found" in await others.failure("createComment", **on_trace, content="x")
            assert "not found" in await others.failure("getComment", commentId=made["id"])


class TestModelsMediaAndMetrics:
    async def test_models(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            made = await tools(
                "createModel",
                modelName="own",
                matchPattern="(?i)^own$",
                startDate="2026-01-01T00:00:00Z",
                inputPrice=0.1,
                outputPrice=0.2,
                tokenizerId="openai",
                tokenizerConfig={"tokenizerModel": "gpt-4o"},
            )
            assert (made["inputPrice"], made["startDate"]) == (0.1, "2026-01-01T00:00:00.000Z")
            tiers = [
                {"name": "std", "isDefault": True, "priority": 0, "prices": {"input": 1}},
                {
                    "name": "long",
                    "isDefault": False,
                    "priority": 1,
                    "prices": {"input": 2},
                    "conditions": [
                        {"usageDetailPattern": "^input", "operator": "gt", "value": 1_000},
                        {"source": "metadata", "key": "k", "operator": "in", "values": ["v"]},
                    ],
                },
            ]
            tiered = await tools("createModel", modelName="t", matchPattern="^t$", pricingTiers=tiers)
            assert [len(each["conditions"]) for each in tiered["pricingTiers"]] == [0, 2]
            tiers[1]["conditions"] = [{"operator": "in"}]
            assert "condition" in await tools.refusal(
                "createModel", modelName="u", matchPattern="u", pricingTiers=tiers
            )
            assert await tools("getModel", modelId=made["id"]) == made
            assert (await tools("listModels", limit=100))["meta"]["totalItems"] > 2
            assert "not found" in (await others.failure("getModel", modelId=made["id"])).lower()
            assert (await tools("deleteModel", modelId=made["id"]))["message"]
            assert await tools.failure("deleteModel", modelId=made["id"])

    async def test_a_file_and_where_to_read_it(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        digest = base64.b64encode(hashlib.sha256(b"file").digest()).decode()
        wish = {"traceId": "t", "field": "input", "contentType": "image/png", "contentLength": 4}
        asked = await server.client.post(
            "/api/public/media", json=wish | {"sha256Hash": digest}, headers=project.headers
        )
        media_id = asked.json()["mediaId"]
        report = {"uploadedAt": "2026-01-01T00:00:00Z", "uploadHttpStatus": 200}
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            assert await tools.failure("getMedia", mediaId=media_id)
            told = await server.client.patch(
                f"/api/public/media/{media_id}", json=report, headers=project.headers
            )
            assert told.status_code == 200
            found = await tools("getMedia", mediaId=media_id)
            assert (found["mediaId"], found["contentLength"]) == (media_id, 4)
            assert found["url"].startswith("http")
            assert await others.failure("getMedia", mediaId=media_id)

    async def test_metrics(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await insert(
            server.services.clickhouse,
            [observation(project.project_id, name=name, start_time=NOW) for name in ("a", "a", "b")],
        )
        query: dict[str, Any] = {
            "view": "observations",
            "metrics": [{"measure": "count", "aggregation": "count"}],
            "dimensions": [{"field": "name"}],
            "filters": [{"column": "name", "type": "string", "operator": "=", "value": "a"}],
            "orderBy": [{"field": "count_count", "direction": "desc"}],
            "fromTimestamp": "2026-01-01T00:00:00Z",
            "toTimestamp": "2027-01-01T00:00:00Z",
            "config": {"row_limit": 10},
        }
        async with tools_of(server, project) as tools, tools_of(server, other_project) as others:
            (row,) = (await tools("queryMetrics", **query))["data"]
            assert (row["name"], int(row["count_count"])) == ("a", 2)
            assert (await others("queryMetrics", **query))["data"] == []
            await _check_schema(tools)
            assert "nothing" in await tools.failure(
                "queryMetrics", **query | {"metrics": [{"measure": "nothing", "aggregation": "sum"}]}
            )
            assert "$.view" in await tools.refusal("queryMetrics", **query | {"view": "traces"})


async def _check_schema(tools: Tools) -> None:
    schema = await tools("getMetricsSchema")
    views = {view["name"]: view for view in schema["views"]}
    assert set(views) == {"observations", "scores-numeric", "scores-categorical", "scores-boolean"}
    measures = {each["name"]: each for each in views["observations"]["measures"]}
    assert measures["latency"] == {"name": "latency", "unit": "milliseconds", "isNumeric": True}
    assert {"sum", "p95"} <= set(schema["aggregations"])
