-- Of the root span of an experiment's item the id of the experiment, empty for all others: lists of experiments
-- read these few rows among all.
ALTER TABLE observations {on_cluster} ADD COLUMN IF NOT EXISTS root_of_experiment String
    MATERIALIZED if(experiment['item.root_observation_id'] = id, experiment['id'], '');
ALTER TABLE observations {on_cluster} ADD INDEX IF NOT EXISTS by_experiment root_of_experiment
    TYPE minmax GRANULARITY 1;
