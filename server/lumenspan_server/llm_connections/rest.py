"""REST routes of LLM connections (contract, section 8)."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, put
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from lumenspan.clock import datetime_to_iso
from lumenspan.llm_connections import domain
from lumenspan.llm_connections.domain import Adapter, NewLlmConnection
from lumenspan_server.access import require_project_key
from lumenspan_server.operations import (
    Instant,
    Message,
    PageMeta,
    PageQuery,
    Wire,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_ROUTE = "/api/public/llm-connections"
_Name = Annotated[str, Meta(min_length=1, max_length=255)]


class ConnectionQuery(PageQuery, forbid_unknown_fields=True):
    """Which page."""


class LlmConnection(Wire):
    """A connection; of its secrets only how the key ends and the names of the headers."""

    id: str
    provider: str
    adapter: str
    display_secret_key: str
    custom_models: tuple[str, ...]
    with_default_models: bool
    extra_header_keys: tuple[str, ...]
    created_at: Instant
    updated_at: Instant
    base_url: str | None = msgspec.field(default=None, name="baseURL")
    config: dict[str, Any] | None = None


class LlmConnections(Wire):
    """A page of connections."""

    data: tuple[LlmConnection, ...]
    meta: PageMeta


class UpsertLlmConnection(Wire):
    """A connection as it is to be."""

    provider: _Name
    adapter: Adapter
    secret_key: Annotated[str, Meta(min_length=1, max_length=65_536)]
    base_url: str | None = msgspec.field(default=None, name="baseURL")
    custom_models: Annotated[tuple[_Name, ...], Meta(max_length=1000)] | None = None
    with_default_models: bool | None = None
    extra_headers: Annotated[dict[str, str], Meta(max_length=100)] | None = None
    config: dict[str, Any] | None = None

    def to_domain(self) -> NewLlmConnection:
        return NewLlmConnection(
            provider=self.provider,
            adapter=self.adapter,
            secret_key=self.secret_key,
            base_url=self.base_url or None,
            custom_models=tuple(dict.fromkeys(self.custom_models or ())),
            with_default_models=self.with_default_models is not False,
            extra_headers=self.extra_headers,
            config=self.config,
        )


@get(
    _ROUTE,
    summary="LLM connections of the project, newest first",
    **operation(query=ConnectionQuery, answer=LlmConnections),
)
async def list_connections(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A page; unknown parameters are refused."""
    principal = await require_project_key(request, is_admin_allowed=True)
    query = read_query(request, ConnectionQuery)
    services: Services = request.app.state.services
    found, total = await services.llm_connections.page(principal.project_id, query.page, query.limit)
    rows = tuple(to_row(each) for each in found)
    return answer(LlmConnections(data=rows, meta=page_meta(query, total)))


@put(
    _ROUTE,
    summary="Make an LLM connection, or replace the one of that provider",
    **operation(body=UpsertLlmConnection, answer=LlmConnection, answers={201: LlmConnection}),
)
async def upsert_connection(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The connection: 201 where it is new, 200 where there was one."""
    principal = await require_project_key(request, is_admin_allowed=True)
    body = await read_body(request, UpsertLlmConnection)
    services: Services = request.app.state.services
    made, is_new = await services.llm_connections.upsert(principal.project_id, body.to_domain())
    return answer(to_row(made), 201 if is_new else 200)


@delete(_ROUTE + "/{connection_id:str}", summary="Delete an LLM connection", **operation(answer=Message))
async def delete_connection(
    request: Request[Any, Any, Any], connection_id: FromPath[str]
) -> Response[bytes]:
    """A message; 404 where the project has none of that id."""
    principal = await require_project_key(request, is_admin_allowed=True)
    services: Services = request.app.state.services
    await services.llm_connections.delete(principal.project_id, connection_id)
    return answer(Message(message="LLM connection successfully deleted"))


def to_row(connection: domain.LlmConnection) -> LlmConnection:
    """The connection as it is answered."""
    return LlmConnection(
        id=connection.id,
        provider=connection.provider,
        adapter=connection.adapter.value,
        display_secret_key=connection.display_secret_key,
        base_url=connection.base_url,
        custom_models=connection.custom_models,
        with_default_models=connection.with_default_models,
        extra_header_keys=connection.extra_header_keys,
        config=connection.config,
        created_at=datetime_to_iso(connection.created_at),
        updated_at=datetime_to_iso(connection.updated_at),
    )


routes: list[ControllerRouterHandler] = [list_connections, upsert_connection, delete_connection]
