-- Batch events as they came: one row a receipt, so that writing a payload again changes nothing. What they
-- say of a trace, an observation or a score is merged from all of them whenever one is added.
CREATE TABLE IF NOT EXISTS entity_events {on_cluster}
(
    project_id String,
    kind LowCardinality(String),
    entity_id String,
    timestamp DateTime64(9, 'UTC'),
    event_id String,
    received_at DateTime64(9, 'UTC'),
    type LowCardinality(String),
    body String CODEC(ZSTD(1)),
    blob_key String CODEC(ZSTD(1)),
    sdk_name LowCardinality(String),
    sdk_version LowCardinality(String)
)
ENGINE = {engine:ReplacingMergeTree}
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, kind, entity_id, timestamp, event_id, received_at)
SETTINGS index_granularity = 128;

-- Scores: the newest write of an id wins; a row whose day or name an update moved is deleted by a tombstone.
CREATE TABLE IF NOT EXISTS scores {on_cluster}
(
    project_id String,
    id String,
    timestamp DateTime64(9, 'UTC'),
    name String,
    trace_id String,
    observation_id String,
    session_id String,
    dataset_run_id String,
    data_type LowCardinality(String),
    source LowCardinality(String),
    value Float64,
    string_value Nullable(String),
    long_string_value String CODEC(ZSTD(1)),
    comment Nullable(String),
    metadata Map(String, String) CODEC(ZSTD(1)),
    author_user_id Nullable(String),
    config_id Nullable(String),
    queue_id Nullable(String),
    execution_trace_id Nullable(String),
    environment LowCardinality(String),
    sdk_name LowCardinality(String),
    sdk_version LowCardinality(String),
    blob_key String,
    created_at DateTime64(6, 'UTC'),
    event_ts DateTime64(9, 'UTC'),
    is_deleted UInt8 DEFAULT 0,
    INDEX by_id id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_run dataset_run_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {engine:ReplacingMergeTree(event_ts)}
PARTITION BY toYYYYMM(timestamp)
ORDER BY (project_id, toDate(timestamp), name, id)
SETTINGS index_granularity = 2048;

-- What was said of a trace itself, merged. A table of its own, so that no read of observations has to leave it
-- out. ``cleared`` names the columns that the newest word emptied.
CREATE TABLE IF NOT EXISTS trace_fields {on_cluster}
(
    project_id String,
    trace_id String,
    timestamp DateTime64(9, 'UTC'),
    name String,
    user_id String,
    session_id String,
    environment LowCardinality(String),
    version String,
    release String,
    tags Array(String),
    is_public Nullable(Bool),
    input String CODEC(ZSTD(1)),
    output String CODEC(ZSTD(1)),
    metadata Map(String, String) CODEC(ZSTD(1)),
    cleared Array(LowCardinality(String)),
    sdk_name LowCardinality(String),
    sdk_version LowCardinality(String),
    blob_key String CODEC(ZSTD(1)),
    created_at DateTime64(6, 'UTC'),
    event_ts DateTime64(9, 'UTC'),
    is_deleted UInt8 DEFAULT 0
)
ENGINE = {engine:ReplacingMergeTree(event_ts)}
ORDER BY (project_id, trace_id)
SETTINGS index_granularity = 256;

-- Whether a trace is public, where it was said of the trace itself: the newest word, which can take it back.
ALTER TABLE trace_rollup {on_cluster} ADD COLUMN IF NOT EXISTS public_set
    SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), UInt8)) DEFAULT (toDateTime64(0, 9, 'UTC'), 0);

-- A tombstone says nothing about its trace.
ALTER TABLE trace_rollup_view {on_cluster} MODIFY QUERY
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
    max(o.event_ts) AS updated_at,
    (toDateTime64(0, 9, 'UTC'), toUInt8(0)) AS public_set
FROM observations AS o
WHERE o.is_deleted = 0
GROUP BY o.project_id, bucket, o.trace_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_rollup_fields_view {on_cluster} TO trace_rollup AS
SELECT
    t.project_id AS project_id,
    toDateTime(toStartOfTenMinutes(t.timestamp), 'UTC') AS bucket,
    t.trace_id AS trace_id,
    min(t.timestamp) AS start_time,
    max(t.timestamp) AS end_time,
    max(if(t.name = '' AND NOT has(t.cleared, 'name'), (toDateTime64(0, 9, 'UTC'), ''), (t.event_ts, t.name))) AS trace_name,
    (toDateTime64(0, 9, 'UTC'), '') AS root_name,
    (toDateTime64(0, 9, 'UTC'), '') AS root_id,
    max(if(t.user_id = '' AND NOT has(t.cleared, 'user_id'), (toDateTime64(0, 9, 'UTC'), ''), (t.event_ts, t.user_id))) AS user_id,
    max(if(t.session_id = '' AND NOT has(t.cleared, 'session_id'), (toDateTime64(0, 9, 'UTC'), ''), (t.event_ts, t.session_id))) AS session_id,
    max((t.event_ts, toString(t.environment))) AS environment,
    max(if(t.version = '' AND NOT has(t.cleared, 'version'), (toDateTime64(0, 9, 'UTC'), ''), (t.event_ts, t.version))) AS version,
    max(if(t.release = '' AND NOT has(t.cleared, 'release'), (toDateTime64(0, 9, 'UTC'), ''), (t.event_ts, t.release))) AS release,
    groupUniqArrayArray(t.tags) AS tags,
    toUInt8(0) AS is_public,
    toUInt8(0) AS bookmarked,
    toUInt8(0) AS level_rank,
    min(t.created_at) AS created_at,
    max(t.event_ts) AS updated_at,
    max(if(t.is_public IS NULL, (toDateTime64(0, 9, 'UTC'), toUInt8(0)), (t.event_ts, toUInt8(assumeNotNull(t.is_public))))) AS public_set
FROM trace_fields AS t
WHERE t.is_deleted = 0
GROUP BY t.project_id, bucket, t.trace_id;
