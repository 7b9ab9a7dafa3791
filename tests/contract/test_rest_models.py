"""``/api/public/models``: own and built-in definitions, and what observations show of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumenspan.models.builtin import builtin_models
from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/models"
FLAT = {
    "modelName": "house",
    "matchPattern": "(?i)^house$",
    "inputPrice": 0.000001,
    "outputPrice": 0.000002,
}
TIERS = [
    {
        "name": "Standard",
        "isDefault": True,
        "priority": 0,
        "conditions": [],
        "prices": {"input": 0.000003, "output": 0.000015},
    },
    {
        "name": "Long context",
        "isDefault": False,
        "priority": 1,
        "conditions": [
            {"usageDetailPattern": "input", "operator": "gt", "value": 200000, "caseSensitive": False},
            {"source": "metadata", "key": "plan", "operator": "in", "values": ["gold", "silver"]},
        ],
        "prices": {"input": 0.000006, "output": 0.0000225},
    },
]
SHAPE = {
    "id", "modelName", "matchPattern", "startDate", "unit", "inputPrice", "outputPrice", "totalPrice",
    "prices", "pricingTiers", "tokenizerId", "tokenizerConfig", "isLangfuseManaged", "createdAt",
}  # fmt: skip


async def call(
    server: RunningServer, project: ProjectAccess, method: str, path: str = "", **options: Any
) -> httpx.Response:
    return await server.client.request(method, ROUTE + path, headers=project.headers, **options)


async def test_flat_prices_become_the_default_tier(server: RunningServer, project: ProjectAccess) -> None:
    answer = await call(server, project, "POST", json=FLAT | {"startDate": "2026-01-02T03:04:05Z"})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert set(made) == SHAPE
    assert made["startDate"] == "2026-01-02T03:04:05.000Z"
    assert (made["inputPrice"], made["outputPrice"], made["totalPrice"]) == (1e-6, 2e-6, None)
    assert made["prices"] == {"input": {"price": 1e-6}, "output": {"price": 2e-6}}
    assert made["pricingTiers"] == [
        {
            "id": f"{made['id']}_tier_default",
            "name": "Standard",
            "isDefault": True,
            "priority": 0,
            "conditions": [],
            "prices": {"input": 1e-6, "output": 2e-6},
        }
    ]
    assert (made["unit"], made["isLangfuseManaged"]) == ("TOKENS", False)
    assert (await call(server, project, "GET", f"/{made['id']}")).json() == made


async def test_tiers_read_back_as_they_were_sent(server: RunningServer, project: ProjectAccess) -> None:
    body = {
        "modelName": "tiered",
        "matchPattern": "^tiered$",
        "pricingTiers": TIERS,
        "tokenizerId": "openai",
        "tokenizerConfig": {"tokenizerModel": "gpt-4o", "tokensPerMessage": 3, "tokensPerName": 1},
    }
    made = (await call(server, project, "POST", json=body)).json()
    assert [{k: v for k, v in tier.items() if k != "id"} for tier in made["pricingTiers"]] == TIERS
    assert made["tokenizerConfig"] == body["tokenizerConfig"]
    assert made["inputPrice"] == 0.000003


async def test_replace_and_delete(server: RunningServer, project: ProjectAccess) -> None:
    made = (await call(server, project, "PUT", "/mine", json=FLAT)).json()
    assert made["id"] == "mine"
    changed = await call(server, project, "PUT", "/mine", json=FLAT | {"inputPrice": 5})
    assert changed.json()["inputPrice"] == 5
    gone = await call(server, project, "DELETE", "/mine")
    assert (gone.status_code, gone.json()) == (200, {"message": "Model successfully deleted"})
    assert (await call(server, project, "GET", "/mine")).status_code == 404
    assert (await call(server, project, "DELETE", "/mine")).status_code == 404


async def test_built_in_models_can_be_read_only(server: RunningServer, project: ProjectAccess) -> None:
    known = builtin_models().match("gpt-4o")
    assert known is not None
    found = (await call(server, project, "GET", f"/{known.id}")).json()
    assert (found["modelName"], found["isLangfuseManaged"]) == ("gpt-4o", True)
    assert (await call(server, project, "DELETE", f"/{known.id}")).status_code == 404
    assert (await call(server, project, "PUT", f"/{known.id}", json=FLAT)).status_code == 400


async def test_the_list_is_in_order_and_in_pages(server: RunningServer, project: ProjectAccess) -> None:
    await call(server, project, "POST", json=FLAT | {"modelName": "!first"})
    page = (await call(server, project, "GET", params={"limit": 2})).json()
    total = len(builtin_models()) + 1
    assert page["meta"] == {"page": 1, "limit": 2, "totalItems": total, "totalPages": -(-total // 2)}
    assert page["data"][0]["modelName"] == "!first"
    last = (await call(server, project, "GET", params={"limit": 100, "page": -(-total // 100)})).json()
    names = [model["modelName"] for model in last["data"]]
    assert names == sorted(names)


async def test_another_project_sees_nothing_of_it(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    made = (await call(server, project, "POST", json=FLAT)).json()
    for method in ("GET", "DELETE"):
        answer = await call(server, other_project, method, f"/{made['id']}")
        assert answer.status_code == 404
    assert (await call(server, project, "GET", f"/{made['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"matchPattern": "("}, "not a valid regular expression"),
        ({"inputPrice": None, "outputPrice": None}, "Give a price"),
        ({"pricingTiers": TIERS}, "not both"),
        ({"totalPrice": 1}, "totalPrice excludes"),
        ({"unit": "BYTES"}, "unit"),
        ({"inputPrice": -1}, "inputPrice"),
        ({"inputPrice": "1"}, "inputPrice"),
        ({"modelName": ""}, "modelName"),
        ({"startDate": "yesterday"}, "startDate"),
        ({"tokenizerId": "openai"}, "tokenizerConfig"),
        ({"inputPrice": None, "outputPrice": None, "pricingTiers": TIERS[1:]}, "default"),
    ],
)
async def test_what_does_not_fit_is_named(
    server: RunningServer, project: ProjectAccess, change: dict[str, Any], said: str
) -> None:
    answer = await call(server, project, "POST", json=FLAT | change)
    assert answer.status_code == 400
    assert said in answer.text


async def test_a_name_is_there_once(server: RunningServer, project: ProjectAccess) -> None:
    assert (await call(server, project, "POST", json=FLAT)).status_code == 200
    again = await call(server, project, "POST", json=FLAT)
    assert again.status_code == 400
    assert "house" in again.json()["message"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.dictionaries(st.sampled_from(sorted([*FLAT, "unit", "startDate", "pricingTiers"])), JSON))
async def test_nothing_that_is_sent_is_our_error(
    server: RunningServer, project: ProjectAccess, change: dict[str, Any]
) -> None:
    answer = await call(server, project, "PUT", "/mine", json=FLAT | change)
    assert answer.status_code in (200, 400), answer.text


async def test_observations_show_what_priced_them(server: RunningServer, project: ProjectAccess) -> None:
    model = (await call(server, project, "POST", json=FLAT)).json()
    row = observation(
        project.project_id,
        trace_id="t",
        id="a",
        type="GENERATION",
        model="house",
        model_id=model["id"],
        price_tier_name="Standard",
        usage_source="provided",
        cost_source="calculated",
    )
    await insert(server.services.clickhouse, [row])
    path = "/api/public/v2/observations"
    params = {"fields": "core,model,usage", "traceId": "t"}
    answer = await server.client.get(path, params=params, headers=project.headers)
    (shown,) = answer.json()["data"]
    assert (shown["modelId"], shown["internalModelId"]) == (model["id"], model["id"])
    assert (shown["inputPrice"], shown["outputPrice"], shown["totalPrice"]) == (
        "0.000001",
        "0.000002",
        None,
    )
    assert shown["usagePricingTierName"] == "Standard"
    (bare,) = (await server.client.get(path, params={"traceId": "t"}, headers=project.headers)).json()[
        "data"
    ]
    assert (bare["modelId"], bare["inputPrice"]) == (None, None)
    trace = (await server.client.get("/api/public/traces/t", headers=project.headers)).json()
    assert trace["observations"][0]["inputPrice"] == 1e-6
