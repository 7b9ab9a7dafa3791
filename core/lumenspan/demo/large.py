"""A large project in little time: ClickHouse makes the rows itself, chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

from lumenspan.clock import datetime_to_nanos
from lumenspan.ids import ProjectId
from lumenspan.storage.clickhouse import ClickHouse, Sql

SPANS_PER_TRACE = 10
MONTH = timedelta(days=30)
# Rows of one INSERT: about 80 MB of text, so that memory stays bounded however large the project.
_CHUNK_ROWS = 50_000

# `slot` numbers the traces, `k` the spans of one. As in schedule.py the slot is a number of absolute time
# and decides ids, times and content: a second run repeats the rows of the time it shares with the first.
_INSERT = """
INSERT INTO observations (
    project_id, trace_id, id, parent_id, type, name, start_time, end_time, completion_start_time, level,
    status_message, environment, version, release, trace_name, user_id, session_id, tags, input, output,
    metadata, model, model_parameters, prompt_name, prompt_version, provided_usage, usage, provided_cost,
    cost, service_name, scope_name, source, event_bytes, event_ts
)
WITH
    ['the', 'customer', 'asked', 'about', 'a', 'late', 'parcel', 'and', 'agent', 'found', 'order',
     'in', 'system', 'with', 'refund', 'policy', 'because', 'tent', 'was', 'damaged', 'during',
     'delivery', 'please', 'check', 'status', 'of', 'new', 'boots', 'size', 'exchange', 'warranty',
     'repair', 'before', 'weekend', 'answer', 'should', 'mention', 'deadline', 'support', 'article',
     'shows', 'that', 'members', 'get', 'free', 'labels', 'after', 'return', 'within', 'sixty', 'days',
     'if', 'item', 'unused', 'then', 'money', 'goes', 'back', 'to', 'card', 'used', 'for', 'payment',
     'today'] AS words,
    intDiv(number, 10) + {first_slot:Int64} AS slot,
    number % 10 AS k,
    if(k IN (1, 3, 5), 0, k - 1) AS parent,
    cityHash64({seed:Int64}, {width_ns:Int64}, slot) AS h,
    cityHash64(h, k) AS hk,
    lower(hex(MD5(concat(toString({seed:Int64}), ':', toString({width_ns:Int64}), ':', toString(slot)))))
        AS trace,
    slot * {width_ns:Int64} + toInt64(h % toUInt64({width_ns:Int64})) AS trace_ns,
    trace_ns + k * 180000000 + toInt64(hk % 50000000) AS start_ns,
    -- The root lasts to the end of the trace, the others 20 to 170 ms.
    if(
        k = 0,
        trace_ns + 2000000000 + toInt64(h % 3000000000),
        start_ns + 20000000 + toInt64(hk % 150000000)
    ) AS end_ns,
    [
        'chain', 'retriever', 'embedding', 'generation', 'tool',
        'span', 'generation', 'guardrail', 'tool', 'generation'
    ][k + 1] AS kind,
    [
        'answer', 'search-articles', 'embed-query', 'rewrite-question', 'look-up-order',
        'format', 'draft', 'check', 'send', 'summarize'
    ][k + 1] AS span_name,
    kind = 'generation' AS is_generation,
    toUInt64(80 + hk % 900) AS tokens_in,
    toUInt64(20 + intDiv(hk, 1000) % 400) AS tokens_out,
    toDecimal64(tokens_in, 5) * toDecimal64('0.0000004', 7) AS cost_in,
    toDecimal64(tokens_out, 5) * toDecimal64('0.0000016', 7) AS cost_out,
    arrayStringConcat(arrayMap(i -> words[1 + cityHash64(hk, i) % 64], range(130)), ' ') AS question,
    arrayStringConcat(arrayMap(i -> words[1 + cityHash64(hk, i + 1000) % 64], range(130)), ' ') AS reply
SELECT
    {project_id:String},
    trace,
    substring(lower(hex(MD5(concat(trace, toString(k))))), 1, 16),
    if(k = 0, '', substring(lower(hex(MD5(concat(trace, toString(parent))))), 1, 16)),
    upper(kind),
    span_name,
    fromUnixTimestamp64Nano(start_ns, 'UTC'),
    fromUnixTimestamp64Nano(end_ns, 'UTC'),
    if(is_generation, fromUnixTimestamp64Nano(start_ns + 12000000, 'UTC'), NULL),
    multiIf(hk % 100 < 1, 'ERROR', hk % 100 < 4, 'WARNING', hk % 100 < 14, 'DEBUG', 'DEFAULT') AS severity,
    if(severity = 'ERROR', 'TimeoutError: no answer within 30 s', ''),
    ['production','production','production','staging'][1 + h % 4],
    concat('1.', toString(intDiv(slot, 4000) % 9)),
    concat('2026.', toString(1 + intDiv(slot, 9000) % 50)),
    ['support-chat','order-status','product-advice','returns','nightly-report'][1 + intDiv(h, 7) % 5],
    concat('user-', toString(intDiv(h, 11) % 5000)),
    concat('session-', toString(intDiv(slot, 4))),
    arraySort([
        ['web','ios','android','email'][1 + intDiv(h, 13) % 4],
        concat('team-', toString(intDiv(h, 17) % 12))
    ]),
    if(is_generation, concat('[{"role":"user","content":"', question, '"}]'), question),
    if(is_generation, concat('{"role":"assistant","content":"', reply, '"}'), reply),
    map('region', ['eu','us','ap'][1 + h % 3], 'step', toString(k)),
    if(is_generation, ['gpt-4.1-mini','claude-haiku-4-5','gemini-2.5-flash'][1 + h % 3], ''),
    if(is_generation, '{"temperature":"0.3","max_tokens":"1024"}', ''),
    if(is_generation, 'support-answer', ''),
    if(is_generation, toUInt16(1 + h % 5), NULL),
    if(is_generation, map('input', tokens_in, 'output', tokens_out, 'total', tokens_in + tokens_out), map())
        AS used,
    used,
    if(is_generation, map('input', cost_in, 'output', cost_out, 'total', cost_in + cost_out), map())
        AS paid,
    paid,
    'load-shop',
    'lumenspan-demo',
    'demo',
    length(question) + length(reply),
    fromUnixTimestamp64Nano(end_ns, 'UTC')
FROM numbers({offset:UInt64}, {rows:UInt64})
"""


def chunk(
    project_id: ProjectId, *, seed: int, first_slot: int, width_ns: int, offset: int, rows: int
) -> Sql:
    """The INSERT of ``rows`` spans from the ``offset``-th one on; ten spans a slot of ``width_ns``."""
    return Sql(
        _INSERT,
        {
            "project_id": project_id,
            "seed": seed,
            "first_slot": first_slot,
            "width_ns": width_ns,
            "offset": offset,
            "rows": rows,
        },
    )


async def build(
    clickhouse: ClickHouse,
    project_id: ProjectId,
    observations: int,
    now: datetime,
    *,
    seed: int = 1,
    span: timedelta = MONTH,
) -> AsyncGenerator[int, None]:
    """Fill the project, oldest first, with spans over ``span`` before ``now``; yields the count so far.

    Traces have ten spans (the newest one fewer where the count asks for it) of about 1.6 KB of text each.

    Raises:
        Unavailable: ClickHouse is down or busy; what was yielded is stored, and a repeated run stores it
            again under the same ids.
    """
    slots = -(-observations // SPANS_PER_TRACE)
    width_ns = max(1, int(span.total_seconds()) * 1_000_000_000 // slots)
    # The newest slot is over, and its trace too.
    first_slot = datetime_to_nanos(now - timedelta(seconds=10)) // width_ns - slots
    for offset in range(0, observations, _CHUNK_ROWS):
        rows = min(_CHUNK_ROWS, observations - offset)
        sql = chunk(
            project_id, seed=seed, first_slot=first_slot, width_ns=width_ns, offset=offset, rows=rows
        )
        await clickhouse.command(sql)
        yield offset + rows
