"""Langfuse for Python 2.60, which sends everything in batches of events."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Stack, make_project
from tests.contract.sdks import environments
from tests.contract.sdks.running import PROGRAMS, Run, run
from tests.support import wait_until

# The first test of a module may have to install the SDK.
pytestmark = [pytest.mark.engines, pytest.mark.sdks, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
async def sdk(stack: Stack, identity_clients: object, model: str) -> Run:
    interpreter = environments.python("python-2")
    access = await make_project(identity_clients)
    return run([str(interpreter), str(PROGRAMS / "python_2.py")], stack, access, model)


def test_the_sdk_reported_no_error(sdk: Run) -> None:
    assert sdk.complaints == []


def test_connection_and_addresses(sdk: Run) -> None:
    seen = sdk.step("connection")
    assert (seen["good"], seen["wrong"], seen["health"]) == (True, 401, "OK")
    assert seen["trace_url"] == f"{sdk.stack.base_url}/trace/{seen['trace_id']}"


def test_decorators(sdk: Run) -> None:
    seen = sdk.step("decorators")
    assert seen["answer"] == "Sunny."
    assert seen["url"] == sdk.url(f"traces/{seen['id']}")
    stored = sdk.observations(seen["id"], 5)
    trace = sdk.trace(seen["id"])
    assert (trace["name"], trace["userId"], trace["sessionId"]) == ("decorated", "user-1", "session-1")
    assert (trace["version"], trace["release"], trace["public"]) == ("v1", "r-own", True)
    assert (trace["environment"], sorted(trace["tags"])) == ("contract", ["a", "b"])
    assert trace["metadata"]["tier"] == "gold"
    assert (trace["input"], trace["output"]) == ({"args": ["Oslo?"], "kwargs": {}}, "Sunny.")
    assert set(stored) == {"search", "broken", "later", "streamed", "generate"}
    assert all(each["parentObservationId"] is None for each in stored.values())
    generation = stored["generate"]
    assert (generation["type"], generation["model"]) == ("GENERATION", "gpt-4o-mini")
    assert generation["usageDetails"] == {"input": 120, "output": 30, "total": 150}
    assert generation["calculatedTotalCost"] == pytest.approx(0.00018)
    assert (stored["broken"]["level"], stored["broken"]["statusMessage"]) == ("ERROR", "the tool is down")
    assert (stored["search"]["input"], stored["streamed"]["output"]) == (None, "ab")
    scores = {each["name"]: each for each in sdk.scores(2, traceId=seen["id"])}
    assert scores["found"]["observationId"] == stored["search"]["id"]
    assert (scores["found"]["dataType"], scores["helpful"]["value"]) == ("BOOLEAN", 0.5)
    assert (scores["helpful"]["comment"], scores["helpful"]["observationId"]) == ("so so", None)


def test_what_is_built_by_hand_is_fetched_as_it_was_sent(sdk: Run) -> None:
    assert sdk.step("objects") == {"id": "order-1"}
    seen = sdk.step("fetching")
    assert seen["trace"] == ["order", "user-2", "session-2", ["z"], "r-later", {"order": 1}, {"done": True}]
    assert seen["observations"] == {
        "span-1": ["SPAN", None, "WARNING"],
        "generation-1": ["GENERATION", "span-1", "DEFAULT"],
        "generation-2": ["GENERATION", "span-1", "DEFAULT"],
        "event-1": ["EVENT", "span-1", "DEBUG"],
        "loose-1": ["SPAN", "span-1", "DEFAULT"],
        "event-2": ["EVENT", None, "DEFAULT"],
        "generation-3": ["GENERATION", None, "DEFAULT"],
    }
    assert seen["generation"] == ["gpt-4o", 15, 0.5]
    assert seen["times"] == [3.0, 1.0]
    assert seen["openai usage"]["input"] == 7
    assert (seen["by user"], seen["by tags"], seen["by session"]) == (["order-1"],) * 3
    assert seen["generations"] == ["generation-1", "generation-2", "generation-3"]
    assert {"session-1", "session-2"} <= set(seen["sessions"])
    assert (seen["old"], seen["missing"]) == ("order", 404)


def test_masks_sampling_and_environments(sdk: Run) -> None:
    sdk.step("masking")

    def staged() -> dict[str, dict[str, Any]] | None:
        found = {row["id"]: row for row in sdk.read("traces", limit=100)["data"]}
        return found if {"masked-1", "staged-1"} <= set(found) else None

    found = wait_until(staged, timeout_s=30) or {}
    assert (found["masked-1"]["input"], found["masked-1"]["output"]) == ("masked", "masked")
    assert (found["staged-1"]["environment"], found["staged-1"]["release"]) == ("staging", "r-staging")
    assert "sampled-out" not in found


def test_prompts(sdk: Run) -> None:
    assert sdk.step("prompts") == {
        "made": [1, ["latest", "production"], ["support"], {"model": "m"}, "first"],
        "text": "You are Ann. Answer it",
        "langchain": "You are Ann. Answer {question}",
        "chat": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
        "staging": 2,
        "version": 1,
        "labels": ["production", "stable"],
        "cached": [1, "one", "one"],
        "uncached": "two",
        "fallback": ["instead y", True],
        "missing": 404,
        "listed": [["team/answer", [1, 2]]],
    }
    generation = sdk.observations("prompted-1", 1)["with-prompt"]
    assert (generation["promptName"], generation["promptVersion"]) == ("team/answer", 1)


def test_datasets_and_runs(sdk: Run) -> None:
    seen = sdk.step("datasets")
    assert sorted(seen["items"]) == [
        ["item-1+1", {"q": "1+1"}, "2", {"hard": False}],
        ["item-2+2", {"q": "2+2"}, "4", {"hard": False}],
    ]
    assert (seen["item"], seen["runs"]) == ("ARCHIVED", [3, ["chained", "linked run"]])
    assert seen["run"] == ["eval/qa", ["item-1+1", "item-2+2"]]
    assert (seen["linked"], seen["left"], seen["listed"]) == ([True, True], 2, ["eval/qa"])
    assert seen["by item list"] == 2
    assert (seen["deleted"], seen["item deleted"]) == (
        "Dataset run successfully deleted",
        "Dataset item successfully deleted",
    )


def test_scores(sdk: Run) -> None:
    seen = sdk.step("scores")
    assert seen["values"] == {
        "s-1": ["number", "NUMERIC", 0.75, None],
        "s-2": ["flag", "BOOLEAN", 1.0, "True"],
        "s-3": ["kind", "CATEGORICAL", 0.0, "good"],
        "s-4": ["verdict", "CATEGORICAL", 1.0, "good"],
    }
    assert seen["listed"] == ["s-1", "s-2", "s-4"]
    assert (seen["configs"], seen["config"]) == (["verdict"], "good")


def test_media(sdk: Run) -> None:
    seen = sdk.step("media")
    assert seen["resolved"].startswith("data:image/png;base64,iVBOR")
    assert seen["input"]["picture"] == f"@@@langfuseMedia:type=image/png|id={seen['id']}|source=bytes@@@"
    assert seen["fetched"][:2] == [seen["id"], "image/png"]
    assert sdk.observations("media-1", 1)["see"]["metadata"]["again"] == seen["input"]["picture"]


def test_langchain(sdk: Run) -> None:
    seen = sdk.step("langchain")
    assert seen["answers"] == ["It is sunny.", "It rains."]
    assert seen["url"].endswith(seen["trace_id"])


def test_the_wrapped_openai_client(sdk: Run) -> None:
    assert sdk.step("openai_wrapper") == {"text": "It is sunny in Oslo.", "async": "It is sunny in Oslo."}
    stored = sdk.observations("openai-1", 4)
    assert {name: each["type"] for name, each in stored.items()} == dict.fromkeys(
        ("with-tools", "streamed", "plain-async", "streamed-async"), "GENERATION"
    )
    assert stored["streamed"]["output"] == "It is sunny in Oslo."
    assert stored["with-tools"]["output"]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert stored["with-tools"]["usageDetails"]["total"] == 52
    assert float(stored["with-tools"]["modelParameters"]["temperature"]) == 0.1
    trace = sdk.trace("openai-1")
    assert (trace["userId"], trace["sessionId"], trace["tags"]) == ("user-4", "session-4", ["o"])


def test_the_generated_client(sdk: Run) -> None:
    assert sdk.step("api") == {
        "projects": 1,
        "models": ["own", True],
        "traces": True,
        "observations": "generation-1",
        "session": ["session-2", ["order-1"]],
        "sessions": 1,
        "daily": True,
        "deleted": "Trace deleted successfully",
        "deleted together": "Traces deleted successfully",
        "missing": 404,
    }
