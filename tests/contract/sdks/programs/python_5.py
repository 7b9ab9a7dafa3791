"""Every public helper of Langfuse for Python 5; prints what each step saw."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import asyncio
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
        client.set_current_trace_as_public()
        for kind in ("chain", "evaluator", "guardrail", "retriever", "embedding"):
            root.start_observation(name=kind, as_type=kind).end()
        trace_id = root.trace_id
    client.flush()
    return {"trace_id": trace_id}


def scores():
    config = client.api.score_configs.create(
        name="verdict",
        data_type="CATEGORICAL",
        categories=[{"label": "good", "value": 1}, {"label": "bad", "value": 0}],
    )
    return score(config)


def fetching():
    read = client.api
    groups = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
    everything = common.eventually(
        lambda: (
            (o := read.observations.get_many(trace_id=ids["trace"], fields=groups).data)
            and len(o) == 9
            and o
        )
    )
    generation = next(each for each in everything if each.name == "generate")
    root = next(each for each in everything if each.name == "request")
    both = read.observations.get_many(trace_id=ids["trace"], limit=4)
    rest = read.observations.get_many(trace_id=ids["trace"], limit=100, cursor=both.meta.cursor)
    stored = common.eventually(
        lambda: (
            (s := read.scores.get_many(trace_id=ids["trace"], fields="details,subject,annotation").data)
            and len(s) >= 7
            and s
        )
    )
    asynchronous = asyncio.run(
        client.async_api.observations.get_many(trace_id=ids["trace"], name="generate")
    )
    return {
        "root": [
            root.trace_name,
            root.user_id,
            root.session_id,
            sorted(root.tags),
            root.input,
            root.output,
        ],
        "is root": [root.is_root_observation, generation.is_root_observation],
        "generation": [generation.model, generation.usage_details, generation.total_cost],
        "types": sorted(each.type for each in everything),
        "pages": len(both.data) + len(rest.data),
        "async": [each.id == generation.id for each in asynchronous.data],
        "scores": sorted({each.name for each in stored}),
        "score": next(s.value for s in stored if s.id == "s-4"),
        "of session": [s.value for s in read.scores.get_many(session_id="session-1").data],
    }


def batches():
    return {"observations": evaluate()}


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
    created = read.scores.create(
        request=[{"name": "direct", "value": 1, "traceId": ids["trace"], "id": "s-5"}]
    )
    read.scores.delete("s-3")
    archived = read.score_configs.update(read.score_configs.get().data[0].id, is_archived=True)
    filtered = read.prompts.list(
        filter=json.dumps(
            [{"type": "arrayOptions", "column": "tags", "operator": "any of", "value": ["support"]}]
        )
    )
    version = read.dataset_items.get("item-1+1").version
    return {
        "models": [*kept, replaced.input_price],
        "projects": len(read.projects.get().data),
        "metrics": len(read.metrics.metrics(query=json.dumps(query)).data) >= 5,
        "prompt": read.prompts.get("team%2Fanswer", label="stable", resolve=False).version,
        "filtered": [each.name for each in filtered.data],
        "score": str(created),
        "archived": archived.is_archived,
        "at version": len(read.dataset_items.list(dataset_name="eval/qa", version=version).data),
        "deleted": read.trace.delete("0" * 32).message,
        "deleted together": read.trace.delete_multiple(trace_ids=["1" * 32]).message,
        "missing": common.refusal(read.media.get, "nothing")[1],
    }


if __name__ == "__main__":
    common.run(
        connection, tracing, spans, prompts, datasets, experiments, scores, media, fetching, batches,
        dataset_media, langchain, openai_wrapper, api,
    )  # fmt: skip
    client.shutdown()
