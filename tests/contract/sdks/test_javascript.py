"""Langfuse for JavaScript 4 and 5, which send spans over OpenTelemetry."""

from __future__ import annotations

import pytest

from tests.conftest import Stack, make_project
from tests.contract.sdks import environments
from tests.contract.sdks.running import Run, run_javascript

# The first test of a module may have to install the SDK.
pytestmark = [pytest.mark.engines, pytest.mark.sdks, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["4", "5"])
async def sdk(request: pytest.FixtureRequest, stack: Stack, identity_clients: object, model: str) -> Run:
    modules = environments.javascript(f"javascript-{request.param}")
    access = await make_project(identity_clients)
    return run_javascript("js.mjs", modules, stack, access, model, GENERATION=request.param)


def test_the_sdk_reported_no_error(sdk: Run) -> None:
    assert sdk.complaints == []


def test_connection_and_addresses(sdk: Run) -> None:
    seen = sdk.step("connection")
    assert (seen["wrong"], seen["health"]) == (401, "OK")
    assert seen["url"] == sdk.url(f"traces/{'a' * 32}")


def test_tracing(sdk: Run) -> None:
    seen = sdk.step("tracing")
    stored = sdk.observations(seen["trace"], 6)
    trace = sdk.trace(seen["trace"])
    assert (trace["name"], trace["userId"], trace["sessionId"]) == ("decorated", "user-1", "session-1")
    assert (trace["environment"], trace["release"], trace["version"]) == ("contract", "r-9", "v1")
    assert (sorted(trace["tags"]), trace["metadata"]["tier"], trace["public"]) == (["a", "b"], "gold", True)
    assert (trace["input"], trace["output"]) == ({"question": "Oslo?"}, "card ****")
    assert {name: each["type"] for name, each in stored.items()} == {
        "request": "SPAN",
        "handle": "AGENT",
        "search": "RETRIEVER",
        "broken": "TOOL",
        "ask": "GENERATION",
        "noticed": "EVENT",
    }
    handle, generation = stored["handle"], stored["ask"]
    assert (stored["request"]["id"], stored["request"]["parentObservationId"]) == (seen["root"], None)
    assert handle["parentObservationId"] == seen["root"]
    for name in ("search", "broken", "ask", "noticed"):
        assert stored[name]["parentObservationId"] == handle["id"]
    assert (stored["broken"]["level"], stored["broken"]["statusMessage"]) == ("ERROR", "the tool is down")
    assert (stored["search"]["input"], stored["search"]["output"]) == (None, ["Oslo?"])
    assert handle["metadata"]["nested.deep"] == [1, 2]
    assert (generation["model"], generation["version"]) == ("gpt-4o-mini", "g1")
    assert generation["usageDetails"] == {"input": 120, "output": 30, "total": 150}
    assert generation["calculatedTotalCost"] == pytest.approx(0.00018)


def test_scores(sdk: Run) -> None:
    seen, ids = sdk.step("scores"), sdk.step("tracing")
    assert seen["configs"] == ["verdict"]
    stored = {each["name"]: each for each in sdk.scores(7, traceId=ids["trace"])}
    assert stored["number"]["value"] == 0.75
    assert (stored["flag"]["observationId"], stored["flag"]["stringValue"]) == (ids["root"], "True")
    assert stored["flag"]["metadata"] == {"by": "us"}
    assert (stored["verdict"]["value"], stored["verdict"]["stringValue"]) == (1, "good")
    assert (stored["helpful"]["value"], stored["helpful"]["comment"]) == (0.5, "so so")
    assert (stored["kind"]["dataType"], stored["kind"]["stringValue"]) == ("CATEGORICAL", "good")
    assert (stored["close"]["observationId"], stored["close"]["value"]) == (ids["root"], 0.9)
    (of_session,) = sdk.scores(1, sessionId="session-1")
    assert (of_session["name"], of_session["stringValue"]) == ("mood", "good")


def test_prompts(sdk: Run) -> None:
    seen = dict(sdk.step("prompts"))
    generation = sdk.observations(seen.pop("traceId"), 1)["with-prompt"]
    assert (generation["promptName"], generation["promptVersion"]) == ("team/answer", 1)
    assert seen == {
        "made": [1, ["latest", "production"], ["support"], {"model": "m"}, "first"],
        "text": "You are Ann. Answer it",
        "chat": [{"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "yes"}],
        "staging": 2,
        "version": 1,
        "labels": ["production", "stable"],
        "cached": ["one", "one", "two"],
        "fallback": ["instead y", True],
        "missing": 404,
        "gone": True,
    }


def test_datasets_and_runs(sdk: Run) -> None:
    assert sdk.step("datasets") == {
        "items": [[f"item-{n}+{n}", {"q": f"{n}+{n}"}, str(2 * n), {"hard": False}] for n in (1, 2, 3)],
        "runs": ["by hand"],
        "run": ["by hand", "d", {"m": 1}, 3],
        "deleted": "Dataset run successfully deleted",
        "item": "eval/qa",
        "listed": ["eval/qa"],
    }


def test_experiments(sdk: Run) -> None:
    seen = sdk.step("experiments")
    assert (seen["run"], seen["outputs"]) == ("sums of today", ["2", "4", "6"])
    assert seen["evaluations"] == [*[["exact", 1]] * 3, *[["kind", "even"]] * 3]
    assert (seen["runEvaluations"], seen["local"][0], seen["text"]) == ([["share", 1]], "10", True)
    assert seen["url"] == sdk.url(f"datasets/{seen['datasetId']}/runs/{seen['runId']}")
    for trace_id in seen["traceIds"]:
        (item,) = sdk.observations(trace_id, 1).values()
        assert item["environment"] == "sdk-experiment"
        assert {each["name"] for each in sdk.scores(2, traceId=trace_id)} == {"exact", "kind"}
    (of_run,) = sdk.scores(1, datasetRunId=seen["runId"])
    assert (of_run["name"], of_run["value"]) == ("share", 1)
    run = sdk.read("datasets/eval%2Fqa/runs/sums%20of%20today")
    assert (run["id"], len(run["datasetRunItems"])) == (seen["runId"], 3)


def test_media(sdk: Run) -> None:
    seen = sdk.step("media")
    assert seen["resolved"].startswith("data:image/png;base64,iVBOR")
    assert seen["fetched"] == [seen["id"], "image/png"]
    stored = sdk.observations(seen["traceId"], 1)["look"]
    # The SDK writes another source into what it sends than into the tag that it hands out.
    reference = f"@@@langfuseMedia:type=image/png|id={seen['id']}|source=base64_data_uri@@@"
    assert (stored["input"], stored["metadata"]["again"]) == ({"picture": reference}, reference)


def test_fetching(sdk: Run) -> None:
    assert sdk.step("fetching") == {
        "trace": ["decorated", "user-1", "session-1", ["a", "b"], {"question": "Oslo?"}, "card ****"],
        "listed": [True],
        "generation": ["gpt-4o-mini", {"input": 120, "output": 30, "total": 150}, pytest.approx(0.00018)],
        "types": ["AGENT", "EVENT", "GENERATION", "RETRIEVER", "SPAN", "TOOL"],
        "pages": 6,
        "session": ["session-1", [True]],
        "scores": ["close", "flag", "found", "helpful", "kind", "number", "verdict"],
        "missing": 404,
    }


def test_langchain(sdk: Run) -> None:
    seen = sdk.step("langchain")
    assert seen["answer"] == "It is sunny."
    stored = sdk.observations(seen["traceId"], 4)
    (model,) = [each for each in stored.values() if each["type"] == "GENERATION"]
    assert model["usageDetails"] == {"input": 11, "output": 4, "total": 15}
    trace = sdk.trace(seen["traceId"])
    assert (trace["userId"], trace["sessionId"], trace["tags"]) == ("user-3", "session-3", ["chain"])


def test_the_wrapped_openai_client(sdk: Run) -> None:
    seen = sdk.step("openai")
    assert seen["text"] == "It is sunny in Oslo."
    stored = sdk.observations(seen["traceId"], 3)
    assert stored["streamed"]["output"] == "It is sunny in Oslo."
    assert (stored["with-tools"]["type"], stored["with-tools"]["usageDetails"]["total"]) == (
        "GENERATION",
        52,
    )
    assert stored["with-tools"]["modelParameters"]["temperature"] == 0.1


def test_the_generated_client(sdk: Run) -> None:
    assert sdk.step("api") == {
        "projects": 1,
        "models": ["own", True],
        "metrics": True,
        "metrics 2": True,
        "prompts": [[1, 2]],
        "deleted": "Trace deleted successfully",
        "deleted together": "Traces deleted successfully",
    }
