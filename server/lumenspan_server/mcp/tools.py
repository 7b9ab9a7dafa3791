"""What a tool of the MCP server is: a name, what it takes as a struct, and a function of core's services.

A module of tools has one ``TOOLS``, a list that ``tool`` fills; ``table`` puts these together.

    class GetMedia(Arguments):
        \"\"\"Which file.\"\"\"

        media_id: str

    @tool(TOOLS, "getMedia", "One file and where to read it", is_read_only=True)
    async def get_media(call: Call, given: GetMedia) -> Any:
        return to_row(await call.services.media.download(call.project_id, MediaId(given.media_id)))

Arguments are in snake case here and in camel case on the wire.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct

from lumenspan.clock import NANOS_PER_SECOND, iso_to_stored_nanos, now_nanos
from lumenspan.identity.domain import KeyPrincipal
from lumenspan.ids import ProjectId
from lumenspan_server.services import Services

Page = Annotated[int, Meta(ge=1, le=10**6, description="Number of the page, from 1")]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many at most, 1 to 100")]
DEFAULT_DAYS = 30
_DAY_NS = 86_400 * NANOS_PER_SECOND
Instant = Annotated[str, Meta(description="ISO-8601 time with an offset, such as 2026-01-31T12:00:00Z")]


class Arguments(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Base of what tools take; an argument that nobody knows is refused."""


class Paged(Arguments):
    """Which page."""

    page: Page = 1
    limit: Limit = 50


class Nothing(Arguments):
    """No arguments."""


class BadArguments(Exception):
    """The arguments do not fit the tool; the text says where."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls a tool and what it may use.

    Attributes:
        headers: of the HTTP request, in lower case.
    """

    services: Services
    principal: KeyPrincipal
    headers: Mapping[str, str]

    @property
    def project_id(self) -> ProjectId:
        """The project of the key: what every tool is about."""
        return self.principal.project_id


_Arguments = TypeVar("_Arguments", bound=Arguments)
Run = Callable[[Call, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        run: answers what becomes JSON.
        is_read_only: it changes nothing.
        is_destructive: what it changes or deletes cannot be had back.
        is_idempotent: calling it again with the same arguments changes nothing more.
    """

    name: str
    description: str
    shape: type[Arguments]
    run: Run
    is_read_only: bool
    is_destructive: bool
    is_idempotent: bool

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of its arguments, an object without references."""
        (found,), components = msgspec.json.schema_components([self.shape], ref_template="{name}")
        whole: dict[str, Any] = _inlined(found, components)
        return whole

    def arguments(self, given: Mapping[str, Any]) -> Arguments:
        """The arguments as its struct; null stands for an optional one that is not given.

        Raises:
            BadArguments: they do not fit.
        """
        kept = {
            name: value for name, value in given.items() if value is not None or name not in self._not_null
        }
        try:
            return msgspec.convert(kept, self.shape)
        except msgspec.ValidationError as error:
            raise BadArguments(f"Invalid arguments for {self.name}: {error}") from error

    @cached_property
    def _not_null(self) -> frozenset[str]:
        """Names of the optional arguments that cannot be null themselves."""
        hints = get_type_hints(self.shape)
        return frozenset(
            each.encode_name
            for each in msgspec.structs.fields(self.shape)
            if not each.required and not _takes_none(hints[each.name])
        )


def tool(
    tools: list[Tool],
    name: str,
    description: str,
    *,
    is_read_only: bool = False,
    is_destructive: bool = False,
    is_idempotent: bool = False,
) -> Callable[[Callable[[Call, _Arguments], Awaitable[Any]]], Callable[[Call, _Arguments], Awaitable[Any]]]:
    """Adds a function to ``tools``; the type of its second parameter says what the tool takes."""

    def add(
        run: Callable[[Call, _Arguments], Awaitable[Any]],
    ) -> Callable[[Call, _Arguments], Awaitable[Any]]:
        hints = [hint for each, hint in get_type_hints(run).items() if each != "return"]
        tools.append(
            Tool(
                name=name,
                description=description,
                shape=hints[1],
                run=run,
                is_read_only=is_read_only,
                is_destructive=is_destructive,
                is_idempotent=is_idempotent or is_read_only,
            )
        )
        return run

    return add


def page_of(rows: list[Any], given: Paged, total: int) -> dict[str, Any]:
    """A page as the tools answer it."""
    meta = {
        "page": given.page,
        "limit": given.limit,
        "totalItems": total,
        "totalPages": -(-total // given.limit),
    }
    return {"data": rows, "meta": meta}


def nanos(text: str | None, name: str) -> int | None:
    """An instant as nanoseconds since the epoch, at the ends of what the store can hold if beyond.

    Raises:
        BadArguments: it is none.
    """
    if text is None:
        return None
    try:
        return iso_to_stored_nanos(text)
    except ValueError:
        raise BadArguments(f"{name} must be an ISO-8601 time with an offset") from None


def default_start(until_ns: int | None) -> int:
    """Where a range begins that says no start: ``DEFAULT_DAYS`` before its end, or before now."""
    return max((now_nanos() if until_ns is None else until_ns) - DEFAULT_DAYS * _DAY_NS, 0)


def pretty(value: Any) -> str:
    """The value as JSON for a reader."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _takes_none(hint: Any) -> bool:
    try:
        msgspec.convert(None, hint)
    except msgspec.ValidationError:
        return False
    return True


def _inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    """The schema with each reference replaced by what it names."""
    if isinstance(schema, list):
        return [_inlined(each, components) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = dict(_inlined(components[schema["$ref"]], components))
        named.pop("title", None)
        return named | {key: value for key, value in schema.items() if key != "$ref"}
    return {
        key: _inlined(value, components) for key, value in schema.items() if not _is_of_openapi(key, value)
    }


def _is_of_openapi(key: str, value: Any) -> bool:
    """Whether a member means nothing to clients; an argument may have such a name, too."""
    if key == "discriminator":
        return isinstance(value, dict) and "propertyName" in value
    return key == "title" and isinstance(value, str)
