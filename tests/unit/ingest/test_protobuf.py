"""One text or span that protobuf refuses costs neither its export nor its neighbours."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp, protobuf
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.mapped import Mapped, map_frames
from lumenspan.ingest.raw_spans import raw_span, request_json
from lumenspan.observations.rows import COLUMNS

# Parsers and writers agree on its length, and no library writes it by itself.
MARK = "@@MARK@@"


def export(*texts: str, depth: int = 0) -> bytes:
    """An export of a span a text, which is its input; ``depth`` nests a list in the last one."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "service"
    scope = group.scope_spans.add()
    for place, text in enumerate(texts):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=bytes([place + 1] * 8), name=f"span {place}")
        span.attributes.add(key="input.value").value.string_value = text
    value = scope.spans[-1].attributes.add(key="deep").value if depth else None
    for _ in range(depth):
        assert value is not None
        value = value.array_value.values.add()
    return request.SerializeToString()


def mapped(body: bytes) -> Mapped:
    return map_frames(BlobKey("key"), [Frame(FrameHeader("p", otlp.PROTOBUF, 1), body)])


def column(found: Mapped, name: str) -> list[Any]:
    return found.columns.values[COLUMNS.index(name)]


def broken(body: bytes, written: bytes = b"\xff\xfe\x80\xc0\xc1\xe9ok") -> bytes:
    assert len(written) == len(MARK)
    return body.replace(MARK.encode(), written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"latin \xe9.", "latin \ufffd."),
        (b"cut \xf0\x9f\x98.", "cut \ufffd."),
        (b"nul \x00 ok", "nul \x00 ok"),
        (b"\xed\xa0\xbd half", "\ufffd\ufffd\ufffd half"),
    ],
)
def test_texts_that_are_no_utf_8_are_mended_and_neighbours_stay(written: bytes, read: str) -> None:
    found = mapped(broken(export("before ü", MARK, "after"), written.ljust(8)[:8]))
    assert found.dead == []
    assert column(found, "input") == ["before ü", read.ljust(8) if len(written) < 8 else read, "after"]


@pytest.mark.parametrize("old", ["service", "span 1", "input.value", "service.name"])
def test_every_kind_of_text_is_mended(old: str) -> None:
    body = export("a", "b").replace(old.encode(), b"\xff" * len(old))
    found = mapped(body)
    assert (len(found.columns), found.dead) == (2, [])
    export_ = otlp.count(body, otlp.PROTOBUF)
    assert (len(export_.spans), export_.rejected) == (2, [])


@pytest.mark.parametrize("depth", [10, 40, 60, 2_000])
def test_a_span_nested_too_deep_is_refused_alone(depth: int) -> None:
    body = export("first", "second", "deep", depth=depth)
    for decoded in (otlp.count(body, otlp.PROTOBUF), otlp.decode(body, otlp.PROTOBUF)):
        assert len(decoded.spans) + len(decoded.rejected) == 3
        assert [each.position for each in decoded.rejected] == ([2] if depth > 45 else [])
    found = mapped(body)
    assert column(found, "input")[:2] == ["first", "second"]
    if depth > 45:
        (dead,) = found.dead
        assert (dead.position, dead.reason) == (2, "span:unreadable")
        assert b"span 2" in dead.payload


def test_a_mended_span_is_found_again_and_can_be_masked() -> None:
    body = broken(export(MARK))
    frame = Frame(FrameHeader("p", otlp.PROTOBUF, 1), body)
    assert "\ufffd" in raw_span([frame], (b"t" * 16).hex(), "01" * 8).decode()
    assert len(request_json(body)["resourceSpans"]) == 1


def test_an_export_that_is_cut_off_is_none() -> None:
    with pytest.raises(DecodeError):
        protobuf.parse(export("a", "b")[:-7])


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(st.text(), min_size=1, max_size=4),
    written=st.binary(min_size=8, max_size=8),
    place=st.integers(0, 3),
)
def test_any_bytes_in_one_text_leave_the_others_as_they_are(
    texts: list[str], written: bytes, place: int
) -> None:
    place %= len(texts)
    sent = [MARK if at == place else text.replace(MARK, "") for at, text in enumerate(texts)]
    found = mapped(broken(export(*sent), written))
    assert found.dead == []
    read = column(found, "input")
    assert read[place] == written.decode("utf-8", "replace")
    assert [text for at, text in enumerate(read) if at != place] == [
        text for at, text in enumerate(sent) if at != place
    ]
