DROP TABLE IF EXISTS repriced {on_cluster};
ALTER TABLE observations {on_cluster}
    DROP COLUMN IF EXISTS cost_source,
    DROP COLUMN IF EXISTS usage_source,
    DROP COLUMN IF EXISTS price_source,
    DROP COLUMN IF EXISTS price_tier_name,
    DROP COLUMN IF EXISTS price_tier_id,
    DROP COLUMN IF EXISTS model_id;
