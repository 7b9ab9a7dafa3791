"""The steps that Langfuse for Python 3, 4 and 5 have in common; each program adds its own."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import asyncio
import base64
import contextlib
import json
import os

import common
from langfuse import Evaluation, get_client, observe, propagate_attributes
from langfuse.batch_evaluation import EvaluatorInputs
from langfuse.langchain import CallbackHandler
from langfuse.media import LangfuseMedia
from langfuse.openai import openai

client = get_client()
ids = {}


def connection():
    return {
        "good": client.auth_check(),
        "url": client.get_trace_url(trace_id="a" * 32),
        "health": client.api.health.health().status,
    }


@observe(as_type="retriever", capture_input=False)
def search(question):
    client.score_current_span(name="found", value=1, data_type="BOOLEAN")
    return ["passage"]


@observe(as_type="generation")
def generate(question):
    client.update_current_generation(
        model="gpt-4o-mini",
        model_parameters={"temperature": 0.2},
        input=common.MESSAGES,
        usage_details={"input": 120, "output": 30},
        cost_details={"input": 0.00012, "output": 0.00006},
        metadata={"passages": 1, "nested": {"deep": [1, None]}},
        version="g1",
    )
    return "Sunny."


@observe(as_type="tool")
def broken():
    raise ValueError("the tool is down")


@observe()
async def later():
    return "later"


@observe()
def streamed():
    yield "a"
    yield "b"


@observe(as_type="agent")
def handle(question):
    search(question)
    with contextlib.suppress(ValueError):
        broken()
    asyncio.run(later())
    list(streamed())
    client.create_event(name="noticed", input="e", level="DEBUG", status_message="careful")
    client.score_current_trace(name="helpful", value=0.5, comment="so so")
    return generate(question)


def tracing():
    about = {
        "user_id": "user-1",
        "session_id": "session-1",
        "tags": ["a", "b"],
        "metadata": {"tier": "gold"},
    }
    with (
        propagate_attributes(trace_name="decorated", version="v1", **about),
        client.start_as_current_observation(name="request", input={"question": "Oslo?"}) as root,
    ):
        answer = handle("Oslo?")
        client.update_current_span(level="WARNING", status_message="slow", metadata={"n": 1})
        root.update(output={"answer": answer})
        root.score_trace(name="kind", value="good", data_type="CATEGORICAL")
        manual = root.start_observation(name="manual", as_type="embedding", model="text-embedding-3-small")
        manual.update(usage_details={"input": 3}).end()
        manual.score(name="close", value=0.9, score_id="score-of-manual")
        ids["trace"], ids["root"] = client.get_current_trace_id(), client.get_current_observation_id()
        ids["manual"] = manual.id
    seed = client.create_trace_id(seed="order-1")
    with client.start_as_current_observation(
        name="joined", trace_context={"trace_id": seed, "parent_span_id": "a" * 16}
    ):
        pass
    client.flush()
    return {**ids, "seed": seed, "url": client.get_trace_url(trace_id=ids["trace"])}


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
    client.create_prompt(name="talk", type="chat", prompt=common.CHAT_PROMPT, labels=["production"])
    chat = client.get_prompt("talk", type="chat")
    updated = client.update_prompt(name="team/answer", version=1, new_labels=["stable"])
    with client.start_as_current_observation(name="with-prompt", as_type="generation", prompt=text):
        ids["prompted"] = client.get_current_trace_id()
    client.create_prompt(name="cached", prompt="one", labels=["production"])
    first = client.get_prompt("cached", cache_ttl_seconds=60).prompt
    client.api.prompts.create(
        request={"type": "text", "name": "cached", "prompt": "two", "labels": ["production"]}
    )
    second = client.get_prompt("cached").prompt
    client.clear_prompt_cache()
    fallback = common.quietly(client.get_prompt, "nobody", fallback="instead {{x}}", max_retries=0)
    client.flush()
    return {
        "made": [made.version, sorted(made.labels), made.tags, made.config, made.commit_message],
        "text": text.compile(who="Ann", question="it"),
        "langchain": text.get_langchain_prompt(who="Ann"),
        "chat": chat.compile(tone="kind", question="hi", history=[{"role": "assistant", "content": "yes"}]),
        "staging": client.get_prompt("team/answer", label="staging").version,
        "version": client.get_prompt("team/answer", version=1, cache_ttl_seconds=0).version,
        "labels": sorted(updated.labels),
        "cached": [first, second, client.get_prompt("cached").prompt],
        "fallback": [fallback.compile(x="y"), fallback.is_fallback],
        "missing": common.refusal(client.get_prompt, "nobody", max_retries=0)[1],
        "listed": [[each.name, each.versions] for each in client.api.prompts.list(tag="support").data],
        "deleted": common.refusal(client.api.prompts.delete, "cached"),
        "gone": common.refusal(client.get_prompt, "cached", cache_ttl_seconds=0, max_retries=0)[1],
        "trace_id": ids["prompted"],
    }


def datasets():
    schema = {"type": "object", "required": ["q"]}
    made = client.create_dataset(
        name="eval/qa", description="sums", metadata={"of": "us"}, input_schema=schema
    )
    for question in ("1+1", "2+2", "3+3"):
        client.create_dataset_item(
            dataset_name="eval/qa",
            input={"q": question},
            expected_output=common.add(question),
            metadata={"hard": False},
            id=f"item-{question}",
        )
    client.create_dataset_item(dataset_name="eval/qa", id="item-gone", input={"q": "x"})
    client.create_dataset_item(dataset_name="eval/qa", id="item-gone", status="ARCHIVED")
    dataset = client.get_dataset("eval/qa", fetch_items_page_size=2)
    return {
        "made": [made.name, made.description, made.metadata, made.input_schema],
        "items": sorted([i.id, i.input, str(i.expected_output), i.metadata] for i in dataset.items),
        "refused": common.refusal(client.create_dataset_item, dataset_name="eval/qa", input={"other": 1})[
            1
        ],
        "item": client.api.dataset_items.get("item-gone").status.value,
        "item deleted": client.api.dataset_items.delete("item-gone").message,
        "listed": [each.name for each in client.api.datasets.list().data],
        "got": client.api.datasets.get("eval%2Fqa").name,
        "listed items": client.api.dataset_items.list(dataset_name="eval/qa", limit=2).meta.total_pages,
    }


async def task(*, item, **_):
    await asyncio.sleep(0)
    question = item["input"]["q"] if isinstance(item, dict) else item.input["q"]
    return common.add(question)


def exact(*, output, expected_output, **_):
    return Evaluation(name="exact", value=float(output == str(expected_output)), comment="as asked")


async def kind(*, output, **_):
    return [
        Evaluation(name="kind", value="even", data_type="CATEGORICAL"),
        Evaluation(name="short", value=True, data_type="BOOLEAN"),
    ]


def bad_evaluator(**_):
    raise ValueError("the evaluator is broken")


def share(*, item_results, **_):
    right = [e.value for each in item_results for e in each.evaluations if e.name == "exact"]
    return Evaluation(name="share", value=sum(right) / len(right))


def experiments():
    dataset = client.get_dataset("eval/qa")
    result = common.quietly(
        dataset.run_experiment,
        name="sums",
        run_name="sums of today",
        description="adds",
        task=task,
        evaluators=[exact, kind, bad_evaluator],
        run_evaluators=[share],
        max_concurrency=2,
        metadata={"model": "m"},
    )
    local = client.run_experiment(
        name="local",
        data=[{"input": {"q": "5+5"}, "expected_output": "10"}],
        task=task,
        evaluators=[exact],
        run_evaluators=[share],
    )
    client.flush()
    return {
        "run": result.run_name,
        "run_id": getattr(result, "experiment_id", None) or result.dataset_run_id,
        "url": getattr(result, "experiment_url", None) or result.dataset_run_url,
        "outputs": sorted(each.output for each in result.item_results),
        "trace_ids": [each.trace_id for each in result.item_results],
        "evaluations": sorted([e.name, e.value] for each in result.item_results for e in each.evaluations),
        "run_evaluations": [[each.name, each.value] for each in result.run_evaluations],
        "local": [local.item_results[0].output, local.item_results[0].trace_id],
        "text": "sums" in result.format(),
        "dataset_id": dataset.id,
    }


def score(config):
    """Scores of every kind, the first of them sent twice; ``config`` is a score config of the project."""
    trace_id = ids["trace"]
    client.create_score(trace_id=trace_id, score_id="s-1", name="number", value=0.25, comment="c")
    client.create_score(
        trace_id=trace_id,
        observation_id=ids["root"],
        score_id="s-2",
        name="flag",
        value=1,
        data_type="BOOLEAN",
        metadata={"by": "us"},
    )
    client.create_score(session_id="session-1", score_id="s-3", name="mood", value="good")
    client.create_score(
        trace_id=trace_id, score_id="s-4", name="verdict", value="good", config_id=config.id
    )
    client.flush()
    client.create_score(trace_id=trace_id, score_id="s-1", name="number", value=0.75)
    client.flush()
    return {
        "categories": [each.label for each in config.categories],
        "configs": [each.name for each in client.api.score_configs.get().data],
        "config": client.api.score_configs.get_by_id(config.id).name,
    }


def media():
    picture = LangfuseMedia(
        content_bytes=common.picture(int(os.environ["GENERATION"])), content_type="image/png"
    )
    with client.start_as_current_observation(name="look", input={"picture": picture}) as span:
        span.update(metadata={"again": picture}, output="data:image/png;base64," + _second_picture())
        trace_id = client.get_current_trace_id()
    client.flush()
    reference = common.eventually(lambda: _reference(picture))
    resolved = client.resolve_media_references(obj={"a": [reference]}, resolve_with="base64_data_uri")
    fetched = client.api.media.get(picture._media_id)
    return {
        "trace_id": trace_id,
        "id": picture._media_id,
        "resolved": resolved["a"][0][:30],
        "fetched": [fetched.media_id, fetched.content_type, fetched.content_length],
    }


def dataset_media():
    """A file within an item, uploaded first and read back as a reference to it."""
    client.create_dataset(name="eval/media")
    content = common.picture(100 + int(os.environ["GENERATION"]))
    file = LangfuseMedia(content_bytes=content, content_type="image/png")
    made = client.create_dataset_item(
        dataset_name="eval/media", input={"q": "what?", "picture": file}, expected_output=[file]
    )
    (item,) = client.get_dataset("eval/media").items
    reference = item.input["picture"]
    return {
        "made": made.input["picture"] == file._reference_string,
        "references": sorted(
            [each.field, each.json_path, each.media.media_id == file._media_id]
            for each in made.media_references
        ),
        "read": [reference.media_id == file._media_id, reference.content_type, reference.content_length],
        "length": len(content),
        "content": reference.fetch_bytes() == content,
    }


def _second_picture():
    return base64.b64encode(common.picture(200)).decode()


def _reference(picture):
    client.api.media.get(picture._media_id)
    return picture._reference_string


def langchain():
    handler = CallbackHandler()
    config = {
        "callbacks": [handler],
        "run_name": "chained",
        "metadata": {
            "langfuse_user_id": "user-3",
            "langfuse_session_id": "session-3",
            "langfuse_tags": ["chain"],
        },
    }
    answer = common.chain().invoke({"question": "Oslo?"}, config=config)
    trace_id = handler.last_trace_id
    streamed = "".join(part.content for part in common.list_model().stream("Oslo?", config=config))
    called = common.tool().invoke({"city": "Oslo"}, config=config)
    common.refusal(common.failing().invoke, "x", config={**config, "run_name": "failing"})
    failed = handler.last_trace_id
    client.flush()
    return {
        "answer": answer,
        "streamed": streamed,
        "called": called,
        "trace_id": trace_id,
        "failed": failed,
    }


def openai_wrapper():
    with client.start_as_current_observation(name="openai"):
        text = common.chats(openai.OpenAI())
        atext = asyncio.run(common.achats(openai.AsyncOpenAI()))
        trace_id = client.get_current_trace_id()
    client.flush()
    return {"text": text, "async": atext, "trace_id": trace_id}


def evaluate(**scope):
    """Scores what is there already, found by a filter."""
    conditions = [{"type": "string", "column": "traceId", "operator": "=", "value": ids["trace"]}]
    if scope.get("scope") != "traces":
        conditions.append({"type": "string", "column": "name", "operator": "=", "value": "request"})

    def mapped(*, item, **_):
        return EvaluatorInputs(input=item.input, output=item.output, expected_output=None, metadata={})

    def length(*, output, **_):
        return Evaluation(name="length", value=len(json.dumps(output)))

    def composite(*, evaluations, **_):
        return Evaluation(name="all", value=float(len(evaluations)))

    result = client.run_batched_evaluation(
        mapper=mapped,
        evaluators=[length],
        composite_evaluator=composite,
        filter=json.dumps(conditions),
        fetch_batch_size=1,
        metadata={"batch": "b1"},
        **scope,
    )
    client.flush()
    return [
        result.total_items_fetched,
        result.total_items_processed,
        result.total_scores_created,
        result.total_composite_scores_created,
        result.completed,
    ]
