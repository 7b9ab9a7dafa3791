"""JSON bodies of REST routes, checked against a model; every place that does not fit is named in a 400."""

from typing import Any, TypeVar

import orjson
from litestar import Request
from pydantic import BaseModel, ValidationError

from lumenspan_server.errors import ValidationFailed

_Model = TypeVar("_Model", bound=BaseModel)


async def read_json(request: Request[Any, Any, Any], model: type[_Model]) -> _Model:
    """The body as ``model``.

    Raises:
        ValidationFailed: it is no JSON, or does not fit.
    """
    try:
        parsed = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(
            [{"code": "invalid_json", "path": [], "message": "The body is not valid JSON"}]
        ) from error
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise ValidationFailed(issues(error)) from error


def issues(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, place by place, as ``ValidationFailed`` says it."""
    return [
        {"code": problem["type"], "path": list(problem["loc"]), "message": problem["msg"]}
        for problem in error.errors(include_url=False, include_input=False)
    ]
