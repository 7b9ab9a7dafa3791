"""The share of traces that is kept."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame, FrameHeader
from lumenspan.ingest.events import frame as event_frames
from lumenspan.ingest.events.frame import Event, Events
from lumenspan.ingest.events.schema import Kind
from lumenspan.ingest.mapped import map_frames
from lumenspan.ingest.sampling import is_kept
from tests.unit.ingest.build import export

SHARES = st.floats(0, 1)
IDS = st.one_of(st.text(max_size=40), st.from_regex(r"[0-9a-f]{32}", fullmatch=True))


@given(trace_id=IDS, shares=st.tuples(SHARES, SHARES))
def test_a_larger_share_keeps_what_a_smaller_one_does(trace_id: str, shares: tuple[float, float]) -> None:
    small, large = sorted(shares)
    assert is_kept(trace_id, large) or not is_kept(trace_id, small)
    assert is_kept(trace_id, 1)
    assert not is_kept(trace_id, 0)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_the_share_is_about_right(share: float) -> None:
    numbers = random.Random(7)
    for ids in (
        [f"{numbers.getrandbits(128):032x}" for _ in range(20_000)],
        [f"trace {number}" for number in range(20_000)],
    ):
        kept = sum(is_kept(each, share) for each in ids)
        assert abs(kept / len(ids) - share) < 0.015


def test_all_parts_of_a_trace_are_kept_or_left_out_together() -> None:
    header = FrameHeader("p", otlp.JSON, 1)
    for number in range(40):
        trace_id = f"{number:016x}" + f"{number * 0x0666666666666666 % (1 << 64):016x}"
        body = export()
        body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = trace_id
        bodies = {
            Kind.TRACE: {},
            Kind.OBSERVATION: {"traceId": trace_id},
            Kind.SCORE: {"traceId": trace_id},
        }
        events = [
            Event(
                kind,
                trace_id if kind is Kind.TRACE else f"{kind}",
                f"{kind}",
                "x",
                1,
                Raw(orjson.dumps(said)),
            )
            for kind, said in bodies.items()
        ]
        frames = [
            Frame(header, orjson.dumps(body)),
            Frame(
                FrameHeader("p", event_frames.EVENTS, 1),
                event_frames.encode(Events(events)),
            ),
        ]
        mapped = map_frames(BlobKey("k"), frames, 0.5)
        assert (len(mapped.columns), len(mapped.events), mapped.left_out) in ((1, 3, 0), (0, 0, 4))
        assert (len(mapped.columns) == 1) == is_kept(trace_id, 0.5)
