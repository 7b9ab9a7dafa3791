"""An agent with a tool of Google's ADK, on a model that answers from memory."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import asyncio
import os

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)


class Remembered(BaseLlm):
    async def generate_content_async(self, llm_request, stream=False):
        is_answered = any(
            part.function_response for content in llm_request.contents for part in content.parts
        )
        if is_answered:
            part = types.Part(text="It is sunny in Oslo.")
        else:
            part = types.Part(function_call=types.FunctionCall(name="get_weather", args={"city": "Oslo"}))
        yield LlmResponse(
            content=types.Content(role="model", parts=[part]),
            finish_reason=types.FinishReason.STOP,
            usage_metadata=types.GenerateContentResponseUsageMetadata(
                prompt_token_count=40,
                candidates_token_count=12,
                total_token_count=52,
                cached_content_token_count=8,
            ),
        )


def get_weather(city: str) -> dict:
    """Weather of a city"""
    return {"weather": f"sunny in {city}"}


async def main() -> None:
    agent = LlmAgent(
        name="weatherman",
        model=Remembered(model="gemini-2.5-flash"),
        instruction="Be brief.",
        tools=[get_weather],
    )
    runner = InMemoryRunner(agent, app_name="weather")
    session = await runner.session_service.create_session(app_name="weather", user_id="user-1")
    question = types.Content(role="user", parts=[types.Part(text="How is the weather in Oslo?")])
    async for _ in runner.run_async(user_id="user-1", session_id=session.id, new_message=question):
        pass


asyncio.run(main())
provider.shutdown()
