"""Where a span's input and output are (contract 2.5): ordered rows, the first that yields decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lumenspan.ingest.attributes import (
    Attributes,
    Value,
    first_present,
    first_truthy,
    is_truthy,
    parse_json,
    to_json,
    under,
)
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.shapes import Pick, watched

Pair = tuple[Value, Value]
_MAX_SLOTS = 10_001
_POLLUTING = {"__proto__", "constructor", "prototype"}
_OTLP_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``pick`` yields input and output; it decides when either of them counts.

    Attributes:
        is_truthy_gate: an empty text or zero does not count (otherwise only null does not).
        is_terminal: where the row holds it decides, even when it finds nothing.
    """

    name: str
    pick: Callable[[Span], Pair | None]
    is_truthy_gate: bool = False
    keys: tuple[str, ...] = ()
    is_terminal: bool = False


def find(span: Span, rows: Sequence[Row] | None = None) -> Pair:
    """Input and output of the span; None for what it has not."""
    for row in ROWS if rows is None else rows:
        pair = row.pick(span)
        if pair is not None and decides(row, pair):
            return pair
    return None, None


def decides(row: Row, pair: Pair) -> bool:
    """Whether a row that found this is the one that counts."""
    if row.is_terminal:
        return True
    if row.is_truthy_gate:
        return is_truthy(pair[0]) or is_truthy(pair[1])
    return pair[0] is not None or pair[1] is not None


class Find:
    """``find``, narrowed to the rows that may decide."""

    def __init__(self, rows: Sequence[Row] | None = None) -> None:
        self.rows = ROWS if rows is None else rows

    def __call__(self, span: Span) -> Pair:
        return find(span, self.rows)

    def narrowed(self, span: Span) -> Pick:
        """The same without rows that never decide, or are never reached, for spans of this shape."""
        kept = []
        for row in self.rows:
            pair, watch = watched(row.pick, span)
            is_deciding = pair is not None and decides(row, pair)
            if is_deciding or not watch.is_idle:
                kept.append(row)
            if is_deciding and watch.is_idle:
                break
        return Find(tuple(kept))


def _keys(
    name: str, input_key: str, output_key: str, *, scope: str = "", is_truthy_gate: bool = True
) -> Row:
    def pick(span: Span) -> Pair | None:
        if scope and span.origin.scope_name != scope:
            return None
        return span.attributes.get(input_key), span.attributes.get(output_key)

    return Row(name, pick, is_truthy_gate, (input_key, output_key))


_GENKIT_KEYS = ("genkit:input", "genkit:output")
_AI_INPUT = ("ai.prompt.messages", "ai.prompt", "ai.toolCall.args", "ai.value", "ai.values")
_AI_OUTPUT = (
    "ai.result.text",
    "ai.toolCall.result",
    "ai.response.object",
    "ai.result.object",
    "ai.response.toolCalls",
    "ai.result.toolCalls",
)
# Newer versions mark what people said or wrote.
_LIVEKIT_INPUT = tuple(
    prefix + name
    for prefix in ("lk.", "lk.pii.")
    for name in ("input_text", "user_transcript", "chat_ctx", "user_input", "function_tool.arguments")
)
_LIVEKIT_OUTPUT = tuple(
    prefix + name
    for prefix in ("lk.", "lk.pii.")
    for name in ("function_tool.output", "response.text", "response.function_calls")
)
_FLUE_INPUT = ("flue.turn.input", "flue.tool.arguments", "flue.task.prompt", "flue.workflow.payload")
_FLUE_OUTPUT = (
    "flue.turn.output",
    "flue.tool.result",
    "flue.task.result",
    "flue.operation.result",
    "flue.workflow.result",
)


def _genkit(span: Span) -> Pair | None:
    if span.origin.scope_name != "genkit-tracer":
        return None
    sides = []
    for key, inner in zip(_GENKIT_KEYS, ("messages", "message"), strict=True):
        sent = span.attributes.get(key)
        parsed = _parsed(sent)
        within = parsed.get(inner) if isinstance(parsed, dict) else None
        sides.append(parsed if within is None else within)
    return sides[0], sides[1]


def _ai_sdk(span: Span) -> Pair | None:
    if span.origin.scope_name != "ai":
        return None
    attributes = span.attributes
    given = first_present(attributes, _AI_INPUT)
    text, calls = attributes.get("ai.response.text"), attributes.get("ai.response.toolCalls")
    if "ai.response.text" in attributes and "ai.response.toolCalls" in attributes:
        answered: Value = to_json({"role": "assistant", "content": text, "tool_calls": calls})
    else:
        answered = text if is_truthy(text) else first_present(attributes, _AI_OUTPUT)
    semantic = _semantic(attributes)
    return semantic[0] if given is None else given, semantic[1] if answered is None else answered


def _flue(span: Span) -> Pair | None:
    if span.origin.scope_name != "@flue/opentelemetry":
        return None
    attributes = span.attributes
    return _parsed(first_present(attributes, _FLUE_INPUT)), _parsed(first_present(attributes, _FLUE_OUTPUT))


def _parsed(value: Value) -> Value:
    """What JSON text holds, else the text."""
    parsed = parse_json(value)
    return value if parsed is None else parsed


def _event_details(span: Span) -> Pair | None:
    for event in span.events:
        if event.name == "gen_ai.client.inference.operation.details":
            return _semantic(event.attributes)
    return None


def _message_events(span: Span) -> Pair | None:
    if not span.events:
        return None
    messages = [
        {"role": _OTLP_MESSAGE_EVENTS[event.name], **event.attributes}
        for event in span.events
        if event.name in _OTLP_MESSAGE_EVENTS
    ]
    choices = [event.attributes for event in span.events if event.name == "gen_ai.choice"]
    output = choices[0] if len(choices) == 1 else choices or None
    return (messages or None, output) if messages or choices else None


def _content_events(span: Span) -> Pair | None:
    sides: list[Value] = [None, None]
    for event in span.events:
        for side, name in enumerate(("gen_ai.content.prompt", "gen_ai.content.completion")):
            if event.name == name:
                nested = _nested(event.attributes, name)
                sides[side] = nested if nested is not None else event.attributes
    return sides[0], sides[1]


def _nested(attributes: Attributes, name: str) -> Value:
    key = "gen_ai.prompt" if name.endswith("prompt") else "gen_ai.completion"
    found = rebuild(attributes, key)
    return found if found not in ({}, None) else None


def _vertex(span: Span) -> Pair | None:
    attributes = span.attributes
    sides = []
    for first, second in (("llm_request", "tool_call_args"), ("llm_response", "tool_response")):
        value = attributes.get(f"gcp.vertex.agent.{first}")
        if not is_truthy(value) or value == "{}":
            value = attributes.get(f"gcp.vertex.agent.{second}")
        sides.append(value)
    return sides[0], sides[1]


def _livekit(span: Span) -> Pair | None:
    said = first_present(span.attributes, _LIVEKIT_INPUT)
    return said, first_truthy(span.attributes, _LIVEKIT_OUTPUT)


def _logfire_events(span: Span) -> Pair | None:
    value = span.attributes.get("events")
    entries = parse_json(value) if isinstance(value, str) else value
    if not isinstance(entries, list):
        return None
    choice = next((each for each in entries if _event_name(each) == "gen_ai.choice"), None)
    return [each for each in entries if _event_name(each) != "gen_ai.choice"], choice


def _event_name(entry: Value) -> Value:
    return entry.get("event.name") if isinstance(entry, dict) else None


def _pydantic(span: Span) -> Pair | None:
    if span.origin.scope_name != "pydantic-ai":
        return None
    attributes = span.attributes
    messages = attributes.get("pydantic_ai.all_messages")
    return with_system(messages, attributes), attributes.get("final_result")


def _rebuilt(input_prefix: str, output_prefix: str) -> Callable[[Span], Pair | None]:
    def pick(span: Span) -> Pair | None:
        keys = span.attributes
        if not any(key.startswith((input_prefix, output_prefix)) for key in keys):
            return None
        return rebuild(keys, input_prefix), rebuild(keys, output_prefix)

    return pick


def rebuild(attributes: Mapping[str, Value], prefix: str) -> Value:
    """A value from its dotted keys: digits are places in a list, gaps are null; ``{}`` when there are none.

    A truthy value under the prefix itself wins whole. At most 10,001 list places are made; keys beyond
    them, and names that would reach into an object's class in JavaScript readers, are left out.
    """
    whole = attributes.get(prefix)
    if is_truthy(whole):
        return whole
    tree: dict[str, Value] = {}
    slots = 0
    for key, value in under(attributes, prefix + "."):
        path = key[len(prefix) + 1 :].split(".")
        if _POLLUTING.intersection(path):
            continue
        needed = sum(int(part) + 1 for part in path if part.isdecimal() and len(part) < 9)
        if any(part.isdecimal() and int(part) >= _MAX_SLOTS for part in path) or needed > _MAX_SLOTS:
            continue
        slots = max(slots, needed)
        _put(tree, path, value)
    return _as_lists(tree)


def _put(tree: dict[str, Value], path: Sequence[str], value: Value) -> None:
    for part in path[:-1]:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    if not isinstance(tree.get(path[-1]), dict):
        tree[path[-1]] = value


def _as_lists(tree: Value) -> Value:
    if not isinstance(tree, dict):
        return tree
    made = {key: _as_lists(value) for key, value in tree.items()}
    if made and all(key.isdecimal() for key in made):
        return [made.get(str(place)) for place in range(max(map(int, made)) + 1)]
    return made


def _semantic(attributes: Attributes) -> Pair:
    """The semantic conventions since 1.37."""
    messages = attributes.get("gen_ai.input.messages")
    given = with_system(messages, attributes) if is_truthy(messages) else None
    if given is None:
        given = attributes.get("gen_ai.tool.call.arguments")
    answered = attributes.get("gen_ai.output.messages")
    if not is_truthy(answered):
        answered = attributes.get("gen_ai.tool.call.result")
    return given, answered


def with_system(messages: Value, attributes: Attributes) -> Value:
    """Messages with the system instructions put first, unless they hold some; text stays text."""
    instructions = attributes.get("gen_ai.system_instructions")
    parsed = parse_json(messages) if isinstance(messages, str) else messages
    if not is_truthy(instructions) or not isinstance(parsed, list):
        return messages
    if any(isinstance(each, dict) and each.get("role") == "system" for each in parsed):
        return messages
    joined = [{"role": "system", "content": _instructions_text(instructions)}, *parsed]
    return to_json(joined) if isinstance(messages, str) else joined


def _instructions_text(instructions: Value) -> str:
    parsed = parse_json(instructions) if isinstance(instructions, str) else instructions
    if isinstance(parsed, list):
        return "\n".join(_part_text(part) for part in parsed)
    if isinstance(parsed, str):
        return parsed
    return instructions if isinstance(instructions, str) else to_json(instructions)


def _part_text(part: Value) -> str:
    if isinstance(part, str):
        return part
    content = part.get("content", part.get("text")) if isinstance(part, dict) else None
    return content if isinstance(content, str) else to_json(part)


def _keys_of(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(key for row in rows for key in row.keys)


ROWS = (
    _keys("langfuse", "langfuse.observation.input", "langfuse.observation.output", is_truthy_gate=False),
    Row("genkit", _genkit, False, _GENKIT_KEYS, is_terminal=True),
    Row("ai_sdk", _ai_sdk, False, (*_AI_INPUT, "ai.response.text", *_AI_OUTPUT), is_terminal=True),
    Row("flue", _flue, False, (*_FLUE_INPUT, *_FLUE_OUTPUT)),
    Row("gen_ai_operation_details_event", _event_details, True),
    Row("gen_ai_message_events", _message_events),
    Row("gen_ai_content_events", _content_events),
    Row(
        "vertex",
        _vertex,
        True,
        tuple(
            f"gcp.vertex.agent.{k}"
            for k in ["llm_request", "llm_response", "tool_call_args", "tool_response"]
        ),
    ),
    _keys("logfire_prompt", "prompt", "all_messages_events"),
    Row(
        "livekit",
        _livekit,
        True,
        (*_LIVEKIT_INPUT, *_LIVEKIT_OUTPUT),
    ),
    Row("logfire_events", _logfire_events, False, ("events",)),
    _keys("mlflow", "mlflow.spanInputs", "mlflow.spanOutputs"),
    _keys("traceloop", "traceloop.entity.input", "traceloop.entity.output"),
    _keys("openinference", "input.value", "output.value"),
    _keys("pydantic_pipecat", "input", "output"),
    Row("pydantic_ai", _pydantic, True, ("pydantic_ai.all_messages", "final_result")),
    _keys("pydantic_tools", "tool_arguments", "tool_response"),
    Row("gen_ai_prompt_keys", _rebuilt("gen_ai.prompt", "gen_ai.completion")),
    Row("llm_message_keys", _rebuilt("llm.input_messages", "llm.output_messages")),
    Row(
        "gen_ai_messages",
        lambda span: _semantic(span.attributes),
        True,
        (
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
        ),
    ),
)
# What these rows read is not repeated in the metadata, except what Pydantic tools say (contract 2.6).
CONSUMED_KEYS = _keys_of(ROWS) - {"tool_arguments", "tool_response"}
