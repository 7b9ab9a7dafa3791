-- What an insert writes stays in one file a part, rather than some two hundred, until merges have made it large:
-- making and deleting those files was most of the work of an insert.
ALTER TABLE observations {on_cluster} MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE entity_events {on_cluster} MODIFY SETTING min_bytes_for_wide_part = 134217728;
