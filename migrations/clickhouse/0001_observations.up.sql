-- Observations: one row a span, the newest write of an id wins. Times are exact to the nanosecond.
CREATE TABLE IF NOT EXISTS observations {on_cluster}
(
    project_id String,
    trace_id String,
    id String,
    parent_id String,
    type LowCardinality(String),
    name String,
    start_time DateTime64(9, 'UTC'),
    end_time Nullable(DateTime64(9, 'UTC')),
    completion_start_time Nullable(DateTime64(9, 'UTC')),
    level LowCardinality(String),
    status_message String,
    environment LowCardinality(String),
    version String,
    release String,
    trace_name String,
    user_id String,
    session_id String,
    tags Array(String),
    is_public Nullable(Bool),
    is_app_root Bool,
    bookmarked Bool,
    input String CODEC(ZSTD(1)),
    output String CODEC(ZSTD(1)),
    trace_input String CODEC(ZSTD(1)),
    trace_output String CODEC(ZSTD(1)),
    input_preview String MATERIALIZED substringUTF8(input, 1, 200),
    output_preview String MATERIALIZED substringUTF8(output, 1, 200),
    metadata Map(String, String) CODEC(ZSTD(1)),
    model String,
    model_parameters String,
    prompt_name String,
    prompt_version Nullable(UInt16),
    provided_usage Map(LowCardinality(String), UInt64),
    usage Map(LowCardinality(String), UInt64),
    provided_cost Map(LowCardinality(String), Decimal(18, 12)),
    cost Map(LowCardinality(String), Decimal(18, 12)),
    tool_definitions Map(String, String),
    tool_calls Array(String),
    tool_call_names Array(String),
    experiment Map(LowCardinality(String), String),
    service_name LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    sdk_name LowCardinality(String),
    sdk_version LowCardinality(String),
    source LowCardinality(String),
    blob_key String,
    event_bytes UInt64,
    event_ts DateTime64(9, 'UTC'),
    created_at DateTime64(6, 'UTC') DEFAULT now64(6),
    is_deleted UInt8 DEFAULT 0,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_id id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:ReplacingMergeTree(event_ts)}
PARTITION BY toYYYYMM(start_time)
PRIMARY KEY (project_id, toStartOfMinute(start_time), xxHash32(trace_id))
ORDER BY (project_id, toStartOfMinute(start_time), xxHash32(trace_id), trace_id, id)
SETTINGS index_granularity = 2048;

-- What is known of a trace, from any of its spans in any order. Every column repeats without harm (min, max,
-- set union), so a retried insert or a span sent twice changes nothing; sums are never kept here.
-- A "newest" column is a pair (event_ts, value): the greatest pair wins, empty values are paired with zero.
CREATE TABLE IF NOT EXISTS trace_rollup {on_cluster}
(
    project_id String,
    bucket DateTime('UTC'),
    trace_id String,
    start_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    end_time SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    trace_name SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    root_name SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    root_id SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    user_id SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    session_id SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    environment SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    version SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    release SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)),
    tags SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    is_public SimpleAggregateFunction(max, UInt8),
    bookmarked SimpleAggregateFunction(max, UInt8),
    level_rank SimpleAggregateFunction(max, UInt8),
    created_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    updated_at SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {engine:AggregatingMergeTree}
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, bucket, trace_id)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_rollup_view {on_cluster} TO trace_rollup AS
SELECT
    o.project_id AS project_id,
    toDateTime(toStartOfTenMinutes(o.start_time), 'UTC') AS bucket,
    o.trace_id AS trace_id,
    min(o.start_time) AS start_time,
    max(ifNull(o.end_time, o.start_time)) AS end_time,
    max(if(o.trace_name = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.trace_name))) AS trace_name,
    max(if(o.name = '' OR NOT (o.parent_id = '' OR o.is_app_root), (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.name))) AS root_name,
    max(if(o.parent_id = '' OR o.is_app_root, (o.event_ts, o.id), (toDateTime64(0, 9, 'UTC'), ''))) AS root_id,
    max(if(o.user_id = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.user_id))) AS user_id,
    max(if(o.session_id = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.session_id))) AS session_id,
    max((o.event_ts, toString(o.environment))) AS environment,
    max(if(o.version = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.version))) AS version,
    max(if(o.release = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.release))) AS release,
    groupUniqArrayArray(o.tags) AS tags,
    max(toUInt8(ifNull(o.is_public, false))) AS is_public,
    max(toUInt8(o.bookmarked)) AS bookmarked,
    max(transform(toString(o.level), ['DEBUG', 'DEFAULT', 'WARNING', 'ERROR'], [1, 2, 3, 4], 2)::UInt8) AS level_rank,
    min(o.created_at) AS created_at,
    max(o.event_ts) AS updated_at
FROM observations AS o
GROUP BY o.project_id, bucket, o.trace_id;
