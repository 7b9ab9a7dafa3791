"""Protobuf exports, also those that the parser refuses as a whole because of one text or one span.

Protobuf wants texts in UTF-8 and messages nested at most a hundred deep, and a parser that finds anything
else reads nothing at all. Then the export is read once more with types of our own in which every text is
bytes and every span is opaque: texts are mended, and a span that still cannot be read is left out alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_PACKAGE = "opentelemetry.proto."
_LENIENT = "lenient."


class Parsed(NamedTuple):
    """An export.

    Attributes:
        request: with an empty span in the place of each that cannot be read.
        unreadable: what was sent in those places, by the number of the span in the export.
    """

    request: Any
    unreadable: dict[int, bytes]


class _Types(NamedTuple):
    request: type[Message]
    span: type[Message]
    was_text: frozenset[str]


def parse(body: bytes) -> Parsed:
    """The export in ``body``, as much of it as can be read.

    Raises:
        DecodeError: it is no export.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return _recovered(body)
    return Parsed(request, {})


def _recovered(body: bytes) -> Parsed:
    types = _types()
    shell: Any = types.request()
    shell.ParseFromString(body)
    unreadable: dict[int, bytes] = {}
    position = 0
    for group in shell.resource_spans:
        _mend(group.resource, types)
        group.schema_url = _text(group.schema_url)
        for scope in group.scope_spans:
            _mend(scope.scope, types)
            scope.schema_url = _text(scope.schema_url)
            for place, sent in enumerate(scope.spans):
                readable = _readable(sent, types)
                if readable is None:
                    unreadable[position] = sent
                scope.spans[place] = readable or b""
                position += 1
    request = ExportTraceServiceRequest()
    request.ParseFromString(shell.SerializeToString())
    return Parsed(request, unreadable)


def _readable(sent: bytes, types: _Types) -> bytes | None:
    """A span that the parser takes: as it was sent or with its texts mended; else None."""
    if _is_readable(sent):
        return sent
    span = types.span()
    try:
        span.ParseFromString(sent)
    except DecodeError:
        return None
    _mend(span, types)
    mended = span.SerializeToString()
    return mended if _is_readable(mended) else None


def _is_readable(span: bytes) -> bool:
    """Whether the parser takes an export of this span alone: where it stands counts for its depth."""
    wrapped = span
    # spans of ScopeSpans, scope_spans of ResourceSpans, resource_spans of the request.
    for tag in (b"\x12", b"\x12", b"\x0a"):
        wrapped = tag + _varint(len(wrapped)) + wrapped
    try:
        ExportTraceServiceRequest().ParseFromString(wrapped)
    except DecodeError:
        return False
    return True


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _text(value: bytes) -> bytes:
    """The same as UTF-8, with a mark in the place of what is none."""
    return value.decode("utf-8", "replace").encode()


def _mend(message: Any, types: _Types) -> None:
    for each in _messages(message):
        for field, value in each.ListFields():
            if field.full_name not in types.was_text:
                continue
            if field.is_repeated:
                value[:] = [_text(text) for text in value]
            else:
                setattr(each, field.name, _text(value))


def _messages(message: Any) -> Iterator[Any]:
    """A message and all within it."""
    waiting = [message]
    while waiting:
        current = waiting.pop()
        yield current
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])


@cache
def _types() -> _Types:
    """Types with the same wire format as OTLP's, whose texts are bytes and whose spans are opaque."""
    pool = descriptor_pool.DescriptorPool()
    was_text: set[str] = set()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        file.name = _LENIENT + file.name
        file.dependency[:] = [_LENIENT + name for name in file.dependency]
        file.package = _LENIENT + file.package
        for message in file.message_type:
            _loosen(message, f"{file.package}.{message.name}", was_text)
        file.ClearField("service")
        pool.AddSerializedFile(file.SerializeToString())

    def made(name: str) -> type[Message]:
        found = pool.FindMessageTypeByName(_LENIENT + _PACKAGE + name)
        return message_factory.GetMessageClass(found)

    request, span = made("collector.trace.v1.ExportTraceServiceRequest"), made("trace.v1.Span")
    return _Types(request, span, frozenset(was_text))


def _loosen(message: descriptor_pb2.DescriptorProto, name: str, was_text: set[str]) -> None:
    for field in message.field:
        if field.type == FieldDescriptor.TYPE_STRING:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            was_text.add(f"{name}.{field.name}")
        elif field.type_name:
            field.type_name = field.type_name.replace("." + _PACKAGE, f".{_LENIENT}{_PACKAGE}", 1)
        if message.name == "ScopeSpans" and field.name == "spans":
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    for nested in message.nested_type:
        _loosen(nested, f"{name}.{nested.name}", was_text)
