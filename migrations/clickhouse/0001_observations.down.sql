DROP VIEW IF EXISTS trace_rollup_view {on_cluster};
DROP TABLE IF EXISTS trace_rollup {on_cluster};
DROP TABLE IF EXISTS observations {on_cluster};
