"""An application with the Langfuse SDK 2, which sends batches of events."""

# Libraries of an environment of its own.
# mypy: ignore-errors

from langfuse.decorators import langfuse_context, observe
from langfuse.openai import openai

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How is the weather in Oslo?"},
]


@observe(as_type="generation")
def manual(question: str) -> str:
    langfuse_context.update_current_observation(
        model="gpt-4o",
        model_parameters={"temperature": 0.2},
        input=MESSAGES,
        usage_details={"input": 10, "output": 5},
        cost_details={"input": 0.00001, "output": 0.00002},
    )
    return "Sunny."


@observe()
def broken() -> None:
    raise ValueError("the tool is down")


@observe(name="request")
def ask(question: str) -> dict[str, str]:
    langfuse_context.update_current_trace(
        name="weather",
        user_id="user-1",
        session_id="session-1",
        tags=["a", "b"],
        metadata={"tier": "gold"},
    )
    handle(question)
    langfuse_context.score_current_trace(name="helpful", value=0.5, comment="so so")
    return {"answer": "Sunny."}


@observe()
def handle(question: str) -> None:
    langfuse_context.update_current_observation(metadata={"attempt": 2, "nested": {"deep": [1, 2]}})
    try:
        broken()
    except ValueError as error:
        langfuse_context.update_current_observation(status_message=str(error))
    manual(question)
    model = openai.OpenAI()
    model.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, temperature=0.1, name="plain", **parents()
    )
    stream = model.chat.completions.create(
        model="gpt-4o-mini",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
        name="streamed",
        **parents(),
    )
    for _ in stream:
        pass


def parents() -> dict[str, str]:
    return {
        "trace_id": langfuse_context.get_current_trace_id(),
        "parent_observation_id": langfuse_context.get_current_observation_id(),
    }


ask("Oslo?")
openai.flush_langfuse()
langfuse_context.flush()
