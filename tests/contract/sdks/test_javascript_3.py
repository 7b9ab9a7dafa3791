"""Langfuse for JavaScript 3.39, which sends everything in batches of events."""

from __future__ import annotations

import pytest

from tests.conftest import Stack, make_project
from tests.contract.sdks import environments
from tests.contract.sdks.running import Run, run_javascript

# The first test of a module may have to install the SDK.
pytestmark = [pytest.mark.engines, pytest.mark.sdks, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
async def sdk(stack: Stack, identity_clients: object, model: str) -> Run:
    modules = environments.javascript("javascript-3")
    access = await make_project(identity_clients)
    return run_javascript("js_3.mjs", modules, stack, access, model)


def test_the_sdk_reported_no_error(sdk: Run) -> None:
    assert sdk.complaints == []


def test_tracing_reads_back_through_the_sdk(sdk: Run) -> None:
    assert sdk.step("tracing")["url"].endswith("/trace/order-1")
    seen = sdk.step("fetching")
    assert seen["trace"] == [
        "order",
        "user-1",
        "session-1",
        ["a", "b"],
        {"order": 1},
        {"done": True},
        "v1",
    ]
    assert seen["observations"] == {
        "span-1": ["SPAN", None, "WARNING"],
        "generation-1": ["GENERATION", "span-1", "DEFAULT"],
        "generation-2": ["GENERATION", "span-1", "DEFAULT"],
        "event-1": ["EVENT", "span-1", "DEBUG"],
        "loose-1": ["SPAN", "span-1", "DEFAULT"],
        "event-2": ["EVENT", None, "DEFAULT"],
        "generation-3": ["GENERATION", None, "DEFAULT"],
    }
    assert seen["generation"] == ["gpt-4o", 15, pytest.approx(0.00003), 1]
    assert seen["by user"] == ["order-1"]
    assert seen["generations"] == ["generation-1", "generation-2", "generation-3"]
    assert seen["sessions"] == ["session-1"]
    assert seen["missing"] == "Trace nothing not found within authorized project"


def test_environments_releases_and_masks(sdk: Run) -> None:
    sdk.step("tracing")
    trace = sdk.trace("staged-1")
    assert (trace["environment"], trace["release"], trace["input"]) == ("staging", "r-staging", "masked")
    order = sdk.trace("order-1")
    assert (order["environment"], order["release"], order["public"]) == ("contract", "r-9", True)
    assert order["metadata"] == {"tier": "gold", "deep": [1, {"n": None}]}
    stored = {each["id"]: each for each in order["observations"]}
    assert stored["generation-3"]["environment"] == "other"
    assert stored["generation-2"]["usageDetails"]["input"] == 7
    assert stored["generation-1"]["modelParameters"]["temperature"] == 0.2


def test_prompts(sdk: Run) -> None:
    assert sdk.step("prompts") == {
        "made": [1, ["latest", "production"], ["support"], {"model": "m"}, "first"],
        "text": "You are Ann. Answer it",
        "chat": [{"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "yes"}],
        "staging": 2,
        "version": 1,
        "labels": ["production", "stable"],
        "cached": ["one", "one"],
        "uncached": "two",
        "fallback": ["instead y", True],
        "missing": True,
    }
    generation = sdk.observations("prompted-1", 1)["with-prompt"]
    assert (generation["promptName"], generation["promptVersion"]) == ("team/answer", 1)


def test_datasets(sdk: Run) -> None:
    assert sdk.step("datasets") == {
        "dataset": ["eval/qa", "sums", {"of": "us"}],
        "items": [
            ["item-1+1", {"q": "1+1"}, "2", {"hard": False}],
            ["item-2+2", {"q": "2+2"}, "4", {"hard": False}],
        ],
        "item": "ARCHIVED",
        "runs": [2, 1],
        "run": ["linked run", "d", {"m": 1}, ["item-1+1", "item-2+2"]],
        "linked": [True, True],
    }
    assert len(sdk.scores(2, name="exact")) == 2


def test_scores(sdk: Run) -> None:
    sdk.step("scores")
    stored = {each["id"]: each for each in sdk.scores(4, traceId="order-1")}
    assert stored["s-1"]["value"] == 0.75
    assert (stored["s-2"]["observationId"], stored["s-2"]["stringValue"]) == ("span-1", "True")
    assert (stored["s-3"]["dataType"], stored["s-3"]["stringValue"]) == ("CATEGORICAL", "good")
    assert (stored["s-4"]["value"], stored["s-4"]["stringValue"]) == (1, "good")


def test_media(sdk: Run) -> None:
    seen = sdk.step("media")
    assert seen["resolved"].startswith("data:image/png;base64,iVBOR")
    assert seen["fetched"] == [seen["id"], "image/png"]
    assert sdk.observations("media-1", 1)["see"]["metadata"]["again"] == seen["input"]["picture"]


def test_the_wrapped_openai_client(sdk: Run) -> None:
    assert sdk.step("openai") == {"text": "It is sunny in Oslo."}
    stored = sdk.observations("openai-1", 2)
    assert stored["streamed"]["output"] == "It is sunny in Oslo."
    assert stored["with-tools"]["usageDetails"]["total"] == 52
    assert stored["with-tools"]["modelParameters"]["temperature"] == 0.1


def test_the_generated_client(sdk: Run) -> None:
    assert sdk.step("api") == {
        "projects": 1,
        "models": True,
        "session": ["order-1"],
        "metrics": 1,
        "health": "OK",
        "observations": ["generation-1"],
        "traces": ["order-1"],
        "scores": ["s-1", "s-2", "s-3", "s-4"],
        "configs": ["verdict"],
        "prompts": [[1, 2]],
        "datasets": ["eval/qa"],
        "items": 2,
    }
