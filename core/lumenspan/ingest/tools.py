"""Tools of a model call (contract 2.12): definitions move into the input, calls are found in the output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lumenspan.ingest.attributes import Value, is_truthy, parse_json, parse_object, to_json, to_text
from lumenspan.ingest.otlp import Span

_ATTRIBUTES = ("ai.prompt.tools", "gen_ai.tool.definitions")
_REQUEST = "model_request_parameters"
_LLM_TOOL = re.compile(r"llm\.tools\.(\d+)\.tool\.json_schema\Z")
_SCHEMAS = ("parameters", "parameters_json_schema", "inputSchema", "input_schema", "schema")
_CALL_TYPES = frozenset(("tool_use", "tool-call", "tool_call", "function_call", "function"))
_AROUND_CALLS = (
    "choices",
    "message",
    "messages",
    "content",
    "parts",
    "additional_kwargs",
    "output",
    # As LangChain writes its own objects.
    "generations",
    "kwargs",
)
_MOST_CALLS = 1_000
_MAX_DEPTH = 6


@dataclass(slots=True)
class Tools:
    """What is known of a span's tools.

    Attributes:
        input: the input, now with the definitions.
        definitions: by name, JSON ``{description, parameters}``.
        call_names, calls: equally long; a call is JSON ``{id, arguments, type, index}``.
    """

    input: Value
    definitions: dict[str, str] = field(default_factory=dict)
    call_names: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


Offers = tuple[list[Value], list[str]]


def extract(offers: Offers, given: Value, answered: Value, metadata: dict[str, str]) -> Tools:
    """The tools of a span with that input and output; what moves is removed from ``metadata``."""
    found, keys = _offered(offers, metadata) if offers[0] or "tools" in metadata else ([], [])
    parsed = _parsed_input(given, is_wanted=bool(found))
    if found:
        moved = _with_tools(given, parsed, found)
        if moved is not None:
            given, parsed = moved, moved
            for key in keys:
                metadata.pop(key, None)
    tools = Tools(given)
    if parsed is not None:
        for tool in _defined(parsed):
            name, definition = _definition(tool)
            if name:
                tools.definitions.setdefault(name, definition)
    if answered is not None:
        _add_calls(tools, answered)
    return tools


def may_hold_tools(offers: Offers, given: Value, answered: Value, metadata: dict[str, str]) -> bool:
    """Whether ``extract`` has anything to look at."""
    if offers[0] or "tools" in metadata:
        return True
    if not isinstance(given, str | None) or (given and _is_structure(given) and "tool" in given):
        return True
    return answered is not None and (not isinstance(answered, str) or _is_marked(answered))


def _is_marked(text: str) -> bool:
    """Whether a text may hold a call, so that it is worth parsing."""
    return _is_structure(text) and ("tool" in text or "function" in text or '"arguments"' in text)


def _is_structure(text: str) -> bool:
    """Whether a text begins as a JSON object or list does: nothing else has tools in it."""
    return text.lstrip(" \t\r\n")[:1] in ("{", "[")


def offers(span: Span) -> Offers:
    """Definitions among the attributes, and the names that these have in the metadata."""
    attributes = span.attributes
    listed: list[Value] = []
    keys: list[str] = []
    for key in _ATTRIBUTES:
        items = _list(attributes.get(key))
        if items:
            listed += items
            keys.append("attributes." + key)
    request = parse_object(attributes.get(_REQUEST)) or {}
    listed += _list(request.get("function_tools"))
    # Looked for in one text: most spans have none of these keys.
    if "llm.tools." in "\n".join(attributes):
        for key in attributes:
            if _LLM_TOOL.match(key):
                listed.append(attributes[key])
                keys.append("attributes." + key)
    return listed, keys


def _offered(offers: Offers, metadata: dict[str, str]) -> tuple[list[Value], list[str]]:
    """Definitions around the input, the first of a name, and the metadata that held them."""
    listed, keys = list(offers[0]), list(offers[1])
    if "tools" in metadata:
        own = parse_json(metadata["tools"])
        if isinstance(own, list) and own and all(_definition(tool)[0] for tool in own):
            listed[:0] = own
            keys.append("tools")
    by_name: dict[str, Value] = {}
    for tool in listed:
        known = parse_json(tool) if isinstance(tool, str) else tool
        name = _definition(known)[0]
        if name:
            by_name.setdefault(name, known)
    return list(by_name.values()), keys


def _list(value: Value) -> list[Value]:
    parsed = parse_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, list) else []


def _parsed_input(given: Value, *, is_wanted: bool) -> Value:
    if not isinstance(given, str):
        return given
    return parse_json(given) if is_wanted or (_is_structure(given) and "tool" in given) else None


def _with_tools(given: Value, parsed: Value, tools: list[Value]) -> Value:
    """The input together with ``tools``; None when it has another ``tools`` of its own."""
    if isinstance(parsed, list):
        return {"messages": parsed, "tools": tools}
    if isinstance(parsed, dict):
        own = parsed.get("tools")
        if own is None:
            return {**parsed, "tools": tools}
        if not isinstance(own, list) or not all(_definition(tool)[0] for tool in own):
            return None
        names = {_definition(tool)[0] for tool in own}
        return {**parsed, "tools": [*own, *(tool for tool in tools if _definition(tool)[0] not in names)]}
    return {"prompt": given, "tools": tools} if is_truthy(given) else {"tools": tools}


def _defined(parsed: Value) -> Iterator[Value]:
    """Definitions within an input: its own, those of its messages, those that are messages."""
    if isinstance(parsed, dict):
        yield from _list(parsed.get("tools"))
        yield from _declared(parsed.get("config"))
    messages = parsed.get("messages") if isinstance(parsed, dict) else parsed
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        yield from _list(message.get("tools"))
        content = message.get("content")
        # LangGraph writes each tool as a message.
        if message.get("role") == "tool" and isinstance(content, dict):
            yield content


def _declared(config: Value) -> Iterator[Value]:
    """Definitions in the configuration of a request to Gemini."""
    for group in _list(config.get("tools")) if isinstance(config, dict) else ():
        if isinstance(group, dict):
            yield from _list(group.get("function_declarations", group.get("functionDeclarations")))


def _definition(tool: Value) -> tuple[str, str]:
    """Name and JSON of a definition; an empty name for what is none."""
    if not isinstance(tool, dict):
        return "", ""
    nested = tool.get("function")
    known = nested if isinstance(nested, dict) else tool
    name = known.get("name")
    if not isinstance(name, str) or not name:
        return "", ""
    description = known.get("description", known.get("desc"))
    schema = next((known[key] for key in _SCHEMAS if known.get(key) is not None), None)
    return name, to_json({"description": to_text(description), "parameters": to_text(schema)})


def _add_calls(tools: Tools, answered: Value) -> None:
    if isinstance(answered, str):
        answered = parse_json(answered) if _is_marked(answered) else None
    seen: set[tuple[str, ...]] = set()
    for call in _calls(answered, 0):
        nested = call.get("function")
        known = nested if isinstance(nested, dict) else call
        name = to_text(_any(known, "name", "toolName"))
        arguments = to_text(_any(known, "arguments", "args", "input")) or "{}"
        id_ = to_text(_any(call, "id", "toolCallId", "tool_call_id", "call_id", "ref"))
        mark = (id_,) if id_ else (name, arguments)
        if not name or mark in seen or len(seen) >= _MOST_CALLS:
            continue
        seen.add(mark)
        index = call.get("index")
        tools.call_names.append(name)
        tools.calls.append(
            to_json(
                {
                    "id": id_,
                    "arguments": arguments,
                    "type": to_text(call.get("type")),
                    "index": index if isinstance(index, int) else 0,
                }
            )
        )


def _any(known: dict[str, Value], *keys: str) -> Value:
    return next((known[key] for key in keys if known.get(key) is not None), None)


def _calls(value: Value, depth: int) -> Iterator[dict[str, Value]]:
    """Calls anywhere in an output where model answers carry them."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for each in value:
            yield from _calls(each, depth + 1)
        return
    if not isinstance(value, dict):
        return
    if _is_call(value):
        yield value
        return
    listed = _list(value.get("tool_calls")) + _list(value.get("toolCalls"))
    # A single one, as Gemini, the oldest models of OpenAI, and Genkit write it.
    listed += [value.get(key) for key in ("function_call", "functionCall", "toolRequest")]
    yield from (each for each in listed if isinstance(each, dict))
    for key in _AROUND_CALLS:
        yield from _calls(value.get(key), depth + 1)


def _is_call(value: dict[str, Value]) -> bool:
    if isinstance(value.get("function"), dict):
        return isinstance(value["function"].get("name"), str)
    if isinstance(value.get("toolName"), str) and value.get("type") != "tool-result":
        return "input" in value or "args" in value
    has_name = isinstance(value.get("name") or value.get("toolName"), str)
    return has_name and ("arguments" in value or value.get("type") in _CALL_TYPES)
