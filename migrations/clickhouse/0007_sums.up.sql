-- Sums of the maps beside them: adding up a plain column takes a fraction of what reading a map takes. What was
-- stored before has them worked out when it is read, until its parts are merged.
ALTER TABLE observations {on_cluster}
    ADD COLUMN IF NOT EXISTS total_cost Nullable(Decimal(18, 12))
        MATERIALIZED if(mapContains(cost, 'total'), cost['total'], NULL),
    ADD COLUMN IF NOT EXISTS total_tokens UInt64
        MATERIALIZED usage['total'],
    ADD COLUMN IF NOT EXISTS input_tokens UInt64
        MATERIALIZED arraySum(mapValues(mapFilter((kind, amount) -> position(kind, 'input') > 0, usage))),
    ADD COLUMN IF NOT EXISTS output_tokens UInt64
        MATERIALIZED arraySum(mapValues(mapFilter((kind, amount) -> position(kind, 'output') > 0, usage)));
