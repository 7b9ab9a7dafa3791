ALTER TABLE trace_rollup {on_cluster} DROP COLUMN IF EXISTS hidden_at;
