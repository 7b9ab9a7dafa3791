"""Every public helper of Langfuse for Python 3; prints what each step saw."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import json

import common
from langfuse.api.resources.models.types import CreateModelRequest
from langfuse.api.resources.score_configs.types import CreateScoreConfigRequest
from otel_sdk import (
    client,
    connection,
    datasets,
    evaluate,
    experiments,
    ids,
    langchain,
    media,
    openai_wrapper,
    prompts,
    score,
    tracing,
)


def spans():
    with client.start_as_current_span(name="old root", input="in", metadata={"n": 1}) as root:
        client.update_current_trace(
            name="renamed",
            user_id="user-9",
            session_id="session-9",
            version="v9",
            tags=["old"],
            metadata={"tier": "silver"},
            input={"own": 1},
            output={"own": 2},
            public=True,
        )
        with client.start_as_current_generation(name="old generation", model="gpt-4o") as generation:
            generation.update(output="out", usage_details={"input": 1, "output": 2})
        root.start_span(name="left").end()
        root.start_generation(name="right").end()
        root.update_trace(tags=["more"])
        root.create_event(name="noted")
        trace_id = root.trace_id
    client.flush()
    return {"trace_id": trace_id}


def runs():
    dataset = client.get_dataset("eval/qa")
    for item in dataset.items:
        with item.run(run_name="by hand", run_metadata={"m": 1}, run_description="d") as root:
            root.update(input=item.input, output=common.add(item.input["q"]))
            root.score_trace(name="exact", value=1.0)
    client.flush()
    listed = client.get_dataset_runs(dataset_name="eval/qa", limit=1)
    run = client.get_dataset_run(dataset_name="eval/qa", run_name="by hand")
    seen = client.api.dataset_run_items.list(dataset_id=dataset.id, run_name="by hand")
    deleted = client.delete_dataset_run(dataset_name="eval/qa", run_name="by hand")
    return {
        "runs": [listed.meta.total_items, [each.name for each in listed.data]],
        "run": [run.name, run.description, run.metadata, len(run.dataset_run_items)],
        "items": len(seen.data),
        "deleted": deleted.message,
        "left": [each.name for each in client.get_dataset_runs(dataset_name="eval/qa").data],
        "gone": common.refusal(client.get_dataset_run, dataset_name="eval/qa", run_name="by hand")[1],
    }


def scores():
    config = client.api.score_configs.create(
        request=CreateScoreConfigRequest(
            name="verdict",
            dataType="CATEGORICAL",
            categories=[{"label": "good", "value": 1}, {"label": "bad", "value": 0}],
        )
    )
    return score(config)


def fetching():
    read = client.api
    trace = common.eventually(
        lambda: (t := read.trace.get(ids["trace"])) and len(t.observations) == 9 and t
    )
    generation = next(each for each in trace.observations if each.name == "generate")
    one = read.observations.get(generation.id)
    session = read.sessions.get("session-1")
    both = read.observations_v_2.get_many(
        trace_id=ids["trace"], fields="core,basic,usage,io,metadata", limit=4
    )
    rest = read.observations_v_2.get_many(
        trace_id=ids["trace"], fields="core,basic", limit=100, cursor=both.meta.cursor
    )
    stored = common.eventually(
        lambda: (s := read.score_v_2.get(trace_id=ids["trace"], limit=100).data) and len(s) >= 7 and s
    )
    return {
        "trace": [
            trace.name,
            trace.user_id,
            trace.session_id,
            sorted(trace.tags),
            trace.input,
            trace.output,
        ],
        "generation": [one.model, one.usage_details, one.calculated_total_cost],
        "listed": [t.id == ids["trace"] for t in read.trace.list(name="decorated", user_id="user-1").data],
        "fields": read.trace.list(name="decorated", fields="core").data[0].observations,
        "types": sorted(o.type for o in read.observations.get_many(trace_id=ids["trace"]).data),
        "session": [session.id, [t.id == ids["trace"] for t in session.traces]],
        "sessions": "session-1" in [each.id for each in read.sessions.list().data],
        "pages": len(both.data) + len(rest.data),
        "scores": sorted({each.name for each in stored}),
        "score": [read.score_v_2.get_by_id("s-4").value, read.score_v_2.get_by_id("s-4").string_value],
        "missing": common.refusal(read.trace.get, "nothing")[1],
    }


def batches():
    return {"observations": evaluate(scope="observations"), "traces": evaluate(scope="traces")}


def api():
    read = client.api
    model = read.models.create(
        request=CreateModelRequest(
            modelName="own", matchPattern="(?i)^own$", unit="TOKENS", inputPrice=1, outputPrice=2
        )
    )
    kept = [read.models.get(model.id).model_name, len(read.models.list(limit=100).data) > 10]
    read.models.delete(model.id)
    query = {
        "view": "observations",
        "metrics": [{"measure": "count", "aggregation": "count"}],
        "dimensions": [{"field": "type"}],
        "filters": [],
        "fromTimestamp": "2020-01-01T00:00:00Z",
        "toTimestamp": "2100-01-01T00:00:00Z",
    }
    read.score.delete("s-3")
    return {
        "models": kept,
        "projects": len(read.projects.get().data),
        "metrics": len(read.metrics.metrics(query=json.dumps(query)).data) >= 5,
        "metrics 2": len(read.metrics_v_2.metrics(query=json.dumps(query)).data) >= 5,
        "prompt": read.prompts.get("team%2Fanswer", label="stable").version,
        "deleted": read.trace.delete("0" * 32).message,
        "deleted together": read.trace.delete_multiple(trace_ids=["1" * 32]).message,
        "missing": common.refusal(read.observations.get, "nothing")[1],
    }


if __name__ == "__main__":
    common.run(
        connection, tracing, spans, prompts, datasets, experiments, runs, scores, media, fetching, batches,
        langchain, openai_wrapper, api,
    )  # fmt: skip
    client.shutdown()
