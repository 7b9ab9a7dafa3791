"""Tool of feedback."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.feedback.domain import TargetType
from lumenspan_server.mcp.tools import Arguments, Call, Tool, tool

TOOLS: list[Tool] = []


class Submit(Arguments):
    """What helped, what did not, and with what."""

    target_type: Annotated[TargetType, Meta(description="What kind of thing it is about")]
    target: Annotated[
        str, Meta(min_length=1, max_length=200, description="Which one, such as the name of a tool")
    ]
    feedback: Annotated[str, Meta(min_length=1, max_length=3_000)]
    goal: (
        Annotated[str, Meta(min_length=1, max_length=1_500, description="What was to be achieved")] | None
    ) = None
    reference_url: Annotated[str, Meta(max_length=2_048, description="http or https")] | None = None


@tool(TOOLS, "submitFeedback", "Tell those who operate the server what helped and what did not")
async def submit(call: Call, given: Submit) -> Any:
    made = await call.services.feedback.submit(
        call.project_id,
        given.target_type,
        given.target,
        given.feedback,
        given.goal,
        given.reference_url,
    )
    return {"id": made.id}
