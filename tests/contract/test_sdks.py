"""Unmodified clients against the running server and worker: what they sent is there, complete."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess, Stack
from tests.contract.clients import langfuse_env, run_client
from tests.support import wait_until

_TRACE = """
query Trace($project: ID!, $trace: ID!) {
  project(id: $project) {
    trace(id: $trace) {
      id name userId sessionId tags environment version release level input output metadata
      observationCount totalCost usage { key value }
      observations(first: 100) { edges { node {
        id parentObservationId type name level statusMessage startTime endTime model modelParameters
        input output metadata userId sessionId environment
        usage { key value } cost { key value } totalCost
      } } }
    }
  }
}
"""


def graphql(stack: Stack, access: ProjectAccess, query: str, variables: dict[str, Any]) -> Any:
    answer = httpx.post(
        f"{stack.base_url}/graphql",
        json={"query": query, "variables": variables},
        headers=access.headers,
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "errors" not in body, body
    return body["data"]


def trace_of(stack: Stack, access: ProjectAccess, trace_id: str, observations: int) -> dict[str, Any]:
    """The trace through GraphQL, once all its observations are readable."""

    def complete() -> dict[str, Any] | None:
        data = graphql(stack, access, _TRACE, {"project": access.project_id, "trace": trace_id})
        trace: dict[str, Any] | None = data["project"]["trace"]
        return trace if trace and trace["observationCount"] == observations else None

    found = wait_until(complete, timeout_s=30)
    assert found is not None
    return found


def by_name(trace: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {edge["node"]["name"]: edge["node"] for edge in trace["observations"]["edges"]}


def entries(pairs: list[dict[str, Any]]) -> dict[str, float]:
    return {pair["key"]: float(pair["value"]) for pair in pairs}


@pytest.fixture
def langfuse_run(stack: Stack, project: ProjectAccess) -> dict[str, str]:
    return run_client("langfuse_app.py", env=langfuse_env(stack, project))


class TestLangfuseSdk:
    def test_the_trace_reads_back_complete_through_graphql(
        self, stack: Stack, project: ProjectAccess, langfuse_run: dict[str, str]
    ) -> None:
        trace = trace_of(stack, project, langfuse_run["trace_id"], observations=5)
        assert trace["name"] == "support-question"
        assert (trace["userId"], trace["sessionId"]) == ("user-42", "session-7")
        assert sorted(trace["tags"]) == ["contract", "sdk"]
        assert (trace["environment"], trace["version"], trace["release"]) == ("contract", "1.2.3", "r-9")
        assert trace["level"] == "ERROR"
        assert json.loads(trace["input"]) == {"question": "How many days?"}
        assert json.loads(trace["output"]) == {"answer": "Grüße: zwölf Tage."}
        assert trace["metadata"]["tier"] == "gold"
        assert float(trace["totalCost"]) == pytest.approx(0.00018)

        seen = by_name(trace)
        assert set(seen) == {"request", "handle", "search", "fail", "answer"}
        assert seen["request"]["parentObservationId"] is None
        assert seen["handle"]["parentObservationId"] == seen["request"]["id"]
        for child in ("search", "fail", "answer"):
            assert seen[child]["parentObservationId"] == seen["handle"]["id"]
        assert {name: node["type"] for name, node in seen.items()} == {
            "request": "SPAN",
            "handle": "SPAN",
            "search": "RETRIEVER",
            "fail": "TOOL",
            "answer": "GENERATION",
        }
        assert (seen["fail"]["level"], seen["fail"]["statusMessage"]) == ("ERROR", "the tool is down")
        generation = seen["answer"]
        assert generation["model"] == "gpt-4o-mini"
        assert entries(generation["usage"]) == {"input": 120, "output": 30, "total": 150}
        assert entries(generation["cost"])["total"] == pytest.approx(0.00018)
        assert json.loads(generation["input"])[1] == {"role": "user", "content": "How many days?"}
        assert generation["output"] in ("Grüße: zwölf Tage.", '"Grüße: zwölf Tage."')
        assert generation["metadata"]["passages"] == "2" or generation["metadata"]["passages"] == "3"
        assert generation["metadata"]["nested.deep"] == "[1,2]"
        assert all(node["userId"] == "user-42" for name, node in seen.items() if name != "request")

    def test_the_trace_reads_back_through_rest(
        self, stack: Stack, project: ProjectAccess, langfuse_run: dict[str, str]
    ) -> None:
        trace_id = langfuse_run["trace_id"]
        trace_of(stack, project, trace_id, observations=5)
        detail = httpx.get(f"{stack.base_url}/api/public/traces/{trace_id}", headers=project.headers).json()
        assert detail["name"] == "support-question"
        assert len(detail["observations"]) == 5
        listed = httpx.get(f"{stack.base_url}/api/public/traces", headers=project.headers).json()
        assert [row["id"] for row in listed["data"]] == [trace_id]
        observations = httpx.get(
            f"{stack.base_url}/api/public/v2/observations", headers=project.headers
        ).json()
        assert {row["name"] for row in observations["data"]} == {
            "request",
            "handle",
            "search",
            "fail",
            "answer",
        }

    def test_the_url_the_sdk_prints_names_the_project(
        self, stack: Stack, project: ProjectAccess, langfuse_run: dict[str, str]
    ) -> None:
        expected = f"{stack.base_url}/project/{project.project_id}/traces/{langfuse_run['trace_id']}"
        assert langfuse_run["url"] == expected


class TestOpenTelemetrySdk:
    @pytest.mark.parametrize("kind", ["protobuf", "json", "grpc"])
    def test_spans_of_the_exporter_read_back(self, stack: Stack, project: ProjectAccess, kind: str) -> None:
        url = stack.grpc_target if kind == "grpc" else f"{stack.base_url}/api/public/otel/v1/traces"
        trace_id = run_client("otel_app.py", kind, url, project.authorization)["trace_id"]
        trace = trace_of(stack, project, trace_id, observations=2)
        assert (trace["name"], trace["userId"], trace["sessionId"]) == ("checkout", "customer-1", "cart-1")
        assert sorted(trace["tags"]) == sorted(["otel", kind])
        assert (trace["environment"], trace["version"], trace["level"]) == ("staging", "2.0", "ERROR")
        assert trace["metadata"]["attributes.custom.answer"] == "42"
        assert trace["metadata"]["resourceAttributes.service.name"] == "shop"
        call = by_name(trace)["chat gpt-4o"]
        assert (call["type"], call["model"]) == ("GENERATION", "gpt-4o")
        assert (call["level"], call["statusMessage"]) == ("ERROR", "cut short")
        assert entries(call["usage"])["input"] == 2**40 + 100
        assert json.loads(call["input"]) == [{"role": "user", "content": "hi"}]
        assert json.loads(call["output"]) == [{"role": "assistant", "content": "hello"}]
        assert float(call["modelParameters"]["temperature"]) == 0.5


def test_the_langfuse_sdk_manages_prompts(stack: Stack, project: ProjectAccess) -> None:
    assert run_client("langfuse_prompts.py", env=langfuse_env(stack, project)) == {
        "text": "You are Ann. Answer it",
        "config": {"model": "m"},
        "commit": "first",
        "labels": ["latest", "production"],
        "chat": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
        "staged": [2, "Second"],
        "fallback": ["instead", True],
        "listed": [["team/answer", [1, 2]]],
    }


def test_the_langfuse_sdk_runs_experiments_on_datasets(stack: Stack, project: ProjectAccess) -> None:
    seen: dict[str, Any] = run_client("langfuse_datasets.py", env=langfuse_env(stack, project))
    assert seen["items"] == [["eval/qa", {"q": "2+2"}, "4"], ["eval/qa", {"q": "1+1"}, "2"]]
    assert seen["outputs"] == ["4", "2"]
    assert sorted(seen["evaluations"]) == [["exact", 1.0], ["exact", 1.0]]
    assert seen["run_evaluations"] == [["share", 1.0]]

    def scores() -> list[dict[str, Any]]:
        answer = httpx.get(f"{stack.base_url}/api/public/v2/scores", headers=project.headers, timeout=20)
        found: list[dict[str, Any]] = answer.json()["data"]
        return found if len(found) == 3 else []

    by_name = {(row["name"], bool(row["datasetRunId"])) for row in wait_until(scores, timeout_s=30)}
    assert by_name == {("exact", False), ("share", True)}
