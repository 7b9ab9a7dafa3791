ALTER TABLE entity_events {on_cluster} RESET SETTING min_bytes_for_wide_part;
ALTER TABLE observations {on_cluster} RESET SETTING min_bytes_for_wide_part;
