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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from litestar import Request, Response
from msgspec import Meta, Struct

from lumenspan.clock import iso_to_stored_nanos
from lumenspan.rate_limits.domain import Resource
from lumenspan_server.errors import ValidationFailed
from lumenspan_server.issues import issue_of
from lumenspan_server.joined import apart

_Struct = TypeVar("_Struct", bound=Struct)

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""An instant in an answer: UTC with milliseconds and a Z, as ``rows.iso`` writes it."""

Finite = Annotated[float, Meta(ge=-1.7e308, le=1.7e308)]
"""A number that is one: a query may spell infinity and "not a number", which no store compares with."""

Text = Annotated[str, Meta(pattern=r"^[^\u0000]*$")]
"""Text without NUL, which PostgreSQL does not store."""


class Nanos(int):
    """An instant of a query: nanoseconds since the epoch, sent as ISO-8601 with an offset.

    Instants beyond what the store can hold stand at its ends.
    """


def keeps_empty() -> Meta:
    """Mark of a query field for which "given and empty" is not the same as "not given"."""
    return Meta(extra={_KEEPS_EMPTY: True})


_KEEPS_EMPTY = "keeps_empty"


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
    """What the OpenAPI document says of a route, and the bucket its calls count in.

    Attributes:
        path: the documented path where the route's own pattern is wider; else that pattern is documented.
        summary: in place of the handler's.
        media_types: content types of the body.
    """

    query: type[Struct] | None = None
    body: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    resource: Resource = "public-api"
    path: str = ""
    summary: str = ""
    media_types: tuple[str, ...] = ("application/json",)


def operation(
    *,
    answer: Any = None,
    status: int = 200,
    query: type[Struct] | None = None,
    body: Any = None,
    answers: Mapping[int, Any] | None = None,
    resource: Resource = "public-api",
    path: str = "",
    also: Sequence[Documented] = (),
    media_types: tuple[str, ...] = ("application/json",),
) -> dict[str, Any]:
    """Keyword arguments of a route handler: its status and what is documented of it.

    Args:
        answer: type of the answer with ``status``; None where it has no body.
        query: struct of the query; lists are repeated parameters.
        body: struct, or union of structs, of the JSON body.
        answers: types of the answers with other statuses than ``status`` and those of errors.
        resource: bucket of the rate limit.
        path: the documented path, where names with slashes make the route's own pattern wider.
        also: further operations that the same handler answers, each with its own path.
        media_types: content types of the body.
    """
    documented = Documented(
        query, body, {status: answer, **(answers or {})}, resource, path, media_types=media_types
    )
    return {"status_code": status, "opt": {"documented": documented, "also": tuple(also)}}


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
        raise ValidationFailed([issue_of(error, shape)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValidationFailed(
            [{"code": "invalid_json", "path": [], "message": "The body is not valid JSON"}]
        ) from error
    return found


def read_query(request: Request[Any, Any, Any], shape: type[_Struct]) -> _Struct:
    """The query; an empty value counts as not given, except for fields that ``keeps_empty`` marks.

    Numbers and ``true``/``false`` are read from their texts; a tuple takes every repetition. Unknown
    parameters are passed over unless the struct forbids unknown fields.
    """
    given: dict[str, Any] = {}
    kinds = _kinds(shape)
    for name in request.query_params:
        values = [value for value in request.query_params.getall(name) if value != ""]
        if name in kinds.lists:
            if values:
                given[name] = apart(request, values)
        elif values or name in kinds.kept or name not in kinds.known:
            given[name] = values[0] if values else ""
    try:
        return msgspec.convert(given, shape, strict=False, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        raise ValidationFailed([issue_of(error, shape)], is_of_query=True) from error


def _from_text(type_: type[Any], value: Any) -> Any:
    if type_ is not Nanos:
        raise NotImplementedError(type_)
    text = str(value)
    try:
        # A client that did not encode the plus of the offset sent a blank.
        is_plain_plus = text.count(" ") == 1 and "T" in text
        return Nanos(iso_to_stored_nanos(text.replace(" ", "+") if is_plain_plus else text))
    except (ValueError, OverflowError):
        raise ValueError("Invalid datetime: expected ISO-8601 with an offset") from None


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Wire names of the fields of a query: all, those that take lists, those that keep an empty value."""

    known: frozenset[str]
    lists: frozenset[str]
    kept: frozenset[str]


@cache
def _kinds(shape: type[Struct]) -> _Kinds:
    hints = get_type_hints(shape, include_extras=True)
    names = {each.encode_name: hints[each.name] for each in msgspec.structs.fields(shape)}
    return _Kinds(
        frozenset(names),
        frozenset(name for name, hint in names.items() if _is_list(hint)),
        frozenset(name for name, hint in names.items() if _is_kept(hint)),
    )


def _is_list(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Annotated or origin in (Union, UnionType):
        return any(_is_list(each) for each in get_args(hint))
    return origin in (list, tuple)


def _is_kept(hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_is_kept(each) for each in get_args(hint))
    return get_origin(hint) is Annotated and any(
        isinstance(each, Meta) and (each.extra or {}).get(_KEEPS_EMPTY) for each in hint.__metadata__
    )
