"""Numbers about the process for Prometheus. They name no user and hold nothing that a client sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

CALLS = Counter(
    "lumenspan_ingest_calls",
    "Calls that brought spans, events or scores, by outcome",
    ["outcome"],
    registry=REGISTRY,
)
ACCEPTED_BYTES = Counter(
    "lumenspan_ingest_accepted_bytes", "Inflated bytes that were acknowledged", registry=REGISTRY
)
ACCEPT_SECONDS = Histogram(
    "lumenspan_ingest_accept_seconds",
    "From a body that was read until it is durable",
    buckets=_SECONDS,
    registry=REGISTRY,
)
PENDING_BYTES = Gauge(
    "lumenspan_ingest_pending_bytes", "Bytes taken in and not durable yet", registry=REGISTRY
)
PAYLOADS = Counter(
    "lumenspan_ingest_payloads", "Payloads that were processed, by outcome", ["outcome"], registry=REGISTRY
)
ROWS = Counter(
    "lumenspan_ingest_rows",
    "Spans and events: stored, rejected, or left out by sampling",
    ["outcome"],
    registry=REGISTRY,
)
STAGE_SECONDS = Histogram(
    "lumenspan_ingest_stage_seconds",
    "Time of a payload in each stage, waiting included",
    ["stage"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
READABLE_SECONDS = Histogram(
    "lumenspan_ingest_readable_seconds",
    "From the receipt of a payload until its rows can be read",
    buckets=_SECONDS,
    registry=REGISTRY,
)
BACKLOG = Gauge(
    "lumenspan_ingest_backlog_payloads",
    "Payloads that are not readable yet",
    ["project"],
    registry=REGISTRY,
)
OLDEST_SECONDS = Gauge(
    "lumenspan_ingest_oldest_unprocessed_seconds",
    "Age of the oldest payload that is not readable yet",
    ["project"],
    registry=REGISTRY,
)
ALL_PROJECTS = ""
# Projects are named while they have a backlog; more of them than this are only in the sum.
_MOST_PROJECTS = 100


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Note how long the block takes, also where it fails."""
    began = perf_counter()
    try:
        yield
    finally:
        STAGE_SECONDS.labels(stage).observe(perf_counter() - began)


def set_backlog(by_project: Mapping[str, tuple[int, float]]) -> None:
    """Payloads and age in seconds of what waits, by project; all together under the empty name."""
    BACKLOG.clear()
    OLDEST_SECONDS.clear()
    BACKLOG.labels(ALL_PROJECTS).set(sum(count for count, _ in by_project.values()))
    OLDEST_SECONDS.labels(ALL_PROJECTS).set(max((age for _, age in by_project.values()), default=0.0))
    largest = sorted(by_project.items(), key=lambda item: -item[1][1])[:_MOST_PROJECTS]
    for project, (count, age) in largest:
        BACKLOG.labels(project).set(count)
        OLDEST_SECONDS.labels(project).set(age)


def exposition() -> bytes:
    """Everything, as Prometheus reads it."""
    return generate_latest(REGISTRY)
