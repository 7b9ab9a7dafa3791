"""Chat with tools, a stream and an embedding through OpenAI's client, watched by an instrumentation."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import os
import sys

from openai import OpenAI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

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

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
try:
    from openinference.instrumentation.openai import OpenAIInstrumentor
except ImportError:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=provider)

with trace.get_tracer("app").start_as_current_span("request") as root:
    root.set_attribute("user.id", "user-1")
    root.set_attribute("session.id", "session-1")
    model = OpenAI()
    model.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, tools=TOOLS, temperature=0.1)
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    answered = [
        *MESSAGES,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    stream = model.chat.completions.create(
        model="gpt-4o-mini", messages=answered, stream=True, stream_options={"include_usage": True}
    )
    sys.stdout.write("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
    model.embeddings.create(model="text-embedding-3-small", input="sunny")
    try:
        OpenAI(base_url=os.environ["OPENAI_BASE_URL"].replace("/v1", "/v9"), max_retries=0).models.list()
    except Exception as error:
        root.record_exception(error)
provider.shutdown()
