"""What the programs share: running the steps, waiting, a chain, a chat and a picture."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import json
import logging
import struct
import sys
import time
import traceback
import zlib

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How is the weather in Oslo?"},
]
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
CHAT_PROMPT = [
    {"role": "system", "content": "Be {{tone}}."},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "{{question}}"},
]


def run(*steps):
    """Each step's answer by its name, as JSON on standard output; an error does not stop the next step."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    seen = {}
    for step in steps:
        try:
            seen[step.__name__] = step()
        except BaseException:
            seen[step.__name__] = {"error": traceback.format_exc()}
    sys.stdout.write(json.dumps(seen, default=str))


def eventually(read, timeout_s=30):
    """The first truthy answer; an error of ``read`` means "not yet" until the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answer = quietly(read)
        except Exception:
            if time.monotonic() > deadline:
                raise
            answer = None
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing within {timeout_s} s: {answer!r}")
        time.sleep(0.1)


def refusal(call, *arguments, **named):
    """The name of the error's class and its HTTP status, or ``None`` where the call succeeds."""
    logging.disable(logging.CRITICAL)  # the SDK reports what is expected here
    try:
        call(*arguments, **named)
    except Exception as error:
        return [type(error).__name__, getattr(error, "status_code", None)]
    finally:
        logging.disable(logging.NOTSET)
    return None


def quietly(call, *arguments, **named):
    """The answer of a call of which the SDK reports an error that is expected."""
    logging.disable(logging.CRITICAL)
    try:
        return call(*arguments, **named)
    finally:
        logging.disable(logging.NOTSET)


def picture(shade=0):
    """A PNG of one pixel; each shade is a file of its own."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes([0, shade])))
        + chunk(b"IEND", b"")
    )


def add(question):
    """The sum that a question such as ``1+2`` asks for."""
    left, _, right = question.partition("+")
    return str(int(left) + int(right))


def chain():
    """A prompt, a model that answers from a list and reports tokens, and a parser of LangChain."""
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    answers = [
        AIMessage(
            content="It is sunny.",
            usage_metadata={"input_tokens": 11, "output_tokens": 4, "total_tokens": 15},
            response_metadata={"model_name": "gpt-4o-mini"},
        )
        for _ in range(4)
    ]
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
    return prompt | GenericFakeChatModel(messages=iter(answers)) | StrOutputParser()


def list_model():
    """A chat model of LangChain that answers from a list of texts."""
    from langchain_core.language_models import FakeListChatModel

    return FakeListChatModel(responses=["It rains.", "It snows."])


def tool():
    """A tool of LangChain."""
    from langchain_core.tools import tool as as_tool

    @as_tool
    def get_weather(city: str) -> str:
        """Weather of a city"""
        return f"sunny in {city}"

    return get_weather


def failing():
    """A step of LangChain that raises."""
    from langchain_core.runnables import RunnableLambda

    def broken(_: object) -> str:
        raise ValueError("the step is broken")

    return RunnableLambda(broken)


def chats(model, **named):
    """A call with tools, and a stream, through a wrapped client of OpenAI; the text of the stream."""
    model.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, tools=TOOLS, temperature=0.1, name="with-tools", **named
    )
    stream = model.chat.completions.create(
        model="gpt-4o-mini",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
        name="streamed",
        **named,
    )
    return "".join(part.choices[0].delta.content or "" for part in stream if part.choices)


async def achats(model, **named):
    """A call, and a stream, through a wrapped asynchronous client of OpenAI; the text of the stream."""
    await model.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, name="plain-async", **named)
    stream = await model.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True, name="streamed-async", **named
    )
    return "".join([part.choices[0].delta.content or "" async for part in stream if part.choices])
