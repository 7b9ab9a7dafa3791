"""A small application that runs an experiment on a dataset with the unmodified Langfuse SDK."""

from __future__ import annotations

import json
import sys
from typing import Any

from langfuse import Evaluation, get_client


def task(*, item: Any, **_: Any) -> str:
    left, _, right = item.input["q"].partition("+")
    return str(int(left) + int(right))


def exact(*, output: Any, expected_output: Any, **_: Any) -> Evaluation:
    return Evaluation(name="exact", value=float(output == str(expected_output)))


def share(*, item_results: Any, **_: Any) -> Evaluation:
    right = [each for each in item_results if each.evaluations[0].value]
    return Evaluation(name="share", value=len(right) / len(item_results))


def main() -> dict[str, Any]:
    client = get_client()
    client.create_dataset(name="eval/qa", description="sums", metadata={"of": "us"})
    for question, answer in (("1+1", "2"), ("2+2", "4")):
        client.create_dataset_item(dataset_name="eval/qa", input={"q": question}, expected_output=answer)
    dataset = client.get_dataset("eval/qa")
    result = dataset.run_experiment(
        name="sums", task=task, evaluators=[exact], run_evaluators=[share], max_concurrency=1
    )
    client.flush()
    return {
        "items": [[each.dataset_name, each.input, str(each.expected_output)] for each in dataset.items],
        "outputs": [each.output for each in result.item_results],
        "evaluations": [[e.name, e.value] for each in result.item_results for e in each.evaluations],
        "run_evaluations": [[each.name, each.value] for each in result.run_evaluations],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
