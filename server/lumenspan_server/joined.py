"""Lists in the query of a client that joins them with commas instead of repeating the parameter."""

from collections.abc import Sequence
from typing import Any

from litestar import Request

_JOINS = ("1.", "2.", "3.")


def apart(request: Request[Any, Any, Any], values: Sequence[str]) -> list[str]:
    """The values of a parameter that may be repeated, without empty ones.

    The JavaScript SDK sends ``tags=a,b`` for two tags up to its third version. Only for a client that names
    itself so are values taken apart: for any other a comma is part of the value.
    """
    headers = request.headers
    is_joined = headers.get("x-langfuse-sdk-name") == "langfuse-js" and headers.get(
        "x-langfuse-sdk-version", ""
    ).startswith(_JOINS)
    parts = [part for value in values for part in value.split(",")] if is_joined else values
    return [part for part in parts if part]
