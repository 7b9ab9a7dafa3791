-- Which definition and tier priced an observation, from which table, and where its counts and cost come from.
ALTER TABLE observations {on_cluster}
    ADD COLUMN IF NOT EXISTS model_id LowCardinality(String) AFTER is_deleted,
    ADD COLUMN IF NOT EXISTS price_tier_id LowCardinality(String) AFTER model_id,
    ADD COLUMN IF NOT EXISTS price_tier_name LowCardinality(String) AFTER price_tier_id,
    ADD COLUMN IF NOT EXISTS price_source LowCardinality(String) AFTER price_tier_name,
    ADD COLUMN IF NOT EXISTS usage_source LowCardinality(String) AFTER price_source,
    ADD COLUMN IF NOT EXISTS cost_source LowCardinality(String) AFTER usage_source;

-- What a run over history found out anew, until it is copied onto the observations without their texts ever
-- leaving the database.
CREATE TABLE IF NOT EXISTS repriced {on_cluster}
(
    project_id String,
    run_id String,
    trace_id String,
    id String,
    event_ts DateTime64(9, 'UTC'),
    usage Map(LowCardinality(String), UInt64),
    cost Map(LowCardinality(String), Decimal(18, 12)),
    model_id String,
    price_tier_id String,
    price_tier_name String,
    price_source String,
    usage_source String,
    cost_source String,
    created_at DateTime DEFAULT now()
)
ENGINE = {engine:MergeTree}
ORDER BY (project_id, run_id, trace_id, id)
TTL created_at + INTERVAL 1 DAY;
