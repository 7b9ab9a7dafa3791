"""Answers held against what their routes declare: the OpenAPI document is only as true as these are."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from lumenspan_server.openapi.document import operations


class DocumentedAnswers:
    """Hook of a client: every JSON answer of a declared status must be of its declared type."""

    def __init__(self, app: Litestar) -> None:
        self._operations = sorted(
            (
                (each.method, re.compile(_pattern(each.path)), each.documented.answers)
                for each in operations(app)
            ),
            # Of paths that both match, the one with fewer parameters is meant.
            key=lambda found: found[1].groups,
        )

    async def __call__(self, response: httpx.Response) -> None:
        """AssertionError where an answer is not what the document says."""
        type_ = self._declared(response)
        if type_ is None or not response.headers.get("content-type", "").startswith("application/json"):
            return
        body = await response.aread()
        try:
            msgspec.json.decode(body, type=type_, strict=True)
        except msgspec.ValidationError as error:
            request = response.request
            raise AssertionError(f"{request.method} {request.url.path}: {error}: {body[:500]!r}") from error

    def _declared(self, response: httpx.Response) -> Any:
        path = response.request.url.raw_path.decode("ascii").partition("?")[0]
        for method, pattern, answers in self._operations:
            if method == response.request.method and pattern.fullmatch(path):
                return answers.get(response.status_code)
        return None


def _pattern(path: str) -> str:
    return re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path))
