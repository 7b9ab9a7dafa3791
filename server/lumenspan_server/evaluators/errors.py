"""Errors of evaluators and rules: family C, with the codes that each version of the routes documents."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from lumenspan.errors import InvalidInput, LumenspanError
from lumenspan.evaluators.domain import PreflightFailed
from lumenspan_server.errors import STRUCTURED_HANDLERS, json_response

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
# Names of the second version for what the first and the domain call otherwise.
_SECOND_NAMES = {"mapping": "variableMapping", "evaluators": "evaluatorAssignments"}
# The second version documents these codes alone, and its clients know no others.
_SECOND_CODES = frozenset(
    {
        "authentication_failed",
        "access_denied",
        "invalid_request",
        "invalid_query",
        "invalid_body",
        "resource_not_found",
        "conflict",
        "rate_limited",
        "method_not_allowed",
        "internal_error",
    }
)
_CODE_OF_STATUS = {400: "invalid_body", 409: "conflict", 503: "internal_error"}


def _first(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    usual = _structured(request, error)
    body = orjson.loads(usual.content)
    if body["code"] != "invalid_body":
        return usual
    return _response(_with_issues(body, body["code"]), usual, usual.status_code)


def _second(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    usual = _structured(request, error)
    status = 412 if isinstance(error, PreflightFailed) else usual.status_code
    body = orjson.loads(usual.content)
    finer = body["code"]
    if finer not in _SECOND_CODES:
        body["code"] = _CODE_OF_STATUS.get(status or 500, "invalid_request")
    field = body.get("details", {}).get("field")
    if isinstance(field, str):
        body["details"]["field"] = _renamed(field)
    return _response(_with_issues(body, finer), usual, status)


def _structured(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    handler: Any = STRUCTURED_HANDLERS[LumenspanError]
    found: Response[bytes] = handler(request, error)
    return found


def _response(body: Mapping[str, Any], usual: Response[bytes], status: int | None) -> Response[bytes]:
    return json_response(body, status or 500, dict(usual.headers))


def _with_issues(body: dict[str, Any], code: str) -> dict[str, Any]:
    """The body with the place of its ``field`` as an issue."""
    details = body.get("details", {})
    if "field" in details and "issues" not in details:
        issue = {"code": code, "message": body["message"], "path": _path(details["field"])}
        body["details"] = {"issues": [issue]} | details
    return body


def _path(field: str) -> list[str | int]:
    return [name or int(index) for name, index in _STEP.findall(field)]


def _renamed(field: str) -> str:
    return re.sub(r"[^.\[\]]+", lambda step: _SECOND_NAMES.get(step.group(), step.group()), field)


def of_first_evaluator(error: InvalidInput) -> InvalidInput:
    """The error with its field named as in bodies that give one evaluator and its mapping."""
    field = error.details.get("field")
    if isinstance(field, str):
        error.details["field"] = field.removeprefix("evaluators[0].")
    return error


def _family(render: Any) -> ExceptionHandlersMap:
    return {LumenspanError: render, HTTPException: render, Exception: render}


FIRST_HANDLERS = _family(_first)
SECOND_HANDLERS = _family(_second)
