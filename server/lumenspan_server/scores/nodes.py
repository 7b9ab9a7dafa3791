"""GraphQL types of scores."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from lumenspan.clock import NANOS_PER_SECOND
from lumenspan.scores.domain import DataType, Score, ScoreSource
from lumenspan_server.gql.scalars import Instant

strawberry.enum(DataType, name="ScoreDataType", description="What the value of a score is")
strawberry.enum(ScoreSource, name="ScoreSource", description="Who judged")
_NANOS_PER_MICRO = NANOS_PER_SECOND // 1_000_000


@strawberry.type(name="Score", description="A judgement of a trace, an observation, a session or a run")
class ScoreNode:
    id: strawberry.ID
    name: str
    data_type: DataType
    source: ScoreSource
    value: float = strawberry.field(description="0 where the judgement is a text")
    string_value: str | None = strawberry.field(description="Label or text; null of a number")
    timestamp: Instant
    trace_id: strawberry.ID | None
    observation_id: strawberry.ID | None
    session_id: strawberry.ID | None
    dataset_run_id: strawberry.ID | None
    comment: str | None
    config_id: strawberry.ID | None
    queue_id: strawberry.ID | None
    author_user_id: strawberry.ID | None
    environment: str
    metadata: JSON
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, score: Score) -> Self:
        return cls(
            id=strawberry.ID(score.id),
            name=score.name,
            data_type=score.data_type,
            source=score.source,
            value=score.value,
            string_value=score.string_value,
            timestamp=Instant(score.timestamp_ns),
            trace_id=_id(score.trace_id),
            observation_id=_id(score.observation_id),
            session_id=_id(score.session_id),
            dataset_run_id=_id(score.dataset_run_id),
            comment=score.comment,
            config_id=_id(score.config_id),
            queue_id=_id(score.queue_id),
            author_user_id=_id(score.author_user_id),
            environment=score.environment,
            metadata=JSON(score.metadata),
            created_at=Instant(score.created_us * _NANOS_PER_MICRO),
            updated_at=Instant(score.updated_ns),
        )


def _id(value: str | None) -> strawberry.ID | None:
    return strawberry.ID(value) if value else None
