"""Every operation of the application, as calls that a probe can make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from lumenspan.settings import Settings
from lumenspan_server.app import create_app
from lumenspan_server.openapi.document import operations

# Open to everybody; and what a key pair of an organization, or the instance's administrator, is for.
_OPEN = frozenset({"/api/public/health", "/api/public/ready", "/.well-known/mcp.json"})
_OF_ORGANIZATION = re.compile(
    r"/api/public/(organizations|scim|integrations/blob-storage|projects/)|POST /api/public/projects"
)
_TAKES_PUBLIC_KEY = frozenset({"POST /api/public/scores", "POST /api/public/ingestion"})
# Routes that speak a protocol of their own and are probed by their own tests.
OTHER_PROTOCOLS = frozenset({"/api/public/mcp"})


class Level(StrEnum):
    """Whose key opens an operation."""

    NOBODY = "nobody"
    PROJECT = "project"
    ORGANIZATION = "organization"
    INSTANCE = "instance"


@dataclass(frozen=True)
class Call:
    """An operation to call."""

    method: str
    path: str
    level: Level

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def takes_public_key(self) -> bool:
        return str(self) in _TAKES_PUBLIC_KEY

    @property
    def names(self) -> list[str]:
        """Names of the path parameters."""
        return re.findall(r"\{(\w+)\}", self.path)

    def url(self, ids: Mapping[str, str]) -> str:
        """The path with ids in their places: those of the noun first, then those of the name."""
        noun = self.path.split("{", maxsplit=1)[0].removesuffix("/").rpartition("/")[2]

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            return quote(ids.get(f"{noun}.{name}", ids.get(name, "1")), safe="")

        return re.sub(r"\{(\w+)\}", value, self.path)


def calls() -> list[Call]:
    """All operations, from the routes of the application itself."""
    app = create_app(Settings.model_construct())
    found = {(each.method, each.path) for each in operations(app)}
    return [Call(method, path, _level(method, path)) for method, path in sorted(found)]


def undeclared() -> list[str]:
    """Public routes that declare nothing, so that no probe finds them."""
    app = create_app(Settings.model_construct())
    declared = {each.handler for each in operations(app)}
    return sorted(
        {
            route.path
            for route in app.routes
            for handler in getattr(route, "route_handlers", [getattr(route, "route_handler", None)])
            if route.path.startswith(("/api/public", "/api/admin"))
            and route.path not in OTHER_PROTOCOLS
            and handler not in declared
            and getattr(handler, "http_methods", None) != {"OPTIONS"}
        }
    )


def _level(method: str, path: str) -> Level:
    if path in _OPEN:
        return Level.NOBODY
    if path.startswith("/api/admin/"):
        return Level.INSTANCE
    is_of_organization = _OF_ORGANIZATION.match(path) or _OF_ORGANIZATION.match(f"{method} {path}")
    return Level.ORGANIZATION if is_of_organization else Level.PROJECT
