"""What a REST route documents of itself, and reading and writing exactly that.

A route declares the struct of its query, of its body and of its answers once, with ``operation``; it
reads the first two with ``read_query`` and ``read_body`` and answers with ``answer``. The OpenAPI document
is made from the same structs, so it says what the code does.

    @get(ROUTE, summary="Comments of the project", **operation(query=CommentQuery, answer=CommentPage))
    async def list_comments(request: Request[Any, Any, Any]) -> Response[bytes]:
        principal = await require_project_key(request)
        query = read_query(request, CommentQuery)
        ...
        return answer(CommentPage(data=rows, meta=page_meta(query, total)))

Fields are in snake case here and in camel case on the wire.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from litestar import Request, Response
from msgspec import Meta, Struct

from lumenspan_server.errors import ValidationFailed
from lumenspan_server.joined import apart

_Struct = TypeVar("_Struct", bound=Struct)

Resource = Literal[
    "public-api",
    "public-api-legacy",
    "prompts",
    "datasets",
    "annotation-queues",
    "media-upload",
    "ingestion",
    "legacy-ingestion",
    "public-api-metrics",
    "public-api-v2-metrics",
    "public-api-daily-metrics-legacy",
    "trace-delete",
    "score-delete",
    "feedback",
    "none",
]
"""Buckets of the rate limits of an organization (contract, section 1.5); ``none`` is never limited."""

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""An instant in an answer: UTC with milliseconds and a Z, as ``rows.iso`` writes it."""


class Wire(Struct, rename="camel", kw_only=True):
    """Base of bodies and answers; members nobody knows are passed over."""


class StrictWire(Wire, forbid_unknown_fields=True):
    """Base of bodies that refuse members nobody knows."""


class PageQuery(Wire):
    """``page`` from 1 and ``limit``."""

    page: Annotated[int, Meta(ge=1, le=10**6)] = 1
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class PageMeta(Wire):
    """Where a page stands among all."""

    page: int
    limit: int
    total_items: int
    total_pages: int


class CursorMeta(Wire, omit_defaults=True):
    """``cursor`` leads to the next page; absent on the last."""

    cursor: str | None = None


class Message(Wire):
    """A sentence that says what was done."""

    message: str


@dataclass(frozen=True, slots=True)
class Documented:
    """What the OpenAPI document says of a route, and the bucket its calls count in."""

    query: type[Struct] | None = None
    body: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    resource: Resource = "public-api"


def operation(
    *,
    answer: Any = None,
    status: int = 200,
    query: type[Struct] | None = None,
    body: Any = None,
    answers: Mapping[int, Any] | None = None,
    resource: Resource = "public-api",
) -> dict[str, Any]:
    """Keyword arguments of a route handler: its status and what is documented of it.

    Args:
        answer: type of the answer with ``status``; None where it has no body.
        query: struct of the query; lists are repeated parameters.
        body: struct, or union of structs, of the JSON body.
        answers: types of the answers with other statuses than ``status`` and those of errors.
    """
    documented = Documented(query, body, {status: answer, **(answers or {})}, resource)
    return {"status_code": status, "opt": {"documented": documented}}


def page_meta(query: PageQuery, total: int) -> PageMeta:
    """The ``meta`` of the page that was asked for."""
    return PageMeta(
        page=query.page, limit=query.limit, total_items=total, total_pages=-(-total // query.limit)
    )


def answer(body: Any, status: int = 200) -> Response[bytes]:
    """``body``, a struct or what consists of structs, as JSON."""
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


async def read_body(request: Request[Any, Any, Any], shape: type[_Struct]) -> _Struct:
    """The JSON body; ValidationFailed names the place that does not fit."""
    return decode(await request.body(), shape)


def decode(body: bytes, shape: type[_Struct]) -> _Struct:
    """``body`` as ``shape``; ValidationFailed names the place that does not fit."""
    try:
        found: _Struct = _decoder(shape).decode(body)
    except msgspec.ValidationError as error:
        raise _failed(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValidationFailed(
            [{"code": "invalid_json", "path": [], "message": "The body is not valid JSON"}]
        ) from error
    return found


def read_query(request: Request[Any, Any, Any], shape: type[_Struct]) -> _Struct:
    """The query; an empty value counts as not given.

    Numbers and ``true``/``false`` are read from their texts; a tuple takes every repetition. Unknown
    parameters are passed over unless the struct forbids unknown fields.
    """
    given: dict[str, Any] = {}
    lists = _lists(shape)
    for name in request.query_params:
        values = [value for value in request.query_params.getall(name) if value != ""]
        if values:
            given[name] = apart(request, values) if name in lists else values[0]
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _failed(error, is_of_query=True) from error


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


@cache
def _lists(shape: type[Struct]) -> frozenset[str]:
    """Wire names of the fields that take a list."""
    hints = get_type_hints(shape)
    return frozenset(
        each.encode_name for each in msgspec.structs.fields(shape) if _is_list(hints[each.name])
    )


def _is_list(hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_is_list(each) for each in get_args(hint))
    return get_origin(hint) in (list, tuple)


_PLACE = re.compile(r" - at `(\$.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


def _failed(error: msgspec.ValidationError, *, is_of_query: bool = False) -> ValidationFailed:
    """What a decoder says, as the documented issue: ``{code, path, message}``."""
    text = str(error)
    place = _PLACE.search(text)
    message = text[: place.start()] if place else text
    path: list[str | int] = []
    for name, index in _STEP.findall(place.group(1) if place else ""):
        if name or index:
            path.append(name or int(index))
    missing = re.search(r"required field `([^`]+)`|unknown field `([^`]+)`", message)
    if missing:
        path.append(missing.group(1) or missing.group(2))
    code = "unrecognized_keys" if missing and missing.group(2) else "invalid_type"
    return ValidationFailed([{"code": code, "path": path, "message": message}], is_of_query=is_of_query)
