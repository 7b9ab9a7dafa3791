"""Functions traced with MLflow, exported over OTLP, with OpenAI's client logged by itself."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import mlflow
from mlflow.entities import SpanType
from openai import OpenAI

mlflow.openai.autolog()


@mlflow.trace(span_type=SpanType.TOOL)
def get_weather(city: str) -> str:
    return f"sunny in {city}"


@mlflow.trace(name="request", span_type=SpanType.AGENT)
def ask(question: str) -> str:
    mlflow.update_current_trace(
        metadata={"mlflow.trace.user": "user-1", "mlflow.trace.session": "session-1"}
    )
    messages = [{"role": "user", "content": question}]
    answered = OpenAI().chat.completions.create(model="gpt-4o-mini", messages=messages, temperature=0.1)
    return f"{get_weather('Oslo')}: {answered.choices[0].message.content}"


ask("How is the weather in Oslo?")
mlflow.flush_trace_async_logging()
