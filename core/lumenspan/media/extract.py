"""Files that payloads carry as base64: found in a text and replaced by references. Pure.

Three forms (contract 6): data URIs anywhere within a text, also within JSON within JSON; the content parts
of the providers, as JSON or flattened to dotted names; in both, bytes written as Python literals. What is
no clean base64, of a type that is not accepted, or outside the size limits stays as it is.
"""

from __future__ import annotations

import ast
import base64
import binascii
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lumenspan.media.domain import EXTENSIONS, FileMark
from lumenspan.media.references import Reference, Source

_MAX_DEPTH = 10
_MARK = ";base64,"
# A longer head than this has no type that is accepted.
_MAX_HEAD = 256
_WINDOW = 48

# A letter before `data:` makes it part of a word, unless it belongs to an escape of JSON. The body may hold
# the escapes that JSON encoders use for `/`, `+` and `=`, once for each level of nesting. Atomic groups
# stand where possessive ones would be shorter: Python 3.11.2 does not match those.
_DATA_URI = re.compile(
    r"""
    (?: (?<![A-Za-z0-9_-]) | (?<=\\[bfnrt]) | (?<=\\u[0-9a-fA-F]{4}) )
    data:
    (?P<type> [A-Za-z]++ \\*+ / [A-Za-z0-9.+-]++ )
    (?> (?: ; [A-Za-z0-9._-]++ = [^;,\s"\\]*+ )* )
    ;base64,
    (?P<body> (?> (?: [A-Za-z0-9+/]++ | \\++ (?: / | u002[bBfF] ) )+ (?: = | \\++u003[dD] ){0,2} ) )
    (?= \Z | [\s!"'),.;>?\]}\\] )
    """,
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\+(?:u00([0-9a-fA-F]{2})|(?=/))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_BYTES_LITERAL = re.compile(r"b(['\"]).*\1\Z", re.DOTALL)
# Only a JSON text with one of these can hold a content part.
_PART_MARKS = ('"base64"', '"media"', '"blob"', '"file"', "inline_data", "inlineData", '"input_audio"')

# By the value of `type`: the members that hold the content type and the file.
_BY_TYPE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "base64": (("media_type",), ("data",)),
    "media": (("mime_type",), ("data",)),
    "blob": (("mime_type",), ("content",)),
    "file": (("mediaType",), ("data", "image")),
}
# By the name under which the part is found.
_BY_NAME: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "inline_data": (("mime_type", "mimeType"), ("data",)),
    "inlineData": (("mime_type", "mimeType"), ("data",)),
}
_AUDIO_PART = "input_audio"
_DATA_NAMES = frozenset({"data", "content", "image"})


@dataclass(frozen=True, slots=True)
class File:
    """A file that was found."""

    mark: FileMark
    data: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Which files are taken out: sizes in bytes, both included. A shorter text cannot hold one."""

    min_bytes: int
    max_bytes: int

    def allow(self, size: int) -> bool:
        return self.min_bytes <= size <= self.max_bytes


@dataclass(slots=True)
class Extraction:
    """Files found so far, each once; ``limits`` decides which are taken."""

    limits: Limits
    files: dict[str, File] = field(default_factory=dict)
    size_bytes: int = 0

    def text(self, text: str) -> str:
        """``text`` with references in place of the files in it; the same object when there are none."""
        if not _has_long_run(text, self.limits.min_bytes):
            return text
        if _MARK in text:
            text = self._data_uris(text)
        if any(mark in text for mark in _PART_MARKS) and _quoted_run(self.limits.min_bytes).search(text):
            text = self._parts(text)
        return text

    def flat(self, values: Mapping[str, str]) -> dict[str, str]:
        """The entries of a flattened object that change, with their new texts."""
        changed = {}
        for name, value in values.items():
            if len(value) < self.limits.min_bytes:
                continue
            new = self.text(value)
            if new is value:
                new = self._flattened(name, value, values) or value
            if new is not value:
                changed[name] = new
        return changed

    def take(self) -> list[File]:
        """The files found since the last call."""
        taken = list(self.files.values())
        self.files.clear()
        self.size_bytes = 0
        return taken

    def _data_uris(self, text: str) -> str:
        pieces: list[str] = []
        done = at = 0
        while (at := text.find(_MARK, at)) >= 0:
            start = text.rfind("data:", max(done, at - _MAX_HEAD), at)
            match = _DATA_URI.match(text, start) if start >= 0 else None
            at += len(_MARK)
            if match is None or match.end() < at:
                continue
            data = _decoded(_unescaped(match["body"]))
            content_type = match["type"].replace("\\", "")
            reference = self._kept(content_type, data, Source.DATA_URI)
            if reference is not None:
                pieces += (text[done:start], reference)
                done = at = match.end()
        return "".join((*pieces, text[done:])) if pieces else text

    def _parts(self, text: str) -> str:
        """JSON with the files of its content parts replaced; all else keeps its spelling."""
        try:
            tree = json.loads(text)
            found = list(_walk(tree, "", 0))
        except (ValueError, RecursionError):
            return text
        is_respelled = False
        replaced: dict[str, str] = {}
        for node, name, content_type in found:
            value = node[name]
            reference = replaced.get(value) or self._part(content_type, value)
            if reference is None:
                continue
            node[name] = reference
            if value in replaced:
                continue
            replaced[value] = reference
            token = _token(text, value)
            if token is None:
                is_respelled = True
            else:
                text = text.replace(token, f'"{reference}"')
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")) if is_respelled else text

    def _flattened(self, name: str, value: str, values: Mapping[str, str]) -> str | None:
        """The reference for a part whose members became entries of their own."""
        prefix, dot, leaf = name.rpartition(".")
        if leaf not in _DATA_NAMES:
            return None
        members = ("type", "media_type", "mime_type", "mediaType", "mimeType", "format")
        node = {key: values[prefix + dot + key] for key in members if prefix + dot + key in values}
        node[leaf] = value
        for slot, content_type in _slots(node, prefix.rpartition(".")[2]):
            if slot == leaf:
                return self._part(content_type, value)
        return None

    def _part(self, content_type: str, value: str) -> str | None:
        if len(value) < self.limits.min_bytes:
            return None
        if _BYTES_LITERAL.match(value):
            return self._kept(content_type, _literal(value), Source.BYTES)
        if not _BASE64.match(value):
            return None
        # Some providers' libraries write the alphabet that is safe in URLs.
        if "-" in value or "_" in value:
            value = value.replace("-", "+").replace("_", "/")
        data = _decoded(value)
        return self._kept(content_type, data, Source.DATA_URI)

    def _kept(self, content_type: str, data: bytes | None, source: Source) -> str | None:
        content_type = content_type.partition(";")[0].strip().lower()
        if data is None or content_type not in EXTENSIONS or not self.limits.allow(len(data)):
            return None
        mark = FileMark.of(content_type, data)
        if mark.media_id not in self.files:
            self.files[mark.media_id] = File(mark, data)
            self.size_bytes += len(data)
        return str(Reference(content_type, mark.media_id, source))


@functools.cache
def _quoted_run(length: int) -> re.Pattern[str]:
    """Finds a JSON string that may be a file; parsing a text without one would cost memory for nothing."""
    return re.compile(rf"""\"(?:[A-Za-z0-9+/_\\-]{{{length}}}|b['\\])""")


def _has_long_run(text: str, length: int) -> bool:
    """Whether ``length`` characters in a row may be a file's; cheap, for most texts are none.

    Looks at windows so close that each such run covers one: words and JSON have a blank or a quote there.
    """
    if len(text) < length:
        return False
    step = length - _WINDOW
    if step < _WINDOW:
        return True
    for at in range(0, len(text) - _WINDOW + 1, step):
        window = text[at : at + _WINDOW]
        if " " not in window and '"' not in window and window.isascii():
            return True
    return False


def _walk(tree: Any, name: str, depth: int) -> Iterator[tuple[dict[str, Any], str, str]]:
    """The members that hold files: their object, their name, the content type."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(tree, dict):
        for slot, content_type in _slots(tree, name):
            if isinstance(tree[slot], str):
                yield tree, slot, content_type
        for key, value in tree.items():
            if isinstance(value, dict | list):
                yield from _walk(value, key, depth + 1)
    elif isinstance(tree, list):
        for value in tree:
            if isinstance(value, dict | list):
                yield from _walk(value, name, depth + 1)


def _slots(node: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Members of a content part that hold a file, with its content type; ``name`` is the part's own."""
    kind = node.get("type")
    shape = (_BY_TYPE.get(kind) if isinstance(kind, str) else None) or _BY_NAME.get(name)
    if shape is not None:
        types, slots = shape
        content_type = next((node[key] for key in types if isinstance(node.get(key), str)), None)
        if content_type:
            yield from ((slot, content_type) for slot in slots if slot in node)
    elif name == _AUDIO_PART and isinstance(node.get("format"), str) and "data" in node:
        yield "data", f"audio/{node['format']}"


def _token(text: str, value: str) -> str | None:
    """How ``value`` is spelled in the JSON ``text``; None when it is in no usual way."""
    for spell in (_as_it_is, json.dumps, _with_escaped_slashes, _beyond_ascii):
        if (token := spell(value)) in text:
            return token
    return None


def _as_it_is(value: str) -> str:
    return f'"{value}"'


def _with_escaped_slashes(value: str) -> str:
    return json.dumps(value).replace("/", "\\/")


def _beyond_ascii(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _unescaped(body: str) -> str:
    if "\\" not in body:
        return body
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else "", body)


def _decoded(text: str) -> bytes | None:
    """The bytes of standard base64, with or without its padding; None when it is broken."""
    bare = text.rstrip("=")
    if len(bare) % 4 == 1 or (len(bare) < len(text) and len(text) % 4):
        return None
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None


def _literal(text: str) -> bytes | None:
    """The bytes that a Python literal writes; None when it is none."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, bytes) else None
