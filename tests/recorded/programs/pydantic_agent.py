"""An agent with a tool of Pydantic AI, exported by Logfire to the address in the environment."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import logfire
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel

logfire.configure(
    send_to_logfire=False,
    console=False,
    service_name="weather-service",
    service_version="1.0",
)
logfire.instrument_pydantic_ai()
agent = Agent(OpenAIChatModel("gpt-4o-mini"), name="weatherman", instructions="Be brief.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Weather of a city"""
    return f"sunny in {city}"


with logfire.span("asked about {city}", city="Oslo"):
    agent.run_sync("How is the weather in Oslo?")
logfire.shutdown()
