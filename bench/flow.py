"""How much comes in, and how soon it can be read: throughput, and the lag from the answer to the read."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import clickhouse_connect

from bench import generator
from bench.api import Api, of_project
from bench.payload import SPANS_PER_TRACE, Template
from bench.report import Failed, Row, at_least, at_most, exactly, percentile, spread
from bench.system import System

_DEADLINE_S = 60.0
# More than any of these machines writes.
_FASTEST_PER_S = 50_000
_WARM_UP_S, _LOAD_S = 3.0, 15.0
_SAMPLES, _EVERY_S, _POLL_S = 60, 0.25, 0.005
_STEADY_SPANS_PER_S = 1000.0
_OBSERVATIONS = "query($p: ID!, $t: ID!) { project(id: $p) { trace(id: $t) { observationCount } } }"


def throughput(system: System) -> list[Row]:
    """Closed-loop load; then every accepted span has to be readable, each once."""
    api = of_project(system)
    service = _service("load")
    warm_up = _service("warm-up")
    generator.result(generator.run(system.port, api.authorization, warm_up, seconds=_WARM_UP_S))
    load = generator.result(generator.run(system.port, api.authorization, service, seconds=_LOAD_S))
    found = settled(system, service, load.spans)
    readable_s = time.time() - load.first_at
    shape = f"{load.spans:,} spans in {load.seconds:.0f} s, 100 spans of 1.6 KB a request, 12 connections"
    rows = [
        at_least("accepted", load.spans / load.seconds, "spans/s", 10_000, shape),
        at_least("readable", found / readable_s, "spans/s", 10_000, "until the last one could be read"),
        exactly("accepted spans that can be read", found, "spans", load.spans, _sampled(system, api, load)),
        *spread("request to answer under that load", load.ack_ms, "ms", None),
        at_most("request to answer under that load, p99", percentile(load.ack_ms, 0.99), "ms", 150),
        at_most("  of that the load's own CPU", 100 * load.cpu_s / load.seconds, "% of a core"),
    ]
    if load.refused:
        rows.append(at_most("  answers that asked to come again", load.refused, "answers"))
    api.close()
    return rows


def lag(system: System) -> list[Row]:
    """From the answer to an export until GraphQL tells all of it, when idle and under steady load."""
    api = of_project(system)
    rows = spread("answer to readable, idle", lags(system, api), "ms", 2000)
    steady = generator.run(
        system.port,
        api.authorization,
        (service := _service("steady")),
        seconds=_SAMPLES * (_EVERY_S + 0.1),
        connections=4,
        rate=_STEADY_SPANS_PER_S,
    )
    try:
        waited = lags(system, api)
        load = generator.result(steady)
    finally:
        steady.kill()
    rows += spread(f"answer to readable, at {_STEADY_SPANS_PER_S:,.0f} spans/s", waited, "ms", 2000)
    found = settled(system, service, load.spans)
    rows.append(exactly("  spans of that load that can be read", found, "spans", load.spans))
    api.close()
    return rows


def lags(
    system: System,
    api: Api,
    *,
    until: float | None = None,
    every_s: float = _EVERY_S,
    poll_s: float = _POLL_S,
    between: Callable[[], None] = lambda: None,
) -> list[float]:
    """Milliseconds of each sample: one trace of ten spans, read as soon as it is complete.

    Sixty samples, or as many as there are ``until`` that time of the monotonic clock.
    """
    template = Template(1, _service("lag"))
    found: list[float] = []
    while (len(found) < _SAMPLES) if until is None else (time.monotonic() < until):
        began = time.monotonic()
        request = template.fill()
        api.export(request.body)
        acknowledged = time.monotonic()
        id_ = request.trace_ids[0]
        wait_until(lambda id_=id_: _count(api, system, id_) == SPANS_PER_TRACE, poll_s)  # type: ignore[misc]
        found.append((time.monotonic() - acknowledged) * 1000)
        between()
        time.sleep(max(0.0, began + every_s - time.monotonic()))
    return found


def wait_until(check: Callable[[], bool], every_s: float = _POLL_S) -> None:
    """Wait for a condition; Failed when it does not hold within a minute."""
    deadline = time.monotonic() + _DEADLINE_S
    while not check():
        if time.monotonic() > deadline:
            raise Failed(f"what was sent could not be read within {_DEADLINE_S:.0f} s")
        time.sleep(every_s)


def _count(api: Api, system: System, trace_id: str) -> int:
    """Observations of a trace as GraphQL tells; 0 while it is not known."""
    trace = api.graphql(_OBSERVATIONS, p=system.project_id, t=trace_id)["project"]["trace"]
    return int(trace["observationCount"]) if trace else 0


def _sampled(system: System, api: Api, load: generator.Load) -> str:
    """A note that some traces are complete through GraphQL; Failed when one is not."""
    for trace_id in load.trace_ids:
        if (count := _count(api, system, trace_id)) != SPANS_PER_TRACE:
            raise Failed(f"trace {trace_id} has {count} observations instead of {SPANS_PER_TRACE}")
    return f"{len(load.trace_ids)} traces checked through GraphQL"


def settled(system: System, service: str, wanted: int) -> int:
    """How many different spans of a service are stored: waits for the wanted number while more arrive.

    Rows are counted while it waits, which costs the engine little; they are compared by id at the end.
    """
    client = clickhouse(system)
    where = "FROM observations WHERE project_id = {project_id:String} AND service_name = {service:String}"
    parameters = {"project_id": system.project_id, "service": service}

    def ask(what: str) -> int:
        return int(client.query(f"SELECT {what} {where}", parameters=parameters).result_rows[0][0])

    rows, deadline = 0, time.monotonic() + _DEADLINE_S
    try:
        while True:
            before, rows = rows, ask("count()")
            found = ask("uniqExact(trace_id, id)") if rows >= wanted else 0
            if found >= wanted:
                return found
            if rows > before:
                deadline = time.monotonic() + _DEADLINE_S
            if time.monotonic() > deadline:
                return ask("uniqExact(trace_id, id)")
            # Often only towards the end: counting takes processor time from what is measured.
            time.sleep(min(2.0, max(0.1, (wanted - rows) / _FASTEST_PER_S)))
    finally:
        client.close()


def clickhouse(system: System) -> Any:
    settings = system.settings
    return clickhouse_connect.get_client(
        dsn=settings.clickhouse_url,
        username=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
        database=settings.clickhouse_database,
    )


def _service(purpose: str) -> str:
    return f"bench-{purpose}-{uuid.uuid4().hex[:8]}"
