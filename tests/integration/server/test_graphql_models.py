"""Model definitions over GraphQL."""

from __future__ import annotations

from typing import Any

from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer

FIELDS = """id name matchPattern startDate unit isBuiltin priceSource
  tiers { name isDefault priority prices { key value }
    usageConditions { pattern operator value isCaseSensitive }
    attributeConditions { source key values } }"""
CREATE = f"mutation M($input: CreateModelInput!) {{ createModel(input: $input) {{ {FIELDS} }} }}"
REPLACE = f"mutation M($input: ReplaceModelInput!) {{ replaceModel(input: $input) {{ {FIELDS} }} }}"
DELETE = "mutation M($input: DeleteModelInput!) { deleteModel(input: $input) }"
PAGE = """query Q($id: ID!, $first: Int, $after: String, $search: String) { project(id: $id) {
  models(first: $first, after: $after, search: $search) {
    totalCount pageInfo { hasNextPage endCursor } edges { node { id name isBuiltin } } } } }"""
MODEL: dict[str, Any] = {
    "name": "house",
    "matchPattern": "^house$",
    "startDate": "2026-01-02T03:04:05.000000000Z",
    "tiers": [
        {
            "name": "Standard",
            "isDefault": True,
            "prices": [{"key": "input", "value": "0.000000000000001"}],
        },
        {
            "name": "Large",
            "priority": 1,
            "prices": [{"key": "input", "value": "2"}],
            "usageConditions": [{"pattern": "input", "operator": "GREATER", "value": "200000"}],
            "attributeConditions": [{"source": "METADATA", "key": "plan", "values": ["gold"]}],
        },
    ],
}


async def test_made_replaced_and_deleted(server: RunningServer, project: ProjectAccess) -> None:
    base = {"projectId": project.project_id, "model": MODEL}
    made = (await server.data(project, CREATE, input=base))["createModel"]
    assert (made["isBuiltin"], made["priceSource"]) == (False, "project revision 1")
    assert made["startDate"] == MODEL["startDate"]
    assert made["tiers"][0]["prices"] == MODEL["tiers"][0]["prices"]
    assert made["tiers"][1]["usageConditions"] == [
        {"pattern": "input", "operator": "GREATER", "value": "200000", "isCaseSensitive": False}
    ]
    assert made["tiers"][1]["attributeConditions"] == MODEL["tiers"][1]["attributeConditions"]
    change = base | {"id": made["id"], "model": MODEL | {"name": "castle"}}
    replaced = (await server.data(project, REPLACE, input=change))["replaceModel"]
    assert (replaced["id"], replaced["name"]) == (made["id"], "castle")
    assert replaced["priceSource"] == "project revision 2"
    gone = {"projectId": project.project_id, "id": made["id"]}
    assert (await server.data(project, DELETE, input=gone))["deleteModel"] is True
    again = await server.graphql(project, DELETE, input=gone)
    assert again["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_the_list_is_searched_and_paged(server: RunningServer, project: ProjectAccess) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        found = await server.data(
            project, PAGE, id=project.project_id, first=7, after=after, search="GPT-4o-mini"
        )
        page = found["project"]["models"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == page["totalCount"] > 7
    assert seen == sorted(seen)
    assert "gpt-4o-mini" in seen
    assert all("gpt-4o-mini" in name.lower() for name in seen)


async def test_nobody_else_may(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    base = {"projectId": project.project_id, "model": MODEL}
    made = (await server.data(project, CREATE, input=base))["createModel"]
    for query, input_ in (
        (CREATE, base),
        (REPLACE, base | {"id": made["id"]}),
        (DELETE, {"projectId": project.project_id, "id": made["id"]}),
    ):
        body = await server.graphql(other_project, query, input=input_)
        assert body["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    one = "query Q($id: ID!, $model: ID!) { project(id: $id) { model(id: $model) { name } } }"
    own = {"id": other_project.project_id, "model": made["id"]}
    assert (await server.data(other_project, one, **own))["project"]["model"] is None
    mine = {"id": project.project_id, "model": made["id"]}
    assert (await server.data(project, one, **mine))["project"]["model"] == {"name": "house"}


async def test_an_observation_says_what_priced_it(server: RunningServer, project: ProjectAccess) -> None:
    row = observation(
        project.project_id,
        trace_id="t",
        id="a",
        model_id="m",
        price_tier_id="m_tier_default",
        price_tier_name="Standard",
        price_source="project revision 1",
        usage_source="tokenizer",
        cost_source="calculated",
    )
    await insert(server.services.clickhouse, [row])
    query = """query Q($id: ID!) { project(id: $id) { trace(id: "t") { observations { edges { node {
      pricing { modelId tierId tierName priceSource usageSource costSource } } } } } } }"""
    found = await server.data(project, query, id=project.project_id)
    assert found["project"]["trace"]["observations"]["edges"][0]["node"]["pricing"] == {
        "modelId": "m",
        "tierId": "m_tier_default",
        "tierName": "Standard",
        "priceSource": "project revision 1",
        "usageSource": "tokenizer",
        "costSource": "calculated",
    }
