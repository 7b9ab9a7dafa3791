"""GraphQL types that say which rule set a field of an observation."""

import strawberry

from lumenspan.ids import ProjectId
from lumenspan.ingest.explain import Explained, SourceKind
from lumenspan.traces.domain import TraceKey
from lumenspan_server.gql.context import Info

_EXCERPT_CHARS = 1_000

strawberry.enum(SourceKind, name="ExplainedSourceKind", description="Where in what was sent a value stands")


@strawberry.type(name="ExplainedSource", description="A value that a rule read")
class ExplainedSourceNode:
    kind: SourceKind
    key: str


@strawberry.type(name="ExplainedField", description="One field of an observation and what set it")
class ExplainedFieldNode:
    field: str
    excerpt: str = strawberry.field(description="Its value as text, the first 1000 characters")
    rule: str | None = strawberry.field(description="null where nothing was sent and it has its default")
    sources: list[ExplainedSourceNode]

    @classmethod
    def of(cls, told: Explained) -> "ExplainedFieldNode":
        return cls(
            field=told.field,
            excerpt=told.value[:_EXCERPT_CHARS],
            rule=told.rule or None,
            sources=[ExplainedSourceNode(kind=each.kind, key=each.key) for each in told.sources],
        )


async def load_explanation(
    info: Info, project_id: ProjectId, trace: TraceKey, observation_id: str
) -> list[ExplainedFieldNode]:
    """Every field of an observation of a trace, with the rule that set it."""
    found = await info.context.services.explanations.explain(project_id, trace, observation_id)
    return [ExplainedFieldNode.of(each) for each in found]
