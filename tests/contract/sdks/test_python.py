"""Langfuse for Python 3, 4 and 5, which send spans over OpenTelemetry."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ProjectAccess, Stack, make_project
from tests.contract.sdks import environments
from tests.contract.sdks.running import PROGRAMS, Run, run

# The first test of a module may have to install the SDK.
pytestmark = [pytest.mark.engines, pytest.mark.sdks, pytest.mark.timeout(600)]

_SUM_RUNS = ["item-1+1", "item-2+2", "item-3+3"]


@pytest.fixture(scope="module", params=["3", "4", "5"])
async def sdk(
    request: pytest.FixtureRequest, stack: Stack, identity_clients: object, model: str
) -> tuple[str, Run]:
    generation: str = request.param
    interpreter = environments.python(f"python-{generation}")
    access = await make_project(identity_clients)
    program = PROGRAMS / f"python_{generation}.py"
    return generation, run([str(interpreter), str(program)], stack, access, model, GENERATION=generation)


Sdk = tuple[str, Run]


def test_the_sdk_reported_no_error(sdk: Sdk) -> None:
    assert sdk[1].complaints == []


def test_connection_and_addresses(sdk: Sdk) -> None:
    seen = sdk[1].step("connection")
    assert (seen["good"], seen["health"]) == (True, "OK")
    assert seen["url"] == sdk[1].url(f"traces/{'a' * 32}")


def test_tracing(sdk: Sdk) -> None:
    seen = sdk[1].step("tracing")
    assert seen["url"] == sdk[1].url(f"traces/{seen['trace']}")
    stored = sdk[1].observations(seen["trace"], 9)
    trace = sdk[1].trace(seen["trace"])
    assert (trace["name"], trace["userId"], trace["sessionId"]) == ("decorated", "user-1", "session-1")
    assert (trace["environment"], trace["release"], trace["version"]) == ("contract", "r-9", "v1")
    assert (sorted(trace["tags"]), trace["metadata"]["tier"]) == (["a", "b"], "gold")
    assert (trace["input"], trace["output"]) == ({"question": "Oslo?"}, {"answer": "Sunny."})
    assert {name: each["type"] for name, each in stored.items()} == {
        "request": "SPAN",
        "handle": "AGENT",
        "search": "RETRIEVER",
        "broken": "TOOL",
        "later": "SPAN",
        "streamed": "SPAN",
        "noticed": "EVENT",
        "generate": "GENERATION",
        "manual": "EMBEDDING",
    }
    root, handle = stored["request"], stored["handle"]
    assert (root["id"], root["parentObservationId"], root["level"]) == (seen["root"], None, "WARNING")
    assert {
        name: each["parentObservationId"] == handle["id"]
        for name, each in stored.items()
        if name != "request"
    } == {name: name not in ("handle", "manual") for name in stored if name != "request"}
    assert (stored["broken"]["level"], stored["broken"]["statusMessage"]) == ("ERROR", "the tool is down")
    assert (stored["noticed"]["level"], stored["noticed"]["statusMessage"]) == ("DEBUG", "careful")
    assert stored["search"]["input"] is None
    generation = stored["generate"]
    assert (generation["model"], generation["version"]) == ("gpt-4o-mini", "g1")
    assert generation["usageDetails"] == {"input": 120, "output": 30, "total": 150}
    assert generation["calculatedTotalCost"] == pytest.approx(0.00018)
    assert generation["modelParameters"] == {"temperature": 0.2}
    assert generation["metadata"]["nested.deep"] == [1, None]
    assert stored["manual"]["usageDetails"]["input"] == 3


def test_a_span_joins_a_trace_that_was_begun_elsewhere(sdk: Sdk) -> None:
    seen = sdk[1].step("tracing")
    joined = sdk[1].observations(seen["seed"], 1)["joined"]
    assert joined["parentObservationId"] == "a" * 16


def test_scores(sdk: Sdk) -> None:
    seen, ids = sdk[1].step("scores"), sdk[1].step("tracing")
    assert (seen["categories"], seen["config"]) == (["good", "bad"], "verdict")
    stored = {each["id"]: each for each in sdk[1].scores(7, traceId=ids["trace"])}
    assert (stored["s-1"]["value"], stored["s-1"]["comment"]) in ((0.75, None), (0.75, "c"))
    assert (stored["s-2"]["dataType"], stored["s-2"]["stringValue"]) == ("BOOLEAN", "True")
    assert (stored["s-2"]["observationId"], stored["s-2"]["metadata"]) == (ids["root"], {"by": "us"})
    assert (stored["s-4"]["value"], stored["s-4"]["stringValue"]) == (1, "good")
    assert stored["score-of-manual"]["observationId"] == ids["manual"]
    named = {each["name"]: each for each in stored.values()}
    assert (named["helpful"]["value"], named["helpful"]["comment"]) == (0.5, "so so")
    assert (named["kind"]["dataType"], named["kind"]["stringValue"]) == ("CATEGORICAL", "good")
    assert named["found"]["dataType"] == "BOOLEAN"
    assert {each["environment"] for each in stored.values()} <= {"contract", "default"}


def test_prompts(sdk: Sdk) -> None:
    seen = dict(sdk[1].step("prompts"))
    generation = sdk[1].observations(seen.pop("trace_id"), 1)["with-prompt"]
    assert (generation["promptName"], generation["promptVersion"]) == ("team/answer", 1)
    assert seen == {
        "made": [1, ["latest", "production"], ["support"], {"model": "m"}, "first"],
        "text": "You are Ann. Answer it",
        "langchain": "You are Ann. Answer {question}",
        "chat": [
            {"role": "system", "content": "Be kind."},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": "hi"},
        ],
        "staging": 2,
        "version": 1,
        "labels": ["production", "stable"],
        "cached": ["one", "one", "two"],
        "fallback": ["instead y", True],
        "missing": 404,
        "listed": [["team/answer", [1, 2]]],
        "deleted": None,
        "gone": 404,
    }


def test_datasets(sdk: Sdk) -> None:
    assert sdk[1].step("datasets") == {
        "made": ["eval/qa", "sums", {"of": "us"}, {"type": "object", "required": ["q"]}],
        "items": [[f"item-{n}+{n}", {"q": f"{n}+{n}"}, str(2 * n), {"hard": False}] for n in (1, 2, 3)],
        "refused": 400,
        "item": "ARCHIVED",
        "item deleted": "Dataset item successfully deleted",
        "listed": ["eval/qa"],
        "got": "eval/qa",
        "listed items": 2,
    }


def test_experiments(sdk: Sdk) -> None:
    generation, seen = sdk[0], sdk[1].step("experiments")
    assert seen["outputs"] == ["2", "4", "6"]
    of_each = (["exact", 1.0], ["kind", "even"], ["short", True])
    assert seen["evaluations"] == [evaluation for evaluation in of_each for _ in range(3)]
    assert (seen["run"], seen["run_evaluations"]) == ("sums of today", [["share", 1.0]])
    assert (seen["local"][0], seen["text"]) == ("10", True)
    if generation == "5":
        assert seen["url"] == sdk[1].url(f"experiments/results?baseline={seen['run_id']}")
    else:
        assert seen["url"] == sdk[1].url(f"datasets/{seen['dataset_id']}/runs/{seen['run_id']}")
    for trace_id in seen["trace_ids"]:
        item = sdk[1].observations(trace_id, {"3": 1}.get(generation, 6))["experiment-item-run"]
        assert item["environment"] == "sdk-experiment"
        names = {each["name"] for each in sdk[1].scores(3, traceId=trace_id)}
        assert names == {"exact", "kind", "short"}
    (of_run,) = sdk[1].scores(1, datasetRunId=seen["run_id"])
    assert (of_run["name"], of_run["value"], of_run["traceId"]) == ("share", 1.0, None)


def test_dataset_runs(sdk: Sdk) -> None:
    generation = sdk[0]
    if generation == "5":
        assert "runs" not in sdk[1].answers  # it has no helper for them
        return
    seen = sdk[1].step("runs")
    assert seen["run"][0] == {"3": "by hand", "4": "sums of today"}[generation]
    assert (seen["run"][1], seen["run"][3], seen["items"]) == (
        {"3": "d", "4": "adds"}[generation],
        3,
        3,
    )
    assert (seen["deleted"], seen["left"], seen["gone"]) == (
        "Dataset run successfully deleted",
        ["sums of today"],
        404,
    )
    assert seen["runs"][0] == {"3": 2, "4": 1}[generation]


def test_media(sdk: Sdk) -> None:
    seen = sdk[1].step("media")
    assert seen["resolved"].startswith("data:image/png;base64,iVBOR")
    assert seen["fetched"][:2] == [seen["id"], "image/png"]
    stored = sdk[1].observations(seen["trace_id"], 1)["look"]
    reference = f"@@@langfuseMedia:type=image/png|id={seen['id']}|source=bytes@@@"
    assert stored["input"] == {"picture": reference}
    assert stored["metadata"]["again"] == reference
    assert stored["output"].startswith("@@@langfuseMedia:type=image/png|id=")


def test_media_of_dataset_items(sdk: Sdk) -> None:
    if sdk[0] == "3":
        assert "dataset_media" not in sdk[1].answers  # it uploads none
        return
    seen = sdk[1].step("dataset_media")
    assert (seen["made"], seen["content"]) == (True, True)
    assert seen["read"] == [True, "image/png", seen["length"]]
    assert [each[2] for each in seen["references"]] == [True, True]
    assert {each[0] for each in seen["references"]} == {"input", "expectedOutput"}


def test_fetching(sdk: Sdk) -> None:
    generation, seen = sdk[0], sdk[1].step("fetching")
    types = ["AGENT", "EMBEDDING", "EVENT", "GENERATION", "RETRIEVER", "SPAN", "SPAN", "SPAN", "TOOL"]
    assert (seen["types"], seen["pages"]) == (types, 9)
    names = ["close", "flag", "found", "helpful", "kind", "number", "verdict"]
    assert seen["scores"] == names
    if generation == "5":
        assert seen["root"][:4] == ["decorated", "user-1", "session-1", ["a", "b"]]
        assert (seen["is root"], seen["async"]) == ([True, False], [True])
        assert (seen["score"], seen["of session"]) == ("good", ["good"])
        return
    assert seen["trace"] == [
        "decorated",
        "user-1",
        "session-1",
        ["a", "b"],
        {"question": "Oslo?"},
        {"answer": "Sunny."},
    ]
    assert (seen["listed"], seen["fields"], seen["missing"]) == ([True], [], 404)
    assert (seen["session"], seen["sessions"]) == (["session-1", [True]], True)
    assert seen["score"] == [1, "good"]


def test_evaluations_of_what_is_there(sdk: Sdk) -> None:
    generation, seen = sdk[0], sdk[1].step("batches")
    assert seen["observations"] == [1, 1, 1, 1, True]
    if generation != "5":
        assert seen["traces"] == [1, 1, 1, 1, True]
    expected = {"5": 2}.get(generation, 4)
    trace_id = sdk[1].step("tracing")["trace"]

    def made(name: str) -> list[dict[str, Any]]:
        return sdk[1].scores(expected // 2, traceId=trace_id, name=name)

    assert len(made("length")) == len(made("all")) == expected // 2
    assert {each["metadata"]["batch"] for each in made("length")} == {"b1"}


def test_older_ways_to_write_spans(sdk: Sdk) -> None:
    generation, trace_id = sdk[0], sdk[1].step("spans")["trace_id"]
    if generation != "3":
        stored = sdk[1].observations(trace_id, 6)
        kinds = {"chain", "evaluator", "guardrail", "retriever", "embedding"}
        assert {name: each["type"] for name, each in stored.items() if name != "root"} == {
            kind: kind.upper() for kind in kinds
        }
        trace = sdk[1].trace(trace_id)
        assert trace["public"] is True
        if generation == "4":
            assert (trace["input"], trace["output"]) == ({"own": 1}, {"own": 2})
        return
    stored = sdk[1].observations(trace_id, 5)
    trace = sdk[1].trace(trace_id)
    assert (trace["name"], trace["userId"], trace["sessionId"]) == ("renamed", "user-9", "session-9")
    assert (trace["version"], trace["public"], trace["metadata"]["tier"]) == ("v9", True, "silver")
    assert (trace["input"], trace["output"], stored["old root"]["input"]) == ({"own": 1}, {"own": 2}, "in")
    assert trace["tags"] == ["more"]  # one attribute of the span, which the later call overwrote
    assert stored["old generation"]["usageDetails"] == {"input": 1, "output": 2, "total": 3}


def test_langchain(sdk: Sdk) -> None:
    seen = sdk[1].step("langchain")
    assert (seen["answer"], seen["streamed"], seen["called"]) == (
        "It is sunny.",
        "It rains.",
        "sunny in Oslo",
    )
    stored = sdk[1].observations(seen["trace_id"], 4)
    trace = sdk[1].trace(seen["trace_id"])
    assert (trace["name"], trace["userId"], trace["sessionId"], trace["tags"]) == (
        "chained",
        "user-3",
        "session-3",
        ["chain"],
    )
    assert stored["chained"]["type"] == "CHAIN"
    model = stored["GenericFakeChatModel"]
    assert (model["type"], model["usageDetails"]["input"], model["usageDetails"]["output"]) == (
        "GENERATION",
        11,
        4,
    )
    (failed,) = sdk[1].observations(seen["failed"], 1).values()
    assert (failed["level"], failed["statusMessage"]) == ("ERROR", "the step is broken")


def test_the_wrapped_openai_client(sdk: Sdk) -> None:
    seen = sdk[1].step("openai_wrapper")
    assert (seen["text"], seen["async"]) == ("It is sunny in Oslo.",) * 2
    stored = sdk[1].observations(seen["trace_id"], 5)
    assert {name: each["type"] for name, each in stored.items() if name != "openai"} == dict.fromkeys(
        ("with-tools", "streamed", "plain-async", "streamed-async"), "GENERATION"
    )
    assert stored["streamed"]["output"] == "It is sunny in Oslo."
    assert stored["with-tools"]["output"]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert stored["with-tools"]["usageDetails"]["total"] == 52
    assert stored["with-tools"]["modelParameters"]["temperature"] == 0.1
    assert all(each["calculatedTotalCost"] > 0 for name, each in stored.items() if name != "openai")


def test_the_generated_client(sdk: Sdk) -> None:
    generation, seen = sdk[0], sdk[1].step("api")
    common = {
        "projects": 1,
        "metrics": True,
        "prompt": 1,
        "deleted": "Trace deleted successfully",
        "deleted together": "Traces deleted successfully",
        "missing": 404,
    }
    assert {key: seen[key] for key in common} == common
    assert seen["models"] == ["own", True] if generation == "3" else ["own", True, 3]
    if generation != "3":
        assert seen["archived"] is True
    if generation == "5":
        assert (seen["filtered"], seen["at version"] >= 1) == (["team/answer"], True)


@pytest.mark.parametrize("generation", ["3", "4", "5"])
def test_keys_that_are_not_those_of_a_project(
    generation: str, stack: Stack, project: ProjectAccess, model: str
) -> None:
    command = [str(environments.python(f"python-{generation}")), str(PROGRAMS / "refused.py")]
    seen = run(command, stack, project, model, LANGFUSE_SECRET_KEY="sk-lf-wrong")
    assert seen.answers == ["UnauthorizedError", 401]


@pytest.mark.parametrize("generation", ["3", "4", "5"])
def test_masks_environments_and_the_flush_at_the_end(
    generation: str, stack: Stack, project: ProjectAccess, model: str
) -> None:
    interpreter = environments.python(f"python-{generation}")
    command = [str(interpreter), str(PROGRAMS / "masked.py")]
    dropped = run(command, stack, project, model, LANGFUSE_SAMPLE_RATE="0.0")
    sent = run(command, stack, project, model)
    stored = sent.observations(sent.answers["trace_id"], 1)["pay"]
    assert (stored["input"], stored["output"]) == ("card ****", "paid with ****")
    assert stored["environment"] == "staging"
    assert sent.trace(sent.answers["trace_id"])["release"] == "r-staging"
    assert [each["id"] for each in sent.read("traces")["data"]] == [sent.answers["trace_id"]]
    assert dropped.answers["trace_id"] != sent.answers["trace_id"]
