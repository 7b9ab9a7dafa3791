"""The OpenAPI document of the REST API, made from what the routes declare with ``operation``."""

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import UNSET, Struct, UnsetType

from lumenspan_server import errors
from lumenspan_server.operations import Documented, Nanos, Wire
from lumenspan_server.version import VERSION

_BASIC, _BEARER = "BasicAuth", "BearerAuth"
_OPEN_PATHS = frozenset({"/api/public/health", "/api/public/ready"})
_ADMIN = "/api/admin/"
_ERRORS = {
    400: "The query, the path or the body does not fit",
    401: "No credentials, or credentials that nobody has",
    403: "The credentials do not open this route",
    404: "There is nothing of that name or id within reach of the credentials",
    405: "The route does not know the verb",
    429: "Too many calls: Retry-After says how many seconds to wait",
    503: "An engine is down or busy: try again after Retry-After seconds",
}
_ABOUT = (
    "The public REST API. Lists come in pages, by `page` and `limit` or by `cursor`. Instants are ISO-8601 "
    "with an offset; answers have them in UTC with milliseconds."
)


class Issue(Wire):
    """A place that does not fit: member names and positions from the query or the body inwards."""

    code: str
    path: list[str | int]
    message: str


class Error(Wire):
    """Of most routes: what went wrong, and the class of the error or the places that do not fit."""

    message: str
    error: str | list[Issue] | UnsetType = UNSET


class StructuredError(Wire):
    """What went wrong, a code for programs, and what goes with the code."""

    message: str
    code: str
    details: dict[str, Any] | UnsetType = UNSET


class PlainError(Wire):
    """What went wrong."""

    error: str
    details: list[Issue] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of one documented path."""

    method: str
    path: str
    handler: HTTPRouteHandler
    documented: Documented

    @property
    def error(self) -> type[Struct]:
        """The family of errors of the route, told by the functions that render them."""
        renderers = set(self.handler.resolve_exception_handlers().values())
        if renderers & set(errors.STRUCTURED_HANDLERS.values()):
            return StructuredError
        return PlainError if renderers & set(errors.PLAIN_HANDLERS.values()) else Error


def operations(app: Litestar) -> Iterator[Operation]:
    """Every operation that a route declares."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            given: Documented | None = handler.opt.get("documented")
            if given is None:
                continue
            for method in sorted(handler.http_methods):
                yield Operation(method, given.path or _camel(route.path_format), handler, given)
                for other in handler.opt.get("also", ()):
                    yield Operation(method, other.path, handler, other)


def document(app: Litestar) -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    found = sorted(operations(app), key=lambda each: (each.path, each.method))
    schemas = _Schemas(found)
    paths: dict[str, dict[str, Any]] = {}
    for each in found:
        paths.setdefault(each.path, {})[each.method.lower()] = schemas.operation(each)
    tags = sorted({_tag(path) for path in paths})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lumenspan", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                _BASIC: {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Public key as user name, secret key as password",
                },
                _BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A public key alone, for routes that take scores in; the key of the "
                    "instance for its administration",
                },
            },
        },
    }


class _Schemas:
    """The schemas of all types that some operations name, each once."""

    def __init__(self, found: list[Operation]) -> None:
        types: list[Any] = [Error, StructuredError, PlainError]
        for each in found:
            given = each.documented
            types += [given.query, given.body, *given.answers.values()]
        self._names = Counter(each.handler.fn.__name__ for each in found)
        parts = [_parts(each) for each in types]
        schemas, self.components = msgspec.json.schema_components(
            [part for each in parts for part in each],
            schema_hook=_schema_of,
            ref_template="#/components/schemas/{name}",
        )
        left = iter(schemas)
        self._schemas = {
            id(type_): _any_of([next(left) for _ in each]) for type_, each in zip(types, parts, strict=True)
        }

    def operation(self, each: Operation) -> dict[str, Any]:
        given = each.documented
        about: dict[str, Any] = {
            "operationId": self._operation_id(each),
            "tags": [_tag(each.path)],
            "summary": given.summary or each.handler.summary or "",
            "parameters": [*_path_parameters(each.path), *self._query_parameters(given.query)],
            "responses": self._responses(each),
            "security": _security(each.path),
        }
        if not given.summary:
            about["description"] = inspect.cleandoc(each.handler.fn.__doc__ or "")
        if given.body is not None:
            content = {"schema": self._schema(given.body)}
            about["requestBody"] = {
                "required": True,
                "content": {media_type: content for media_type in given.media_types},
            }
        return about

    def _operation_id(self, each: Operation) -> str:
        """The name of the handler, with the place where several operations have it."""
        name: str = each.handler.fn.__name__
        given = each.documented
        is_one_of_several = given.summary or len(each.handler.paths) > 1 or self._names[name] > 1
        return (
            f"{name}_{re.sub(r'[^A-Za-z0-9]+', '_', each.path).strip('_')}" if is_one_of_several else name
        )

    def _responses(self, each: Operation) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for status, type_ in each.documented.answers.items():
            found[str(status)] = {"description": "Success" if status < 300 else "Failure"}
            if type_ is not None:
                found[str(status)]["content"] = self._content(type_)
        if each.path not in _OPEN_PATHS:
            for status, text in _ERRORS.items():
                found.setdefault(str(status), {"description": text, "content": self._content(each.error)})
        return dict(sorted(found.items()))

    def _content(self, type_: Any) -> dict[str, Any]:
        return {"application/json": {"schema": self._schema(type_)}}

    def _schema(self, type_: Any) -> dict[str, Any]:
        return self._schemas[id(type_)]

    def _query_parameters(self, query: type[Struct] | None) -> list[dict[str, Any]]:
        if query is None:
            return []
        name = self._schema(query)["$ref"].rpartition("/")[2]
        schema: Mapping[str, Any] = self.components[name]
        return [
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": _without_null(member),
            }
            for name, member in schema["properties"].items()
        ]


def _parts(type_: Any) -> Sequence[Any]:
    """What a type is described by: itself, or each of the bodies that only the route tells apart."""
    members = get_args(type_) if isinstance(type_, UnionType) else ()
    are_structs = all(isinstance(each, type) and issubclass(each, Struct) for each in members)
    if members and are_structs and not all(each.__struct_config__.tag for each in members):
        return members
    return [Any if type_ is None else type_]


def _any_of(schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _schema_of(type_: type[Any]) -> dict[str, Any]:
    if type_ is Nanos:
        return {"type": "string", "format": "date-time"}
    raise NotImplementedError(type_)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: a parameter is there or not."""
    kept = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    if kept.get("default") == ():
        del kept["default"]
    choices = [each for each in kept.pop("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **kept}
    return kept | ({"anyOf": choices} if choices else {})


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _security(path: str) -> list[dict[str, list[str]]]:
    if path in _OPEN_PATHS:
        return []
    if path.startswith(_ADMIN):
        return [{_BEARER: []}]
    return [{_BASIC: []}, {_BEARER: []}] if path in _PUBLIC_KEY_PATHS else [{_BASIC: []}]


_PUBLIC_KEY_PATHS = frozenset({"/api/public/scores", "/api/public/ingestion"})
_VERSION = re.compile(r"^(v\d+|unstable)$")


def _tag(path: str) -> str:
    """The noun of a path: ``/api/public/v2/score-configs/{id}`` is about score configs."""
    steps = [step for step in path.split("/")[3:] if not _VERSION.match(step)]
    return steps[0].replace("-", " ").capitalize() if steps else "Other"


def _camel(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: "{" + re.sub(r"_(\w)", _upper, match.group(1)) + "}", path)


def _upper(match: re.Match[str]) -> str:
    return match.group(1).upper()
