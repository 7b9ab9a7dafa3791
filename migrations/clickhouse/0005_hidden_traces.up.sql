-- When a trace was deleted: it is listed again only if something newer is said of it.
ALTER TABLE trace_rollup {on_cluster} ADD COLUMN IF NOT EXISTS hidden_at
    SimpleAggregateFunction(max, DateTime64(9, 'UTC')) DEFAULT toDateTime64(0, 9, 'UTC');
