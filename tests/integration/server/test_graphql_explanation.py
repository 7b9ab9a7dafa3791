"""Which rule set each field of an observation, over GraphQL."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from lumenspan.clock import now_nanos
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.otlp import JSON
from lumenspan.ingest.registry import Registry
from lumenspan.ingest.service import IngestService
from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer
from tests.unit.ingest.build import export

pytestmark = pytest.mark.engines

EXPLAIN = """query Q($project: ID!, $trace: ID!, $id: ID!) { project(id: $project) { trace(id: $trace) {
  id explanation(observationId: $id) { field excerpt rule sources { kind key } } } } }"""
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


async def send(server: RunningServer, access: ProjectAccess) -> BlobKey:
    body = export({"gen_ai.request.model": "m", "input.value": "x" * 5_000, "user.id": "u"})
    header = FrameHeader(ProjectId(access.project_id), JSON, now_nanos())
    services = server.services
    key = (await services.gate.accept(header, orjson.dumps(body))).blob_key
    service = IngestService(
        services.clickhouse,
        services.blobs,
        services.redis,
        Registry(services.postgres),
        services.settings,
    )
    assert await service.process(key) == 1
    return key


async def ask(server: RunningServer, access: ProjectAccess, project: str, span: str = SPAN) -> Any:
    return await server.graphql(access, EXPLAIN, project=project, trace=TRACE, id=span)


async def test_each_field_names_its_rule_and_what_it_read(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    await send(server, project)
    found = await ask(server, project, project.project_id)
    told = {each["field"]: each for each in found["data"]["project"]["trace"]["explanation"]}
    assert told["type"] == {
        "field": "type",
        "excerpt": "GENERATION",
        "rule": "model_present",
        "sources": [{"kind": "ATTRIBUTE", "key": "gen_ai.request.model"}],
    }
    assert (told["input"]["rule"], told["input"]["excerpt"]) == ("openinference", "x" * 1_000)
    assert (told["session_id"]["rule"], told["session_id"]["excerpt"]) == (None, "")
    missing = await ask(server, project, project.project_id, "another")
    assert missing["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert missing["data"]["project"]["trace"]["id"] == TRACE
    foreign = await ask(server, other_project, project.project_id)
    assert foreign["data"]["project"] is None
    own = await ask(server, other_project, other_project.project_id)
    assert own["data"]["project"]["trace"] is None


async def test_what_is_not_kept_or_was_not_a_span_is_not_found(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    key = await send(server, project)
    row = {"trace_id": TRACE, "id": SPAN}
    # A row that names another project's payload explains nothing of it.
    await insert(server.services.clickhouse, [observation(other_project.project_id, **row, blob_key=key)])
    foreign = await ask(server, other_project, other_project.project_id)
    assert foreign["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    await server.services.blobs.delete(key)
    gone = await ask(server, project, project.project_id)
    assert gone["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert "no longer kept" in gone["errors"][0]["message"]
