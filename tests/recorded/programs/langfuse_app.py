"""An application with the Langfuse SDK 3 and later."""

# Libraries of an environment of its own.
# mypy: ignore-errors

from langfuse import get_client
from langfuse.openai import openai

try:
    from langfuse import propagate_attributes
except ImportError:
    propagate_attributes = None

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How is the weather in Oslo?"},
]

client = get_client()


def steps() -> None:
    with client.start_as_current_observation(as_type="agent", name="handle") as agent:
        agent.update(metadata={"attempt": 2, "label": "x", "nested": {"deep": [1, 2]}}, version="7")
        with client.start_as_current_observation(as_type="tool", name="broken", input={"a": 1}) as tool:
            tool.update(level="ERROR", status_message="the tool is down")
        with client.start_as_current_observation(as_type="retriever", name="search") as search:
            search.update(input="weather", output=["passage"])
        with client.start_as_current_observation(
            as_type="generation",
            name="manual",
            model="gpt-4o",
            model_parameters={"temperature": 0.2, "max_tokens": 10},
            input=MESSAGES,
        ) as generation:
            generation.update(
                output={"role": "assistant", "content": "Sunny."},
                usage_details={"input": 10, "output": 5, "input_cached_tokens": 3},
                cost_details={"input": 0.00001, "output": 0.00002},
            )
        model = openai.OpenAI()
        model.chat.completions.create(
            model="gpt-4o-mini", messages=MESSAGES, tools=TOOLS, temperature=0.1, name="with-tools"
        )
        stream = model.chat.completions.create(
            model="gpt-4o-mini",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
            name="streamed",
        )
        for _ in stream:
            pass
        client.create_event(name="noticed", input="e", level="WARNING")


with client.start_as_current_observation(
    as_type="span", name="request", input={"question": "Oslo?"}
) as root:
    if hasattr(client, "update_current_trace"):
        client.update_current_trace(
            name="weather",
            user_id="user-1",
            session_id="session-1",
            tags=["a", "b"],
            metadata={"tier": "gold"},
            public=True,
        )
        steps()
    else:
        with propagate_attributes(
            trace_name="weather",
            user_id="user-1",
            session_id="session-1",
            tags=["a", "b"],
            metadata={"tier": "gold"},
        ):
            steps()
    root.update(output={"answer": "Sunny."})
client.flush()
