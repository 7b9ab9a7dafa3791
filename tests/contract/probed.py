"""A project with something of every kind, each text of it marked, for probes with other credentials."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from typing import Any

from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

MARK = "only-for-the-first-project"
_ROOT = "/api/public/"


async def fill(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    """Fill the project; ids of what there is, by the noun of the path and the name of the parameter."""
    await _fill_stores(server, access)
    return {
        "traces.traceId": "probed-trace",
        "observations.observationId": "probed-observation",
        "sessions.sessionId": "probed-session",
        "scores.scoreId": "probed-score",
        "version": "1",
        "projectId": access.project_id,
        **await _prompts_and_datasets(server, access),
        **await _small_nouns(server, access),
        **await _evaluators(server, access),
        **await _dashboards(server, access),
        **await _annotation(server, access),
    }


async def everything(
    server: RunningServer, access: ProjectAccess, ids: Mapping[str, str]
) -> dict[str, Any]:
    """What the filled project answers about all that is marked."""
    paths = (
        "traces/probed-trace",
        "v2/scores/probed-score",
        "v2/prompts/probed-prompt",
        "dataset-items/probed-item",
        "datasets/probed-dataset/runs",
        f"score-configs/{ids['score-configs.configId']}",
        f"models/{ids['models.modelId']}",
        f"annotation-queues/{ids['annotation-queues.queueId']}",
        f"annotation-queues/{ids['annotation-queues.queueId']}/items",
        f"comments/{ids['comments.commentId']}",
        "llm-connections",
        f"v2/evaluators/{ids['evaluators.evaluatorId']}",
        f"v2/evaluation-rules/{ids['evaluation-rules.evaluationRuleId']}",
        f"unstable/dashboards/{ids['dashboards.dashboardId']}",
        f"unstable/dashboard-widgets/{ids['dashboard-widgets.widgetId']}",
        "unstable/skills/probed-skill?version=1",
    )
    found = {}
    for path in paths:
        answer = await server.client.get(_ROOT + path, headers=access.headers)
        assert answer.status_code == 200, answer.text
        found[path] = answer.json()
        is_marked = MARK in answer.text
        assert is_marked or path.endswith(("/runs", "/items", "llm-connections")), path
    return found


async def _made(
    server: RunningServer, access: ProjectAccess, path: str, body: Mapping[str, Any], method: str = "POST"
) -> dict[str, Any]:
    answer = await server.client.request(method, _ROOT + path, json=body, headers=access.headers)
    assert answer.status_code in (200, 201), answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _fill_stores(server: RunningServer, access: ProjectAccess) -> None:
    root = observation(
        access.project_id,
        id="probed-observation",
        trace_id="probed-trace",
        session_id="probed-session",
        name=MARK,
        input=MARK,
        metadata={"mark": MARK},
    )
    await insert(server.services.clickhouse, [root])
    given = score(access.project_id, id="probed-score", trace_id="probed-trace", comment=MARK)
    await insert_scores(server.services.clickhouse, [given])


async def _prompts_and_datasets(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    dataset = await _made(server, access, "v2/datasets", {"name": "probed-dataset", "description": MARK})
    item = {"datasetName": "probed-dataset", "id": "probed-item", "input": {"mark": MARK}}
    await _made(server, access, "dataset-items", item)
    run = {"runName": "probed-run", "datasetItemId": "probed-item", "traceId": "probed-trace"}
    await _made(server, access, "dataset-run-items", run | {"runDescription": MARK})
    prompt = {"name": "probed-prompt", "prompt": MARK, "labels": ["production"]}
    await _made(server, access, "v2/prompts", prompt)
    return {
        "prompts.promptName": "probed-prompt",
        "prompts.name": "probed-prompt",
        "datasets.datasetName": "probed-dataset",
        "datasets.runName": "probed-run",
        "dataset-items.itemId": "probed-item",
        "datasetId": dataset["id"],
    }


async def _small_nouns(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    model = await _made(server, access, "models", {"modelName": MARK, "matchPattern": "m", "inputPrice": 1})
    digest = base64.b64encode(uuid.uuid4().bytes * 2).decode()
    wish = {"contentType": "text/plain", "contentLength": 1, "sha256Hash": digest, "field": "input"}
    file = await _made(server, access, "media", wish | {"traceId": "probed-trace"})
    header = f"---\nname: probed-skill\ndescription: {MARK}\n---\n"
    await _made(server, access, "unstable/skills", {"files": [{"path": "SKILL.md", "content": header}]})
    connection = await _made(
        server,
        access,
        "llm-connections",
        {"provider": "probed", "adapter": "openai", "secretKey": "sk-0123456789abcdef"},
        "PUT",
    )
    return {
        "models.modelId": model["id"],
        "media.mediaId": file["mediaId"],
        "skills.skillName": "probed-skill",
        "skills.skillVersion": "1",
        "llm-connections.connectionId": connection["id"],
    }


async def _evaluators(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    code = {"type": "code", "name": MARK, "sourceCode": "x", "sourceCodeLanguage": "PYTHON"}
    evaluator = await _made(server, access, "v2/evaluators", code)
    rule = await _made(
        server,
        access,
        "v2/evaluation-rules",
        {
            "name": MARK,
            "enabled": True,
            "sampling": 1,
            "filter": [],
            "evaluatorAssignments": [{"evaluatorId": evaluator["id"]}],
        },
    )
    return {
        "evaluators.evaluatorId": evaluator["id"],
        "evaluation-rules.evaluationRuleId": rule["id"],
    }


async def _dashboards(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    widget = await _made(
        server,
        access,
        "unstable/dashboard-widgets",
        {
            "name": MARK,
            "view": "observations",
            "dimensions": [],
            "metrics": [{"measure": "count", "agg": "count"}],
            "filters": [],
            "chartType": "NUMBER",
        },
    )
    dashboard = await _made(server, access, "unstable/dashboards", {"name": MARK, "description": MARK})
    place = f"unstable/dashboards/{dashboard['id']}/placements"
    await _made(server, access, place, {"type": "widget", "id": "probed-tile", "widgetId": widget["id"]})
    return {
        "dashboard-widgets.widgetId": widget["id"],
        "dashboards.dashboardId": dashboard["id"],
        "dashboards.placementId": "probed-tile",
    }


async def _annotation(server: RunningServer, access: ProjectAccess) -> dict[str, str]:
    config = {"name": "c", "dataType": "NUMERIC", "description": MARK}
    made = await _made(server, access, "score-configs", config)
    queue = await _made(server, access, "annotation-queues", {"name": MARK, "scoreConfigIds": [made["id"]]})
    item = await _made(
        server,
        access,
        f"annotation-queues/{queue['id']}/items",
        {"objectId": "probed-trace", "objectType": "TRACE"},
    )
    comment = await _made(
        server,
        access,
        "comments",
        {
            "projectId": access.project_id,
            "objectType": "TRACE",
            "objectId": "probed-trace",
            "content": MARK,
        },
    )
    return {
        "score-configs.configId": made["id"],
        "annotation-queues.queueId": queue["id"],
        "annotation-queues.itemId": item["id"],
        "comments.commentId": comment["id"],
    }
