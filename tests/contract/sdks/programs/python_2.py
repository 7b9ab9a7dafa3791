"""Every public helper of Langfuse for Python 2.60; prints what each step saw."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import asyncio
import contextlib
import datetime
import os

import common
from langchain_core.runnables import RunnableConfig
from langfuse import Langfuse
from langfuse.api.resources.models.types import CreateModelRequest
from langfuse.api.resources.score_configs.types import CreateScoreConfigRequest
from langfuse.callback import CallbackHandler
from langfuse.decorators import langfuse_context, observe
from langfuse.media import LangfuseMedia
from langfuse.openai import openai

client = Langfuse()
ids = {}


def connection():
    wrong = Langfuse(public_key=os.environ["LANGFUSE_PUBLIC_KEY"], secret_key="sk-lf-wrong")
    trace = client.trace(name="addressed")
    return {
        "good": client.auth_check(),
        "wrong": common.refusal(wrong.auth_check)[1],
        "trace_url": trace.get_trace_url(),
        "trace_id": trace.id,
        "health": client.client.health.health().status,
    }


@observe(name="search", capture_input=False)
def search(question):
    langfuse_context.score_current_observation(name="found", value=1, data_type="BOOLEAN")
    return ["passage"]


@observe(as_type="generation")
def generate(question):
    langfuse_context.update_current_observation(
        model="gpt-4o-mini",
        model_parameters={"temperature": 0.2},
        input=common.MESSAGES,
        usage_details={"input": 120, "output": 30},
        cost_details={"input": 0.00012, "output": 0.00006},
        metadata={"passages": 1},
        version="g1",
    )
    return "Sunny."


@observe()
def broken():
    raise ValueError("the tool is down")


@observe()
async def later():
    return "later"


@observe(transform_to_string="".join)
def streamed():
    yield "a"
    yield "b"


@observe(name="handle")
def handle(question):
    langfuse_context.update_current_trace(
        name="decorated",
        user_id="user-1",
        session_id="session-1",
        tags=["a", "b"],
        metadata={"tier": "gold"},
        version="v1",
        release="r-own",
        public=True,
    )
    search(question)
    with contextlib.suppress(ValueError):
        broken()
    asyncio.run(later())
    list(streamed())
    langfuse_context.score_current_trace(name="helpful", value=0.5, comment="so so")
    ids["decorated"] = langfuse_context.get_current_trace_id()
    ids["url"] = langfuse_context.get_current_trace_url()
    return generate(question)


def decorators():
    answer = handle("Oslo?")
    langfuse_context.flush()
    return {"answer": answer, "id": ids["decorated"], "url": ids["url"]}


def objects():
    start = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.UTC)
    trace = client.trace(id="order-1", name="order", user_id="user-2", session_id="session-2")
    trace.update(input={"order": 1}, tags=["z"], metadata={"kept": [1, {"deep": None}]}, public=False)
    span = trace.span(id="span-1", name="step", start_time=start, input="in", metadata={"n": 1})
    span.update(level="WARNING", status_message="slow")
    generation = span.generation(
        id="generation-1",
        name="ask",
        model="gpt-4o",
        start_time=start,
        completion_start_time=start + datetime.timedelta(seconds=1),
        input=common.MESSAGES,
        usage={"input": 10, "output": 5, "unit": "TOKENS", "total_cost": 0.5},
    )
    generation.end(
        output={"role": "assistant", "content": "Hi."}, end_time=start + datetime.timedelta(seconds=3)
    )
    openai_usage = span.generation(id="generation-2", name="openai-usage", model="gpt-4o")
    openai_usage.end(usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})
    span.event(id="event-1", name="noticed", input="e", level="DEBUG")
    span.end(output="out", end_time=start + datetime.timedelta(seconds=4))
    client.span(id="loose-1", trace_id="order-1", parent_observation_id="span-1", name="loose").end()
    client.event(name="lone", trace_id="order-1", id="event-2")
    client.generation(name="alone", trace_id="order-1", id="generation-3", environment="other").end()
    trace.update(output={"done": True})
    client.trace(id="doomed-1", name="doomed")
    client.trace(id="doomed-2", name="doomed")
    client.trace(id="order-1", release="r-later")
    client.flush()
    return {"id": trace.id}


def masking():
    masked = Langfuse(mask=lambda data: "masked" if data else data)
    masked.trace(id="masked-1", name="masked", input={"card": 1}, output="secret")
    masked.flush()
    dropped = Langfuse(sample_rate=0.0)
    dropped.trace(id="sampled-out", name="never")
    dropped.flush()
    other = Langfuse(environment="staging", release="r-staging")
    other.trace(id="staged-1", name="staged")
    other.flush()
    return {}


def prompts():
    client.create_prompt(name="team/base", prompt="You are {{who}}.", labels=["production"])
    made = client.create_prompt(
        name="team/answer",
        prompt="@@@langfusePrompt:name=team/base|label=production@@@ Answer {{question}}",
        labels=["production"],
        tags=["support"],
        config={"model": "m"},
        commit_message="first",
    )
    text = client.get_prompt("team/answer")
    client.create_prompt(name="team/answer", prompt="Second", labels=["staging"])
    client.create_prompt(name="talk", type="chat", prompt=common.CHAT_PROMPT[::2], labels=["production"])
    chat = client.get_prompt("talk", type="chat")
    updated = client.update_prompt(name="team/answer", version=1, new_labels=["stable"])
    trace = client.trace(name="prompted", id="prompted-1")
    trace.generation(name="with-prompt", id="prompted-g", prompt=text).end()
    cached = client.get_prompt("team/answer").version
    client.create_prompt(name="cached", prompt="one", labels=["production"])
    first = client.get_prompt("cached", cache_ttl_seconds=60).prompt
    client.client.prompts.create(
        request={"type": "text", "name": "cached", "prompt": "two", "labels": ["production"]}
    )
    fallback = common.quietly(client.get_prompt, "nobody", fallback="instead {{x}}", max_retries=1)
    client.flush()
    return {
        "made": [made.version, sorted(made.labels), made.tags, made.config, made.commit_message],
        "text": text.compile(who="Ann", question="it"),
        "langchain": text.get_langchain_prompt(who="Ann"),
        "chat": chat.compile(tone="kind", question="hi"),
        "staging": client.get_prompt("team/answer", label="staging").version,
        "version": client.get_prompt("team/answer", version=1, cache_ttl_seconds=0).version,
        "labels": sorted(updated.labels),
        "cached": [cached, first, client.get_prompt("cached").prompt],
        "uncached": client.get_prompt("cached", cache_ttl_seconds=0).prompt,
        "fallback": [fallback.compile(x="y"), fallback.is_fallback],
        "missing": common.refusal(client.get_prompt, "nobody", max_retries=1)[1],
        "listed": [[each.name, each.versions] for each in client.client.prompts.list(tag="support").data],
    }


def datasets():
    client.create_dataset(name="eval/qa", description="sums", metadata={"of": "us"})
    for question in ("1+1", "2+2"):
        client.create_dataset_item(
            dataset_name="eval/qa",
            input={"q": question},
            expected_output=common.add(question),
            metadata={"hard": False},
            id=f"item-{question}",
        )
    client.create_dataset_item(dataset_name="eval/qa", id="item-gone", input="x")
    client.create_dataset_item(dataset_name="eval/qa", id="item-gone", status="ARCHIVED")
    dataset = client.get_dataset("eval/qa", fetch_items_page_size=1)
    for item in dataset.items:
        with item.observe(run_name="observed", run_metadata={"m": 1}, run_description="d") as trace_id:
            observed(item.input["q"])
        client.score(trace_id=trace_id, name="exact", value=1)
        generation = client.trace(name="linked").generation(name="sum")
        generation.end(output=common.add(item.input["q"]))
        item.link(generation, "linked run")
        handler = item.get_langchain_handler(run_name="chained")
        common.chain().invoke({"question": item.input["q"]}, config={"callbacks": [handler]})
        handler.flush()
    client.flush()
    langfuse_context.flush()
    runs = client.get_dataset_runs("eval/qa", limit=2)
    run = client.get_dataset_run("eval/qa", "linked run")
    deleted = client.client.datasets.delete_run("eval/qa", "chained").message
    return {
        "items": [[i.id, i.input, str(i.expected_output), i.metadata] for i in dataset.items],
        "item": client.get_dataset_item("item-gone").status.value,
        "runs": [runs.meta.total_items, sorted(each.name for each in runs.data)],
        "run": [run.dataset_name, sorted(each.dataset_item_id for each in run.dataset_run_items)],
        "linked": [bool(each.observation_id and each.trace_id) for each in run.dataset_run_items],
        "deleted": deleted,
        "left": client.get_dataset_runs("eval/qa").meta.total_items,
        "listed": [each.name for each in client.client.datasets.list().data],
        "by item list": len(client.client.dataset_items.list(dataset_name="eval/qa").data),
        "item deleted": client.client.dataset_items.delete("item-gone").message,
    }


@observe(name="observed")
def observed(question):
    return common.add(question)


def scores():
    config = client.client.score_configs.create(
        request=CreateScoreConfigRequest(
            name="verdict",
            dataType="CATEGORICAL",
            categories=[{"label": "good", "value": 1}, {"label": "bad", "value": 0}],
        )
    )
    client.score(trace_id="order-1", id="s-1", name="number", value=0.25, comment="c")
    client.score(
        trace_id="order-1", observation_id="span-1", id="s-2", name="flag", value=1, data_type="BOOLEAN"
    )
    client.score(trace_id="order-1", id="s-3", name="kind", value="good")
    client.score(trace_id="order-1", id="s-4", name="verdict", value="good", config_id=config.id)
    client.score(trace_id="order-1", id="s-1", name="number", value=0.75)
    client.flush()
    read = client.client.score

    def stored():
        found = {f"s-{n}": read.get_by_id(f"s-{n}") for n in (1, 2, 3, 4)}
        return found if found["s-1"].value == 0.75 else None

    found = common.eventually(stored)
    read.delete("s-3")
    return {
        "values": {
            key: [s.name, s.data_type, s.value, getattr(s, "string_value", None)]
            for key, s in found.items()
        },
        "listed": sorted(s.id for s in common.eventually(lambda: _without_deleted(read))),
        "configs": [each.name for each in client.client.score_configs.get().data],
        "config": client.client.score_configs.get_by_id(config.id).categories[0].label,
    }


def _without_deleted(read):
    found = [s for s in read.get(limit=100).data if s.id.startswith("s-")]
    return found if all(s.id != "s-3" for s in found) else None


def media():
    picture = LangfuseMedia(content_bytes=common.picture(2), content_type="image/png")
    trace = client.trace(id="media-1", name="look", input={"picture": picture})
    trace.span(id="media-span", name="see", metadata={"again": picture}).end()
    client.flush()
    stored = common.eventually(lambda: client.fetch_trace("media-1").data)
    resolved = client.resolve_media_references(obj=stored.input, resolve_with="base64_data_uri")
    media_id = picture._media_id
    fetched = client.fetch_media(media_id).data
    return {
        "id": media_id,
        "input": stored.input,
        "resolved": resolved["picture"][:30],
        "fetched": [fetched.media_id, fetched.content_type, fetched.content_length],
    }


def fetching():
    trace = common.eventually(
        lambda: (t := client.fetch_trace("order-1").data) and len(t.observations) == 7 and t
    )
    observation = client.fetch_observation("generation-1").data
    return {
        "trace": [
            trace.name,
            trace.user_id,
            trace.session_id,
            trace.tags,
            trace.release,
            trace.input,
            trace.output,
        ],
        "observations": {o.id: [o.type, o.parent_observation_id, o.level] for o in trace.observations},
        "generation": [observation.model, observation.usage.total, observation.calculated_total_cost],
        "times": [observation.latency, observation.time_to_first_token],
        "openai usage": client.fetch_observation("generation-2").data.usage.dict(exclude_none=True),
        "by user": [t.id for t in client.fetch_traces(user_id="user-2").data],
        "by tags": [t.id for t in client.fetch_traces(tags=["z"], order_by="timestamp.asc", limit=1).data],
        "by session": [
            t.id for t in client.fetch_traces(session_id="session-2", environment="contract").data
        ],
        "generations": sorted(
            o.id for o in client.fetch_observations(type="GENERATION", trace_id="order-1").data
        ),
        "old": client.get_trace("order-1").name,
        "sessions": sorted(s.id for s in client.fetch_sessions().data),
        "missing": common.refusal(client.fetch_trace, "nothing")[1],
    }


def langchain():
    handler = CallbackHandler(
        user_id="user-3", session_id="session-3", tags=["chain"], trace_name="chained"
    )
    config = RunnableConfig(callbacks=[handler])
    answers = [
        common.chain().invoke({"question": "Oslo?"}, config=config),
        "".join(part.content for part in common.list_model().stream("Oslo?", config=config)),
    ]
    common.refusal(common.failing().invoke, "x", config=config)
    trace = client.trace(id="parent-1", name="parent")
    common.list_model().invoke(
        "Oslo?", config={"callbacks": [trace.get_langchain_handler(update_parent=True)]}
    )
    handler.flush()
    client.flush()
    return {"answers": answers, "trace_id": handler.get_trace_id(), "url": handler.get_trace_url()}


def openai_wrapper():
    trace = client.trace(id="openai-1", name="openai")
    text = common.chats(
        openai.OpenAI(), trace_id=trace.id, session_id="session-4", user_id="user-4", tags=["o"]
    )
    atext = asyncio.run(common.achats(openai.AsyncOpenAI(), trace_id=trace.id))
    openai.flush_langfuse()
    return {"text": text, "async": atext}


def api():
    read = client.client
    model = read.models.create(
        request=CreateModelRequest(
            modelName="own", matchPattern="(?i)^own$", unit="TOKENS", inputPrice=1, outputPrice=2
        )
    )
    kept = [read.models.get(model.id).model_name, len(read.models.list(limit=100).data) > 10]
    read.models.delete(model.id)
    session = read.sessions.get("session-2")
    return {
        "projects": len(read.projects.get().data),
        "models": kept,
        "traces": read.trace.list(limit=1).meta.total_items >= 1,
        "observations": read.observations.get_many(name="ask").data[0].id,
        "session": [session.id, [t.id for t in session.traces]],
        "sessions": len(read.sessions.list(limit=1).data),
        "daily": read.metrics.daily().data[0].count_traces >= 1,
        "deleted": read.trace.delete("doomed-1").message,
        "deleted together": read.trace.delete_multiple(trace_ids=["doomed-2"]).message,
        "missing": common.refusal(read.observations.get, "nothing")[1],
    }


if __name__ == "__main__":
    common.run(
        connection, decorators, objects, masking, prompts, datasets, scores, media, fetching, langchain,
        openai_wrapper, api,
    )  # fmt: skip
    client.shutdown()
