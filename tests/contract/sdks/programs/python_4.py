"""Every public helper of Langfuse for Python 4; prints what each step saw."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import json

import common
from otel_sdk import (
    client,
    connection,
    dataset_media,
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
    with client.start_as_current_observation(name="root", input="in") as root:
        client.set_current_trace_io(input={"own": 1}, output={"own": 2})
        client.set_current_trace_as_public()
        for kind in ("chain", "evaluator", "guardrail", "retriever", "embedding"):
            root.start_observation(name=kind, as_type=kind).end()
        trace_id = root.trace_id
    client.flush()
    return {"trace_id": trace_id}


def runs():
    listed = client.get_dataset_runs(dataset_name="eval/qa", limit=1)
    run = client.get_dataset_run(dataset_name="eval/qa", run_name="sums of today")
    seen = client.api.dataset_run_items.list(dataset_id=run.dataset_id, run_name=run.name)
    made = client.api.dataset_run_items.create(
        run_name="by hand", dataset_item_id="item-1+1", trace_id=ids["trace"], metadata={"m": 1}
    )
    deleted = client.delete_dataset_run(dataset_name="eval/qa", run_name="by hand")
    return {
        "runs": [listed.meta.total_items, [each.name for each in listed.data]],
        "run": [run.name, run.description, run.metadata, len(run.dataset_run_items)],
        "run_id": run.id,
        "items": len(seen.data),
        "made": made.dataset_run_name,
        "deleted": deleted.message,
        "left": [each.name for each in client.get_dataset_runs(dataset_name="eval/qa").data],
        "gone": common.refusal(client.get_dataset_run, dataset_name="eval/qa", run_name="by hand")[1],
    }


def scores():
    config = client.api.score_configs.create(
        name="verdict",
        data_type="CATEGORICAL",
        categories=[{"label": "good", "value": 1}, {"label": "bad", "value": 0}],
    )
    return score(config)


def fetching():
    read = client.api
    trace = common.eventually(
        lambda: (t := read.trace.get(ids["trace"])) and len(t.observations) == 9 and t
    )
    generation = next(each for each in trace.observations if each.name == "generate")
    one = read.legacy.observations_v1.get(generation.id)
    session = read.sessions.get("session-1")
    both = read.observations.get_many(trace_id=ids["trace"], fields="core,basic,usage,io,metadata", limit=4)
    rest = read.observations.get_many(
        trace_id=ids["trace"], fields="core,basic", limit=100, cursor=both.meta.cursor
    )
    stored = common.eventually(
        lambda: (s := read.scores.get_many(trace_id=ids["trace"], limit=100).data) and len(s) >= 7 and s
    )
    newer = read.scores_v3.get_many_v3(
        trace_id=ids["trace"], fields="details,subject,annotation", limit=100
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
        "types": sorted(o.type for o in read.legacy.observations_v1.get_many(trace_id=ids["trace"]).data),
        "session": [session.id, [t.id == ids["trace"] for t in session.traces]],
        "sessions": "session-1" in [each.id for each in read.sessions.list().data],
        "pages": len(both.data) + len(rest.data),
        "scores": sorted({each.name for each in stored}),
        "scores 3": sorted({each.name for each in newer.data}),
        "score": [read.scores.get_by_id("s-4").value, read.scores.get_by_id("s-4").string_value],
        "missing": common.refusal(read.trace.get, "nothing")[1],
    }


def batches():
    return {"observations": evaluate(scope="observations"), "traces": evaluate(scope="traces")}


def api():
    read = client.api
    model = read.models.create(
        model_name="own", match_pattern="(?i)^own$", unit="TOKENS", input_price=1, output_price=2
    )
    replaced = read.models.upsert(
        model.id, model_name="own", match_pattern="(?i)^own$", unit="TOKENS", input_price=3, output_price=2
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
    created = read.legacy.score_v1.create(name="direct", value=1, trace_id=ids["trace"], id="s-5")
    read.legacy.score_v1.delete("s-3")
    archived = read.score_configs.update(read.score_configs.get().data[0].id, is_archived=True)
    return {
        "models": [*kept, replaced.input_price],
        "projects": len(read.projects.get().data),
        "metrics": len(read.legacy.metrics_v1.metrics(query=json.dumps(query)).data) >= 5,
        "metrics 2": len(read.metrics.metrics(query=json.dumps(query)).data) >= 5,
        "prompt": read.prompts.get("team%2Fanswer", label="stable").version,
        "score": created.id,
        "archived": archived.is_archived,
        "deleted": read.trace.delete("0" * 32).message,
        "deleted together": read.trace.delete_multiple(trace_ids=["1" * 32]).message,
        "missing": common.refusal(read.legacy.observations_v1.get, "nothing")[1],
    }


if __name__ == "__main__":
    common.run(
        connection, tracing, spans, prompts, datasets, experiments, runs, scores, media, fetching, batches,
        dataset_media, langchain, openai_wrapper, api,
    )  # fmt: skip
    client.shutdown()
