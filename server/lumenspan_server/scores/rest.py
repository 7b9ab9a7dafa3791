"""``POST /api/public/scores`` in both shapes, and one score by id (contract, section 4)."""

import re
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.errors import NotFound
from lumenspan.ingest.events.schema import InvalidEvent
from lumenspan.scores.domain import DataType
from lumenspan_server.access import require_key, require_project_key
from lumenspan_server.errors import ValidationFailed
from lumenspan_server.ingestion import bodies
from lumenspan_server.operations import Message, answer, operation
from lumenspan_server.scores import wire
from lumenspan_server.scores.rows import to_row, to_v1_row

_PLACE = re.compile(r"(?s)(.*) - at `\$\.body\.?([^`]*)`\Z")


@post(
    "/api/public/scores",
    summary="Take in one score, or a list of them",
    request_max_body_size=None,
    **operation(
        body=wire.NewScore | list[wire.NewScore],
        answer=wire.ScoreId,
        answers={202: Message, 207: wire.ScoreResults},
        resource="ingestion",
    ),
)
async def create_scores(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take in one score (an object) or many (a list); a public key alone is enough.

    Of an object 200 ``{id}`` or 400; of a list 202, or 207 that counts what was refused and says why.
    """
    principal = await require_key(request)
    body = await bodies.read(request)
    header = bodies.header(request, principal)
    is_list, results = await request.app.state.services.events.scores(header, body)
    refused = [each for each in results if isinstance(each, InvalidEvent)]
    if is_list:
        return _list_answer(len(results), refused)
    if refused:
        raise ValidationFailed([_to_issue(refused[0])])
    return answer(wire.ScoreId(id=results[0]))


def _list_answer(count: int, refused: list[InvalidEvent]) -> Response[bytes]:
    if not refused:
        return answer(Message(message="Accepted"), 202)
    errors = [wire.Refusal(message=each.message) for each in refused]
    return answer(
        wire.ScoreResults(accepted=count - len(refused), rejected=len(refused), errors=errors), 207
    )


def _to_issue(error: InvalidEvent) -> dict[str, Any]:
    match = _PLACE.match(error.message)
    message, place = match.groups() if match else (error.message, "")
    return {"code": "custom", "path": place.split(".") if place else [], "message": message}


@get(
    "/api/public/scores/{score_id:str}",
    summary="One score of a trace",
    **operation(answer=wire.ScoreV1, resource="public-api-legacy"),
)
async def get_score_v1(request: Request[Any, Any, Any], score_id: FromPath[str]) -> Response[bytes]:
    """One score of a trace that is no correction; 404 where the project has none of that id."""
    principal = await require_project_key(request)
    score = await request.app.state.services.scores.get(principal.project_id, score_id)
    if not score.trace_id or score.data_type == DataType.CORRECTION:
        raise NotFound("Score not found")
    return answer(to_v1_row(score))


@get(
    "/api/public/v2/scores/{score_id:str}",
    summary="One score",
    **operation(answer=wire.Score, resource="public-api-legacy"),
)
async def get_score_v2(request: Request[Any, Any, Any], score_id: FromPath[str]) -> Response[bytes]:
    """One score; 404 where the project has none of that id."""
    principal = await require_project_key(request)
    return answer(to_row(await request.app.state.services.scores.get(principal.project_id, score_id)))


routes: list[ControllerRouterHandler] = [create_scores, get_score_v1, get_score_v2]
