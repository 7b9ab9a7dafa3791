"""What an input or output is, made ready to show: a conversation, JSON or plain text. Pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from markupsafe import Markup

from lumenspan.media import references
from lumenspan.media.references import Reference
from lumenspan_server.pages.json_text import laid_out

MAX_READ = 200_000
"""Characters of a text that are read; of a longer one only the beginning is shown."""
MAX_SHOWN = 60_000
_MAX_MESSAGES = 300
_MAX_PARTS = 100
_MAX_FILES = 20
_MAX_DEPTH = 6
_ROLES = {
    "model": "assistant",
    "ai": "assistant",
    "human": "user",
    "function": "tool",
    "developer": "system",
}
_TEXT_KINDS = frozenset({"", "text", "input_text", "output_text"})
_CALL_KINDS = frozenset({"tool_use", "tool_call", "function_call", "tool-call"})
_RESULT_KINDS = frozenset({"tool_result", "tool-result", "function_call_output"})

Kind = Literal["empty", "chat", "json", "text"]


@dataclass(frozen=True, slots=True)
class Link:
    """An address elsewhere; it is never fetched by the page itself."""

    url: str


Piece = str | Markup | Reference | Link


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message; ``name`` is that of the tool."""

    kind: Literal["text", "code", "call", "result"]
    pieces: tuple[Piece, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; ``role`` is in lower case."""

    role: str
    parts: tuple[Part, ...]
    name: str = ""


@dataclass(slots=True)
class Content:
    """One text, understood.

    Attributes:
        pieces: of plain text; of JSON its layout and behind it the files that it names.
        is_cut: not all of it is shown.
    """

    kind: Kind = "empty"
    messages: list[Message] = field(default_factory=list)
    pieces: tuple[Piece, ...] = ()
    files: list[Reference] = field(default_factory=list)
    is_cut: bool = False


@dataclass(slots=True)
class _Budget:
    """How much more may be shown."""

    left: int
    is_spent: bool = False

    def take(self, text: str) -> str:
        taken = text[: max(0, self.left)]
        self.left -= len(text)
        self.is_spent = self.is_spent or len(taken) < len(text)
        return taken


def understand(text: str | None, max_shown: int = MAX_SHOWN) -> Content:
    """What ``text``, as stored and at most ``MAX_READ`` + 1 characters of it, is; never raises."""
    if not text:
        return Content()
    budget = _Budget(max_shown)
    files = list(dict.fromkeys(references.find(text)))[:_MAX_FILES]
    value = None if len(text) > MAX_READ else _decoded(text)
    if isinstance(value, dict | list):
        messages = _conversation(value)
        if messages:
            shown: list[Message] = []
            for raw in messages[:_MAX_MESSAGES]:
                if budget.left > 0:
                    shown.append(_message(raw, budget))
            is_cut = budget.is_spent or len(shown) < len(messages)
            return Content("chat", shown, files=files, is_cut=is_cut)
        layout, is_cut = laid_out(text, max_shown)
        return Content("json", pieces=(layout,), files=files, is_cut=is_cut)
    pieces = tuple(_pieces(budget.take(value if isinstance(value, str) else text)))
    return Content("text", pieces=pieces, files=files, is_cut=budget.is_spent or len(text) > MAX_READ)


def of_value(value: Any, max_shown: int = MAX_SHOWN) -> Content:
    """What a JSON value is."""
    if value is None:
        return Content()
    return understand(orjson.dumps(value).decode()[: MAX_READ + 1], max_shown)


def _decoded(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _pieces(text: str) -> Iterator[Piece]:
    """The text, with the files that it refers to in their places."""
    rest = text
    for found in references.find(text)[:_MAX_FILES]:
        before, mark, after = rest.partition(str(found))
        if mark:
            if before:
                yield before
            yield found
            rest = after
    if rest:
        yield rest


def _conversation(value: Any) -> list[Mapping[str, Any]]:
    """The messages within a value, in the shapes of the common providers; empty where it is none."""
    if isinstance(value, Mapping):
        for key in ("messages", "contents"):
            if isinstance(value.get(key), list):
                found = _conversation(value[key])
                system = [{"role": "system", "content": value["system"]}] if value.get("system") else []
                return [*system, *found] if found else []
        if isinstance(value.get("choices"), list):
            answers = [each.get("message") for each in value["choices"] if isinstance(each, Mapping)]
            return _conversation(answers)
        return [value] if _is_message(value) else []
    if isinstance(value, list) and value and all(_is_message(each) for each in value):
        return value
    return []


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("role"), str)
        and not {"content", "parts", "tool_calls", "function_call"}.isdisjoint(value)
    )


def _message(raw: Mapping[str, Any], budget: _Budget) -> Message:
    role = raw["role"].lower()[:40]
    role = _ROLES.get(role, role)
    inside = raw.get("content", raw.get("parts"))
    entries = inside if isinstance(inside, list) else [] if inside is None or inside == "" else [inside]
    parts = [_part(entry, budget, is_result=role == "tool") for entry in entries[:_MAX_PARTS]]
    calls = raw.get("tool_calls")
    calls = list(calls) if isinstance(calls, list) else []
    if raw.get("function_call"):
        calls.append({"function": raw["function_call"]})
    parts += [_call(call, budget) for call in calls[:_MAX_PARTS]]
    if max(len(entries), len(calls)) > _MAX_PARTS:
        budget.is_spent = True
    name = raw.get("name")
    return Message(role, tuple(parts), name[:200] if isinstance(name, str) else "")


def _part(entry: Any, budget: _Budget, *, is_result: bool = False) -> Part:
    if isinstance(entry, str):
        return _result(entry, budget) if is_result else _text(entry, budget)
    if not isinstance(entry, Mapping):
        return Part("code", (_code(entry, budget),))
    kind = str(entry.get("type") or "")
    if isinstance(entry.get("text"), str) and kind in _TEXT_KINDS:
        return _result(entry["text"], budget) if is_result else _text(entry["text"], budget)
    if kind in _CALL_KINDS:
        return _call(entry, budget)
    if kind in _RESULT_KINDS:
        inner = entry.get("content", entry.get("output", entry.get("result")))
        return _result(inner, budget)
    found = _file(entry)
    if found is not None:
        return Part("text", (found,))
    return Part("code", (_code(entry, budget),))


def _text(text: str, budget: _Budget) -> Part:
    return Part("text", tuple(_pieces(budget.take(text))))


def _result(inner: Any, budget: _Budget) -> Part:
    if isinstance(inner, list) and all(isinstance(each, Mapping) and "text" in each for each in inner):
        inner = "\n".join(str(each["text"]) for each in inner)
    return Part("result", (_code(inner, budget),))


def _call(call: Any, budget: _Budget) -> Part:
    called = call.get("function", call) if isinstance(call, Mapping) else call
    if not isinstance(called, Mapping):
        return Part("call", (_code(called, budget),))
    arguments = called.get("arguments", called.get("args", called.get("input")))
    name = called.get("name")
    return Part("call", (_code(arguments, budget),), name[:200] if isinstance(name, str) else "tool")


def _code(value: Any, budget: _Budget) -> Piece:
    """A value as JSON; a text that holds JSON is laid out, another stays as it is."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if text[:1] in ("{", "[") and _decoded(text) is not None:
        layout, is_cut = laid_out(text, budget.left)
        budget.left -= len(text)
        budget.is_spent = budget.is_spent or is_cut
        return layout
    return budget.take(text)


def _file(entry: Mapping[str, Any]) -> Piece | None:
    """The file that a part of a message is, by whatever key; None where it names none."""
    for text in _texts(entry, 0):
        if references.is_reference(text) and (found := references.find(text)):
            return found[0]
        if text.startswith(("https://", "http://")) and not any(each in text for each in ' "<>\n'):
            return Link(text[:2_000])
        if text.startswith("data:") and ";base64," in text[:200]:
            kind = text[5:].partition(";")[0]
            return f"[{kind or 'a file'} within the text, {len(text):,} characters]"
    return None


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _MAX_DEPTH and isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each, depth + 1)
    elif depth < _MAX_DEPTH and isinstance(value, list):
        for each in value[:_MAX_PARTS]:
            yield from _texts(each, depth + 1)
