ALTER TABLE observations {on_cluster} DROP INDEX IF EXISTS by_experiment;
ALTER TABLE observations {on_cluster} DROP COLUMN IF EXISTS root_of_experiment;
