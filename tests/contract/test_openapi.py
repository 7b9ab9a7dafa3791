"""Our OpenAPI document beside the documented one: every operation, parameter and field of it is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from lumenspan.settings import Settings
from lumenspan_server.app import create_app
from tests.contract import reference
from tests.contract.documented import DocumentedAnswers
from tests.integration.server.conftest import RunningServer

_MESSAGE = "documented without a body; the reference server sends a message, and so do we"
_CREATED = "documented as 200; the reference server answers 201"
_NO_COST = "never filled by the reference server; cost is in calculatedInputCost and its neighbours"
_NEWER_STORE = "in the list of SDK 5, which is newer than the document"
_NEWER_RULE = "rules made through /v2 are read here too, and their filters may ask that"
_OLD_RULE = "one shape of rules; one that can be made or changed is never on traces or datasets"
_RULES = "/api/public/unstable/evaluation-rules"

# Intended differences: what the documents disagree on, and why ours says what it says.
DIFFERENCES: Mapping[str, str] = {
    "DELETE /api/public/scores/{} answers 202": _MESSAGE,
    "DELETE /api/public/models/{} answers 200": _MESSAGE,
    "PATCH /api/public/media/{} answers 200": _MESSAGE,
    "POST /api/public/media answers 201": _CREATED,
    "POST /api/public/v2/prompts answers 201": _CREATED,
    "POST /api/public/models body.tokenizerConfig.tokenizerModel: is required and not documented": (
        "documented as anything; a configuration that names no tokenizer could not count tokens"
    ),
    "POST /api/public/projects answers 201": _CREATED,
    "POST /api/public/projects/{}/apiKeys answers 201": _CREATED,
    "POST /api/public/scim/Users answers 201": _CREATED,
    "GET /api/public/integrations/blob-storage 200.data[].type: may be GOOGLE_CLOUD_STORAGE": _NEWER_STORE,
    "PUT /api/public/integrations/blob-storage 200.type: may be GOOGLE_CLOUD_STORAGE": _NEWER_STORE,
    f"GET {_RULES} 200.data[].filter[].operator: may be is not set, is set": _NEWER_RULE,
    f"GET {_RULES}/{{}} 200.filter[].operator: may be is not set, is set": _NEWER_RULE,
    f"PATCH {_RULES}/{{}} 200.filter[].operator: may be is not set, is set": _NEWER_RULE,
    f"POST {_RULES} 200.filter[].operator: may be is not set, is set": _NEWER_RULE,
    f"PATCH {_RULES}/{{}} 200.target: may be dataset, trace": _OLD_RULE,
    f"POST {_RULES} 200.target: may be dataset, trace": _OLD_RULE,
    "GET /api/public/observations 200.data[].usage.inputCost: is missing": _NO_COST,
    "GET /api/public/observations 200.data[].usage.outputCost: is missing": _NO_COST,
    "GET /api/public/observations 200.data[].usage.totalCost: is missing": _NO_COST,
    "GET /api/public/observations/{} 200.usage.inputCost: is missing": _NO_COST,
    "GET /api/public/observations/{} 200.usage.outputCost: is missing": _NO_COST,
    "GET /api/public/observations/{} 200.usage.totalCost: is missing": _NO_COST,
    "GET /api/public/traces/{} 200.observations[].usage.inputCost: is missing": _NO_COST,
    "GET /api/public/traces/{} 200.observations[].usage.outputCost: is missing": _NO_COST,
    "GET /api/public/traces/{} 200.observations[].usage.totalCost: is missing": _NO_COST,
}

# Operations of the documented API that are not served yet; one that is served must leave the list.
PENDING: frozenset[str] = frozenset()

# Operations that SDKs of some version call and the documented API does not list.
BESIDES = frozenset(
    {
        # Python 5.0.4
        "POST /api/public/v2/evaluators",
        "GET /api/public/v2/evaluators",
        "GET /api/public/v2/evaluators/{}",
        "PATCH /api/public/v2/evaluators/{}",
        "DELETE /api/public/v2/evaluators/{}",
        "GET /api/public/v2/evaluators/{}/versions",
        "POST /api/public/v2/evaluation-rules",
        "GET /api/public/v2/evaluation-rules",
        "GET /api/public/v2/evaluation-rules/{}",
        "PATCH /api/public/v2/evaluation-rules/{}",
        "DELETE /api/public/v2/evaluation-rules/{}",
        "GET /api/public/unstable/skills",
        "POST /api/public/unstable/skills",
        "GET /api/public/unstable/skills/{}",
        "PATCH /api/public/unstable/skills/{}",
        "GET /api/public/unstable/skills/files/content",
        "PATCH /api/public/unstable/skills/{}/versions/{}",
        "DELETE /api/public/unstable/skills/{}/versions/{}",
        "PUT /api/public/models/{}",
        # Python 2.60
        "GET /api/public/metrics/daily",
        "GET /api/public/scores",
        "GET /api/public/scores/{}",
        # Python 2.30, JavaScript 3 and 2
        "GET /api/public/datasets",
        "POST /api/public/datasets",
        "GET /api/public/datasets/{}",
        "GET /api/public/prompts",
        "POST /api/public/prompts",
    }
)


@pytest.fixture
async def ours(server: RunningServer) -> dict[str, Any]:
    answer = await server.client.get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


class TestOperations:
    def test_every_documented_operation_is_served(self, ours: dict[str, Any]) -> None:
        wanted = reference.operations(reference.load()).keys() | BESIDES
        assert len(wanted) == 141
        assert sorted(wanted - reference.operations(ours).keys() - PENDING) == []

    def test_what_is_served_is_not_pending(self, ours: dict[str, Any]) -> None:
        assert sorted(PENDING & reference.operations(ours).keys()) == []

    def test_what_is_pending_is_wanted(self) -> None:
        assert sorted(PENDING - reference.operations(reference.load()).keys() - BESIDES) == []


class TestShapes:
    def test_documents_agree_but_for_what_is_meant_to_differ(self, ours: dict[str, Any]) -> None:
        theirs = reference.load()
        found = set(_gaps(theirs, ours))
        assert sorted(found - DIFFERENCES.keys()) == []
        assert sorted(DIFFERENCES.keys() - found) == []


def _gaps(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Everything in which an operation that both serve differs to the harm of a client."""
    their_shapes, our_shapes = reference.Shapes(theirs), reference.Shapes(ours)
    served = reference.operations(ours)
    for name, wanted in reference.operations(theirs).items():
        if name not in served:
            continue
        given = served[name]
        yield from _parameter_gaps(name, wanted, given, their_shapes, our_shapes)
        body, our_body = _json(wanted.get("requestBody")), _json(given.get("requestBody"))
        if body is not None:
            if our_body is None:
                yield f"{name} takes no body"
            else:
                shapes = their_shapes.of(body), our_shapes.of(our_body)
                yield from reference.body_gaps(*shapes, f"{name} body")
        yield from _answer_gaps(name, wanted, given, their_shapes, our_shapes)


def _parameter_gaps(
    name: str,
    wanted: dict[str, Any],
    given: dict[str, Any],
    their_shapes: reference.Shapes,
    our_shapes: reference.Shapes,
) -> Iterator[str]:
    known = {each["name"]: each for each in given["parameters"] if each["in"] == "query"}
    for each in wanted.get("parameters", ()):
        if each["in"] != "query":
            continue
        place = f"{name} ?{each['name']}"
        mine = known.get(each["name"])
        if mine is None:
            yield f"{place}: is not known"
            continue
        if mine["required"] and not each.get("required"):
            yield f"{place}: is required"
        theirs, ours = their_shapes.of(each["schema"]), our_shapes.of(mine["schema"])
        # A query knows no null.
        for shape in (theirs, theirs.element):
            if shape is not None:
                shape.is_nullable = False
        yield from reference.body_gaps(theirs, ours, place)


def _answer_gaps(
    name: str,
    wanted: dict[str, Any],
    given: dict[str, Any],
    their_shapes: reference.Shapes,
    our_shapes: reference.Shapes,
) -> Iterator[str]:
    for status, each in wanted["responses"].items():
        if int(status) >= 300:
            continue
        if status not in given["responses"]:
            good = sorted(code for code in given["responses"] if int(code) < 300)
            yield f"{name} answers {', '.join(good)}"
            status = good[0]
        theirs, ours = _json(each), _json(given["responses"][status])
        if theirs is not None and ours is not None:
            yield from reference.answer_gaps(
                their_shapes.of(theirs), our_shapes.of(ours), f"{name} {status}"
            )


def _json(part: dict[str, Any] | None) -> dict[str, Any] | None:
    content = (part or {}).get("content", {})
    found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return found


class TestAnswers:
    """The hook of the tests' client, which holds every answer against its declaration."""

    @pytest.mark.parametrize("body", [{"data": []}, {"data": [{"id": 1}], "meta": {"limit": 50}}])
    async def test_one_that_is_not_as_declared_is_noticed(
        self, settings: Settings, body: dict[str, Any]
    ) -> None:
        request = httpx.Request("GET", "http://server/api/public/v3/scores?limit=1")
        with pytest.raises(AssertionError, match="GET /api/public/v3/scores"):
            await DocumentedAnswers(create_app(settings))(httpx.Response(200, json=body, request=request))

    async def test_one_that_is_passes(self, settings: Settings) -> None:
        request = httpx.Request("GET", "http://server/api/public/datasets/a%2Fb/runs")
        meta = {"page": 1, "limit": 50, "totalItems": 0, "totalPages": 0}
        answer = httpx.Response(200, json={"data": [], "meta": meta}, request=request)
        await DocumentedAnswers(create_app(settings))(answer)
        assert answer.is_success
