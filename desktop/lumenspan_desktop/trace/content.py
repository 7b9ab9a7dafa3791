"""What an input or output is: a conversation, JSON, or plain text. Pure functions."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["chat", "json", "text"]
PartKind = Literal["text", "tool_call", "tool_result", "media", "data"]
PIECE = 50_000
LONGEST_LINE = 2_000
# What is nested deeper is shown as stored: the encoder recurses.
DEEPEST = 100
_ENCODER = json.JSONEncoder(indent=2, ensure_ascii=False)


@dataclass(frozen=True)
class Part:
    """A piece of a message; `name` is the tool's name or the kind of media."""

    kind: PartKind
    text: str
    name: str = ""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation. `role` is lower case: `system`, `user`, `assistant`, `tool`, …"""

    role: str
    parts: tuple[Part, ...]
    name: str = ""


@dataclass(frozen=True)
class Content:
    """One input or output, understood.

    Attributes:
        raw: the text as stored; empty when there is none.
        value: the decoded JSON, or `raw` when it is not JSON.
        messages: the conversation in it; empty when it is none.
    """

    raw: str
    value: Any
    messages: tuple[Message, ...]

    @property
    def is_structured(self) -> bool:
        """Whether there is a tree to show."""
        return isinstance(self.value, dict | list)

    def text_pieces(self) -> Iterator[str]:
        """For reading, in pieces: a JSON string without its quotes, other JSON indented, else as stored.

        Lines are broken after `LONGEST_LINE` characters: to lay out one of megabytes takes seconds.
        """
        if isinstance(self.value, str) or not self.raw or is_deeper(self.value, DEEPEST):
            yield from pieces_of(self.value if isinstance(self.value, str) else self.raw)
        else:
            yield from _broken(_gathered(_ENCODER.iterencode(self.value)))

    @property
    def text(self) -> str:
        """All of `text_pieces`."""
        return "".join(self.text_pieces())

    def modes(self) -> tuple[Mode, ...]:
        """The views that make sense, the best first."""
        found: list[Mode] = []
        if self.messages:
            found.append("chat")
        if self.is_structured:
            found.append("json")
        return (*found, "text")


def _gathered(parts: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= PIECE:
            yield from _sliced("".join(held))
            held, size = [], 0
    yield "".join(held)


def _sliced(text: str) -> Iterator[str]:
    return (text[begin : begin + PIECE] for begin in range(0, len(text), PIECE))


def _broken(pieces: Iterable[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        made: list[str] = []
        for number, line in enumerate(piece.split("\n")):
            if number:
                made.append("\n")
                length = 0
            while length + len(line) > LONGEST_LINE:
                room = LONGEST_LINE - length
                made.append(line[:room] + "\n")
                line, length = line[room:], 0
            made.append(line)
            length += len(line)
        yield "".join(made)


def pieces_of(text: str) -> Iterator[str]:
    """The text in pieces of `PIECE` characters, with lines broken after `LONGEST_LINE`."""
    return _broken(_sliced(text))


def is_deeper(value: Any, depth: int) -> bool:
    """Whether objects and lists are nested more than `depth` deep; does not recurse."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        inside = [entry.values() if isinstance(entry, dict) else entry for entry in level]
        level = [child for entry in inside for child in entry if isinstance(child, dict | list)]
    return bool(level)


def understand(raw: str | None) -> Content:
    """The content of a stored text; never raises."""
    if not raw:
        return Content("", "", ())
    try:
        value = json.loads(raw)
        return Content(raw, value, messages_in(value))
    except (ValueError, RecursionError):
        return Content(raw, raw, ())


def decode_nested(value: Any, depth: int = 4) -> Any:
    """The value with strings that hold a JSON object or list decoded, `depth` levels deep."""
    if depth == 0:
        return value
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return decode_nested(json.loads(value), depth - 1)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, dict):
        return {key: decode_nested(entry, depth - 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [decode_nested(entry, depth - 1) for entry in value]
    return value


def messages_in(value: Any) -> tuple[Message, ...]:
    """The conversation in a value, in the shapes of the common providers; empty when it is none."""
    if isinstance(value, Mapping):
        for key in ("messages", "contents"):
            if isinstance(value.get(key), list):
                return _with_system(value, messages_in(value[key]))
        if isinstance(value.get("choices"), list):
            choices = [c.get("message") for c in value["choices"] if isinstance(c, Mapping)]
            return messages_in([choice for choice in choices if choice is not None])
        return messages_in([value]) if "role" in value else ()
    if not isinstance(value, list) or not value:
        return ()
    found = [_message(entry) for entry in value]
    return tuple(message for message in found if message) if all(found) else ()


def _with_system(value: Mapping[str, Any], messages: tuple[Message, ...]) -> tuple[Message, ...]:
    system = value.get("system")
    if messages and system:
        return (Message("system", _parts(system)), *messages)
    return messages


def _message(entry: Any) -> Message | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("role"), str):
        return None
    if not {"content", "parts", "tool_calls", "function_call"} & entry.keys():
        return None
    role = entry["role"].lower()
    role = {"model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}.get(role, role)
    parts = _parts(entry.get("content", entry.get("parts")))
    if role == "tool":
        parts = tuple(Part("tool_result", _pretty(part.text), part.name) for part in parts)
    calls = list(entry.get("tool_calls") or ())
    if entry.get("function_call"):
        calls.append({"function": entry["function_call"]})
    return Message(role, parts + tuple(_tool_call(call) for call in calls), str(entry.get("name") or ""))


def _tool_call(call: Any) -> Part:
    called = call.get("function", call) if isinstance(call, Mapping) else {}
    if not isinstance(called, Mapping):
        return Part("tool_call", _pretty(call))
    arguments = called.get("arguments", called.get("args", called.get("input")))
    return Part("tool_call", _pretty(arguments), str(called.get("name") or "tool"))


def _parts(content: Any) -> tuple[Part, ...]:
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Part("text", content),)
    if isinstance(content, Sequence):
        return tuple(_part(entry) for entry in content)
    return (_part(content),)


def _part(entry: Any) -> Part:
    if isinstance(entry, str):
        return Part("text", entry)
    if not isinstance(entry, Mapping):
        return Part("data", _pretty(entry))
    kind = str(entry.get("type") or "")
    if isinstance(entry.get("text"), str) and kind in ("", "text", "input_text", "output_text"):
        return Part("text", entry["text"])
    if kind in ("tool_use", "tool_call", "function_call"):
        return _tool_call(entry)
    if kind == "tool_result":
        inner = "\n".join(part.text for part in _parts(entry.get("content")))
        return Part("tool_result", _pretty(inner), str(entry.get("tool_use_id") or ""))
    if any(word in kind for word in ("image", "audio", "file", "video", "document")):
        return Part("media", "not shown here", kind)
    return Part("data", _pretty(entry))


def _pretty(value: Any) -> str:
    decoded = decode_nested(value, 2)
    return decoded if isinstance(decoded, str) else json.dumps(decoded, indent=2, ensure_ascii=False)
