"""Scores of traces and observations over GraphQL."""

from __future__ import annotations

from tests.conftest import ProjectAccess
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import QueryCounter, RunningServer

NOW = 1_780_000_000 * SECOND_NS
SCORE = "{ id name dataType source value stringValue observationId comment metadata timestamp }"
LIST = f"""query Q($id: ID!) {{ project(id: $id) {{ traces(first: 10) {{ edges {{ node {{
  id scores {SCORE} observations(first: 5) {{ edges {{ node {{ id scores {{ id }} }} }} }} }} }} }} }} }}"""


async def test_scores_are_where_they_belong_and_read_in_one_query(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess, queries: QueryCounter
) -> None:
    spans = [
        observation(project.project_id, trace_id=f"t{number}", id=f"o{number}", start_time=NOW + number)
        for number in range(3)
    ]
    await insert(server.services.clickhouse, spans)
    made = [
        score(
            project.project_id, id="a", trace_id="t0", timestamp=NOW, comment="good", metadata={"k": "v"}
        ),
        score(project.project_id, id="b", trace_id="t0", observation_id="o0", timestamp=NOW + SECOND_NS)
        | {"data_type": "CATEGORICAL", "string_value": "warm", "source": "ANNOTATION"},
        score(project.project_id, id="gone", trace_id="t1", is_deleted=1),
        score(other_project.project_id, id="foreign", trace_id="t2"),
    ]
    await insert_scores(server.services.clickhouse, made)
    queries.texts.clear()
    data = await server.data(project, LIST, id=project.project_id)
    nodes = {edge["node"]["id"]: edge["node"] for edge in data["project"]["traces"]["edges"]}
    assert [each["id"] for each in nodes["t0"]["scores"]] == ["b", "a"]
    assert nodes["t0"]["scores"][1] == {
        "id": "a",
        "name": "score",
        "dataType": "NUMERIC",
        "source": "API",
        "value": 1.0,
        "stringValue": None,
        "observationId": None,
        "comment": "good",
        "metadata": {"k": "v"},
        "timestamp": "2026-05-28T20:26:40.000000000Z",
    }
    (first,) = nodes["t0"]["observations"]["edges"]
    assert first["node"]["scores"] == [{"id": "b"}]
    assert nodes["t1"]["scores"] == nodes["t2"]["scores"] == []
    assert sum("FROM scores" in each for each in queries.texts) == 1
