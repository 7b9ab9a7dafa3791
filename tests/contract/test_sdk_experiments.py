"""Experiments that the unmodified Langfuse SDK runs, as the lists of experiments show them."""

from __future__ import annotations

from typing import Any

import httpx

from lumenspan.datasets.domain import run_id
from tests.conftest import ProjectAccess, Stack
from tests.contract.clients import langfuse_env, run_client
from tests.support import wait_until

FROM = {"fromStartTime": "2020-01-01T00:00:00Z"}


def test_an_experiment_of_the_sdk_is_listed_with_items_and_scores(
    stack: Stack, project: ProjectAccess
) -> None:
    run_client("langfuse_datasets.py", env=langfuse_env(stack, project))

    def rows(path: str, **params: Any) -> list[dict[str, Any]]:
        answer = httpx.get(
            f"{stack.base_url}/api/public/{path}",
            params=FROM | params,
            headers=project.headers,
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def complete() -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        experiments = rows("experiments", fields="core,scores")
        items = rows("experiment-items", fields="core,dataset,io,scores")
        is_whole = len(experiments) == 1 and experiments[0]["scores"] and len(items) == 2
        return (experiments[0], items) if is_whole and all(each["scores"] for each in items) else None

    found = wait_until(complete, timeout_s=40)
    assert found is not None
    experiment, items = found
    dataset = httpx.get(
        f"{stack.base_url}/api/public/v2/datasets/eval%2Fqa", headers=project.headers, timeout=20
    ).json()
    assert (experiment["itemCount"], experiment["datasetId"]) == (2, dataset["id"])
    # The SDK works the id out by itself, as the server does for runs that are made over REST.
    assert experiment["id"] == run_id(project.project_id, dataset["id"], experiment["name"])
    assert [(score["name"], score["value"]) for score in experiment["scores"]] == [("share", 1)]
    assert sorted((each["output"], each["expectedOutput"]) for each in items) == [("2", "2"), ("4", "4")]
    for each in items:
        assert (each["experimentId"], each["experimentDatasetId"]) == (experiment["id"], dataset["id"])
        (judged,) = each["scores"]
        assert (judged["name"], judged["subject"]["id"]) == ("exact", each["id"])
