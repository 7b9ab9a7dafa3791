"""A chain with a tool of LangChain, watched by OpenInference."""

# Libraries of an environment of its own.
# mypy: ignore-errors

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
LangChainInstrumentor().instrument(tracer_provider=provider)


@tool
def get_weather(city: str) -> str:
    """Weather of a city"""
    return f"sunny in {city}"


model = ChatOpenAI(model="gpt-4o-mini", temperature=0.1)
prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
with using_attributes(session_id="session-1", user_id="user-1", tags=["a"], metadata={"tier": "gold"}):
    (prompt | model.bind_tools([get_weather])).invoke({"question": "How is the weather in Oslo?"})
    get_weather.invoke({"city": "Oslo"})
provider.shutdown()
