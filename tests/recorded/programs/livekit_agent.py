"""A turn of a LiveKit agent in text, with a tool."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import asyncio

from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.telemetry import set_tracer_provider
from livekit.plugins import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
set_tracer_provider(provider)


class Weatherman(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @function_tool
    async def get_weather(self, city: str) -> str:
        """Weather of a city"""
        return f"sunny in {city}"


async def main() -> None:
    session = AgentSession(llm=openai.LLM(model="gpt-4o-mini"))
    await session.start(Weatherman())
    await session.run(user_input="How is the weather in Oslo?")
    await session.aclose()


asyncio.run(main())
provider.shutdown()
