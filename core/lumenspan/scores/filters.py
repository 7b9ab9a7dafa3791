"""The columns of scores that the filter grammar may name; ``s`` is the score, ``t`` its trace."""

from __future__ import annotations

from lumenspan.filters import Column, Kind

_OF_SCORE: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (Kind.STRING, "s.id", ("id",)),
    (Kind.DATETIME, "s.timestamp", ("timestamp",)),
    (Kind.STRING, "s.environment", ("environment",)),
    (Kind.STRING, "s.trace_id", ("traceId",)),
    (Kind.STRING, "s.observation_id", ("observationId",)),
    (Kind.STRING, "s.session_id", ("sessionId",)),
    (Kind.STRING, "s.dataset_run_id", ("datasetRunId",)),
    (Kind.STRING, "s.name", ("name",)),
    (Kind.STRING, "''", ("evaluatorId",)),
    (Kind.NUMBER, "s.value", ("value",)),
    (Kind.BOOLEAN, "(s.data_type = 'BOOLEAN' AND s.value = 1)", ("booleanValue",)),
    (Kind.STRING, "s.source", ("source",)),
    (Kind.STRING, "ifNull(s.comment, '')", ("comment",)),
    (Kind.STRING, "ifNull(s.author_user_id, '')", ("authorUserId",)),
    (Kind.STRING, "ifNull(s.config_id, '')", ("configId",)),
    (Kind.STRING, "ifNull(s.queue_id, '')", ("queueId",)),
    (Kind.STRING, "s.data_type", ("dataType",)),
    (Kind.STRING, "ifNull(s.string_value, '')", ("stringValue",)),
    (Kind.MAP, "s.metadata", ("metadata",)),
)
_OF_TRACE: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (Kind.STRING, "t.the_name", ("traceName",)),
    (Kind.STRING, "t.the_user", ("userId",)),
    (Kind.STRINGS, "t.the_tags", ("trace_tags", "traceTags")),
)
TRACE_COLUMNS = frozenset(name for _, _, names in _OF_TRACE for name in names)
COLUMNS = {
    name: Column(kind, expression, names[0])
    for kind, expression, names in (*_OF_SCORE, *_OF_TRACE)
    for name in names
}
