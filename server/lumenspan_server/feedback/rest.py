"""``POST /api/public/feedback`` (contract, section 8)."""

from typing import Annotated, Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from lumenspan.feedback.domain import TargetType
from lumenspan_server.access import require_project_key
from lumenspan_server.body_limits import FEEDBACK_BODY_BYTES
from lumenspan_server.operations import StrictWire, Wire, answer, operation, read_body
from lumenspan_server.services import Services


class NewFeedback(StrictWire):
    """What somebody says about the product."""

    target_type: TargetType
    target: Annotated[str, Meta(min_length=1, max_length=200)]
    feedback: Annotated[str, Meta(min_length=1, max_length=3000)]
    goal: Annotated[str, Meta(min_length=1, max_length=1500)] | None = None
    reference_url: Annotated[str, Meta(max_length=2048)] | None = None


class Submitted(Wire):
    """The id under which operators find it."""

    id: str


@post(
    "/api/public/feedback",
    summary="Say what helped and what did not",
    request_max_body_size=FEEDBACK_BODY_BYTES,
    **operation(body=NewFeedback, answer=Submitted, status=201, resource="feedback"),
)
async def submit_feedback(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{id}``; members nobody knows are refused."""
    principal = await require_project_key(request)
    body = await read_body(request, NewFeedback)
    services: Services = request.app.state.services
    made = await services.feedback.submit(
        principal.project_id,
        body.target_type,
        body.target,
        body.feedback,
        body.goal,
        body.reference_url,
    )
    return answer(Submitted(id=made.id), 201)


routes: list[ControllerRouterHandler] = [submit_feedback]
