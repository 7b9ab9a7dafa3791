"""What each stage of ingestion costs under load, beside the bare work of that stage alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from bench import flow, generator
from bench.api import of_project
from bench.idle import cpu_seconds
from bench.payload import Template
from bench.report import Row, at_most
from bench.system import System
from lumenspan.clock import now_nanos
from lumenspan.ids import BlobKey
from lumenspan.ingest import otlp
from lumenspan.ingest.envelope import Frame, FrameHeader, pack, unpack
from lumenspan.ingest.mapped import map_frames
from lumenspan.observations.rows import COLUMNS, TABLE, TYPES, Columns

_LOAD_S = 10.0
_REQUESTS, _ROUNDS = 50, 5
_INSERT_BLOCKS = 12
_INSERT_SETTINGS = {"async_insert": 0, "optimize_on_insert": 0, "max_threads": 1}
# How each part takes part; what is not here does something else.
_STAGES = {
    "server": "receive, validate, compress",
    "s3": "store and read raw payloads",
    "valkey": "queue, live tail",
    "worker": "decode, map, price, encode",
    "clickhouse": "insert, roll up, merge",
    "postgres": "note what was processed",
}


def measure(system: System) -> list[Row]:
    """Processor time by part of one load; then the bare work of the same payload, one thing at a time."""
    return _parts(system) + _bare() + _bare_inserts(system)


def _parts(system: System) -> list[Row]:
    api = of_project(system)
    service = f"bench-stages-{uuid.uuid4().hex[:8]}"
    generator.result(generator.run(system.port, api.authorization, f"{service}-before", seconds=3))
    before, machine = cpu_seconds(system), psutil.cpu_times()
    load = generator.result(generator.run(system.port, api.authorization, service, seconds=_LOAD_S))
    found = flow.settled(system, service, load.spans)
    elapsed = time.time() - load.first_at
    after, machine_after = cpu_seconds(system), psutil.cpu_times()
    api.close()
    spent = {part: after[part] - before.get(part, 0.0) for part in _STAGES} | {
        "the load itself": load.cpu_s
    }
    rows = [
        _per_span(f"CPU of {part}", seconds, found, _STAGES.get(part, ""))
        for part, seconds in spent.items()
    ]
    own = sum(spent.values())
    idle = machine_after.idle + machine_after.iowait - machine.idle - machine.iowait
    cores = (psutil.cpu_count() or 1) * elapsed
    note = f"{found:,} spans in {elapsed:.0f} s, {found / elapsed:,.0f} a second"
    return [
        *rows,
        _per_span("CPU of all of it", own, found, note),
        at_most("  share of the machine that it used", 100 * own / cores, "%"),
        at_most("  share that other programs used", max(0.0, 100 * (1 - (own + idle) / cores)), "%"),
    ]


def _per_span(name: str, seconds: float, spans: int, note: str) -> Row:
    return at_most(name, 1e6 * seconds / max(1, spans), "us/span", note=note)


def _bare() -> list[Row]:
    """The steps of server and worker alone, on one core without engines."""
    template = Template(10, "bench-bare")
    header = FrameHeader("project", otlp.PROTOBUF, now_nanos(), sdk_name="python", sdk_version="4.0.0")
    frames = [Frame(header, template.fill().body) for _ in range(_REQUESTS)]
    blob = pack(frames)
    steps: dict[str, tuple[Callable[[], object], str]] = {
        "parse protobuf": (lambda: [otlp.count(each.body, otlp.PROTOBUF) for each in frames], ""),
        "compress": (
            lambda: pack(frames),
            f"to {len(blob) / len(frames) / template.spans:,.0f} bytes a span",
        ),
        "decode": (lambda: [otlp.decode(each.body, otlp.PROTOBUF) for each in frames], "all attributes"),
        "read, decode and map": (
            lambda: map_frames(BlobKey("bench"), unpack(blob)),
            "what the worker does",
        ),
    }
    spans = _REQUESTS * template.spans
    return [
        _per_span(f"bare: {name}", min(_timed(step) for _ in range(_ROUNDS)), spans, note)
        for name, (step, note) in steps.items()
    ]


def _timed(step: Callable[[], object]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def _bare_inserts(system: System) -> list[Row]:
    """Blocks as the worker makes them, into a table without rollups; nothing else runs."""
    blocks = [_block(seed) for seed in range(_INSERT_BLOCKS)]
    with _empty_table(system) as (client, table):
        before, began = cpu_seconds(system)["clickhouse"], time.monotonic()
        for block in blocks:
            client.insert(
                table,
                block,
                column_names=list(COLUMNS),
                column_type_names=list(TYPES),
                column_oriented=True,
                settings=_INSERT_SETTINGS,
            )
        elapsed = time.monotonic() - began
        spent = cpu_seconds(system)["clickhouse"] - before
    rows = sum(len(block[0]) for block in blocks)
    note = f"{rows / elapsed:,.0f} rows a second, one insert at a time, in blocks of {len(blocks[0][0]):,}"
    return [_per_span("bare: insert, CPU of clickhouse", spent, rows, note)]


def _block(seed: int) -> Columns:
    templates = [
        Template(10, "bench-insert", seed=_REQUESTS * seed + number) for number in range(_REQUESTS)
    ]
    header = FrameHeader("bench-insert", otlp.PROTOBUF, now_nanos())
    frames = [Frame(header, template.fill().body) for template in templates]
    return map_frames(BlobKey("bench"), frames).columns.values


@contextmanager
def _empty_table(system: System) -> Iterator[tuple[Any, str]]:
    client = flow.clickhouse(system)
    table = f"bench_{uuid.uuid4().hex[:8]}"
    client.command(f"CREATE TABLE {table} AS {TABLE}")
    try:
        yield client, table
    finally:
        client.command(f"DROP TABLE {table} SYNC")
        client.close()
