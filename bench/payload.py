"""OTLP requests made once and patched for each call, so that the generator costs little."""

from __future__ import annotations

import os
import random
import struct
import time
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS_PER_TRACE = 10
_SPAN_BYTES = 1600
_PROSE = """
the customer asked about late parcel and agent found order in system with refund policy because tent was
damaged
during delivery please check status of new boots size exchange warranty repair before weekend answer should
mention deadline support article shows that members get free labels after return within sixty days
"""
_WORDS = _PROSE.split()


@dataclass(slots=True)
class Request:
    """A patched request: its body, and its trace ids in hexadecimal."""

    body: bytes
    trace_ids: list[str]


class Template:
    """An encoded request of ``traces`` traces with ten spans each, and where ids and times stand in it."""

    def __init__(self, traces: int, service: str, seed: int = 0) -> None:
        rng = random.Random(seed)
        self.spans = traces * SPANS_PER_TRACE
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        service_name = resource.resource.attributes.add()
        service_name.key, service_name.value.string_value = "service.name", service
        scope = resource.scope_spans.add()
        scope.scope.name = "langfuse-sdk"
        for number in range(self.spans):
            _add_span(scope.spans.add(), number, rng)
        self._encoded = request.SerializeToString()
        self._trace_at = [_places(self._encoded, _trace_mark(n)) for n in range(traces)]
        self._span_at = [_places(self._encoded, _span_mark(n)) for n in range(self.spans)]
        self._start_at = [
            _places(self._encoded, struct.pack("<Q", _start_mark(n)))[0] for n in range(self.spans)
        ]
        self._end_at = [
            _places(self._encoded, struct.pack("<Q", _end_mark(n)))[0] for n in range(self.spans)
        ]

    @property
    def size_bytes(self) -> int:
        """Length of every body."""
        return len(self._encoded)

    def fill(self) -> Request:
        """The request with new ids, its traces beginning now."""
        body = bytearray(self._encoded)
        traces = os.urandom(16 * len(self._trace_at))
        spans = os.urandom(8 * self.spans)
        trace_ids = []
        for number, places in enumerate(self._trace_at):
            trace_id = traces[16 * number : 16 * number + 16]
            trace_ids.append(trace_id.hex())
            for at in places:
                body[at : at + 16] = trace_id
        for number, places in enumerate(self._span_at):
            for at in places:
                body[at : at + 8] = spans[8 * number : 8 * number + 8]
        now = time.time_ns()
        for number, (start_at, end_at) in enumerate(zip(self._start_at, self._end_at, strict=True)):
            start = now + number % SPANS_PER_TRACE * 1_000_000
            struct.pack_into("<Q", body, start_at, start)
            struct.pack_into("<Q", body, end_at, start + 5_000_000)
        return Request(bytes(body), trace_ids)


def _add_span(wire: Any, number: int, rng: random.Random) -> None:
    """One span of about 1.6 KB: a generation with input, output, usage and the fields of its trace."""
    trace, place = divmod(number, SPANS_PER_TRACE)
    half = _SPAN_BYTES // 2
    attributes = {
        "langfuse.observation.type": "generation" if place % 3 == 2 else "span",
        "langfuse.observation.input": _prose(rng, half),
        "langfuse.observation.output": _prose(rng, half - 200),
        "langfuse.trace.name": "bench",
        "user.id": f"user-{trace}",
        "session.id": f"session-{trace}",
        "langfuse.environment": "bench",
    }
    if place % 3 == 2:
        attributes["langfuse.observation.model.name"] = "gpt-4.1-mini"
        attributes["langfuse.observation.usage_details"] = '{"input": 200, "output": 120}'
    wire.trace_id, wire.span_id = _trace_mark(trace), _span_mark(number)
    if place:
        wire.parent_span_id = _span_mark(trace * SPANS_PER_TRACE)
    wire.name = f"step-{place}"
    wire.start_time_unix_nano = _start_mark(number)
    wire.end_time_unix_nano = _end_mark(number)
    for name, value in attributes.items():
        pair = wire.attributes.add()
        pair.key, pair.value.string_value = name, value


def _prose(rng: random.Random, size: int) -> str:
    text = " ".join(rng.choices(_WORDS, k=size // 4))
    return text[:size]


def _trace_mark(number: int) -> bytes:
    return b"\xfftrace%010d" % number


def _span_mark(number: int) -> bytes:
    return b"\xfes%06d" % number


def _start_mark(number: int) -> int:
    return 0xA1B2_C3D4_0000_0000 + number


def _end_mark(number: int) -> int:
    return 0xA1B2_C3D5_0000_0000 + number


def _places(body: bytes, mark: bytes) -> list[int]:
    """Offsets of a mark, which occurs at least once."""
    found, at = [], body.find(mark)
    while at >= 0:
        found.append(at)
        at = body.find(mark, at + len(mark))
    assert found, mark
    return found
