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
from lumenspan_server.errors import ValidationFailed, json_response
from lumenspan_server.ingestion import bodies
from lumenspan_server.scores.rows import to_row

_PLACE = re.compile(r"(?s)(.*) - at `\$\.body\.?([^`]*)`\Z")


@post("/api/public/scores", status_code=200, request_max_body_size=None)
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
    return json_response({"id": results[0]})


def _list_answer(count: int, refused: list[InvalidEvent]) -> Response[bytes]:
    if not refused:
        return json_response({"message": "Accepted"}, 202)
    return json_response(
        {
            "accepted": count - len(refused),
            "rejected": len(refused),
            "errors": [{"message": each.message} for each in refused],
        },
        207,
    )


def _to_issue(error: InvalidEvent) -> dict[str, Any]:
    match = _PLACE.match(error.message)
    message, place = match.groups() if match else (error.message, "")
    return {"code": "custom", "path": place.split(".") if place else [], "message": message}


@get(["/api/public/scores/{score_id:str}", "/api/public/v2/scores/{score_id:str}"])
async def get_score(request: Request[Any, Any, Any], score_id: FromPath[str]) -> Response[bytes]:
    """One score; 404 where the project has none of that id.

    The older route knows scores of traces only, and no corrections.
    """
    principal = await require_project_key(request)
    score = await request.app.state.services.scores.get(principal.project_id, score_id)
    is_v1 = not request.url.path.startswith("/api/public/v2/")
    if is_v1 and (not score.trace_id or score.data_type == DataType.CORRECTION):
        raise NotFound("Score not found")
    return json_response(to_row(score))


routes: list[ControllerRouterHandler] = [create_scores, get_score]
