DROP VIEW IF EXISTS trace_rollup_fields_view {on_cluster};
ALTER TABLE trace_rollup_view {on_cluster} MODIFY QUERY
SELECT
    o.project_id AS project_id,
    toDateTime(toStartOfTenMinutes(o.start_time), 'UTC') AS bucket,
    o.trace_id AS trace_id,
    min(o.start_time) AS start_time,
    max(ifNull(o.end_time, o.start_time)) AS end_time,
    max(if(o.trace_name = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.trace_name))) AS trace_name,
    max(if(o.name = '' OR NOT (o.parent_id = '' OR o.is_app_root), (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.name))) AS root_name,
    max(if(o.parent_id = '' OR o.is_app_root, (o.event_ts, o.id), (toDateTime64(0, 9, 'UTC'), ''))) AS root_id,
    max(if(o.user_id = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.user_id))) AS user_id,
    max(if(o.session_id = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.session_id))) AS session_id,
    max((o.event_ts, toString(o.environment))) AS environment,
    max(if(o.version = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.version))) AS version,
    max(if(o.release = '', (toDateTime64(0, 9, 'UTC'), ''), (o.event_ts, o.release))) AS release,
    groupUniqArrayArray(o.tags) AS tags,
    max(toUInt8(ifNull(o.is_public, false))) AS is_public,
    max(toUInt8(o.bookmarked)) AS bookmarked,
    max(transform(toString(o.level), ['DEBUG', 'DEFAULT', 'WARNING', 'ERROR'], [1, 2, 3, 4], 2)::UInt8) AS level_rank,
    min(o.created_at) AS created_at,
    max(o.event_ts) AS updated_at
FROM observations AS o
GROUP BY o.project_id, bucket, o.trace_id;

ALTER TABLE trace_rollup {on_cluster} DROP COLUMN IF EXISTS public_set;
DROP TABLE IF EXISTS trace_fields {on_cluster};
DROP TABLE IF EXISTS scores {on_cluster};
DROP TABLE IF EXISTS entity_events {on_cluster};
