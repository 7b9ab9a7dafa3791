"""/graphql: POST and GET for operations, a WebSocket or SSE for subscriptions, a page for people."""

from typing import Any, ClassVar

import orjson
from litestar import MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.types import Dependencies
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.base import BaseRequestProtocol
from strawberry.litestar.controller import GraphQLController
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from lumenspan.errors import AccessDenied, LumenspanError, RateLimited, Unauthenticated
from lumenspan.identity.domain import KeyPrincipal
from lumenspan_server.body_limits import GRAPHQL_BODY_BYTES
from lumenspan_server.gql.context import Context
from lumenspan_server.gql.explorer import explorer_page
from lumenspan_server.gql.schema import make_schema
from lumenspan_server.rate_limits import count_call

PATH = "/graphql"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

AnyRequest = Request[Any, Any, Any]
AnySocket = WebSocket[Any, Any, Any]


class LumenspanGraphQL(GraphQLController[Context, None]):
    """The library's controller with our context, our page and our JSON encoder.

    Credentials travel in a header or in ``connection_init``, never in a cookie, so a page on another origin
    can do nothing in somebody's name; that is why every origin may call and connect.
    """

    path = PATH
    dependencies: ClassVar[Dependencies] = {}  # type: ignore[misc]
    request_max_body_size = GRAPHQL_BODY_BYTES
    schema = make_schema()
    protocols = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)
    allowed_origins = frozenset({"*"})
    max_subscriptions_per_connection = 50

    @get()
    async def handle_http_get(self, request: AnyRequest) -> Response[Any]:
        """An operation in the query string, or the page."""
        return await self._respond(request)

    @post(status_code=200)
    async def handle_http_post(self, request: AnyRequest) -> Response[Any]:
        """An operation in the body."""
        return await self._respond(request)

    @websocket()
    async def websocket_endpoint(self, socket: AnySocket) -> None:
        """Operations over graphql-transport-ws."""
        await self.run(
            socket, context=Context(services=socket.app.state.services, websocket=socket), root_value=None
        )

    async def _respond(self, request: AnyRequest) -> Response[Any]:
        context = Context(services=request.app.state.services, request=request)
        await self._count(request, context)
        return await self.execute_request(request, context, None)

    @staticmethod
    async def _count(request: AnyRequest, context: Context) -> None:
        """Count the call of a project key; RateLimited, which is answered as by REST routes.

        Wrong credentials are left to the operation, which tells them in its own form.
        """
        if not context.services.rate_limits.is_on or context.authorization is None:
            return
        try:
            principal = await context.principal()
        except LumenspanError:
            return
        if isinstance(principal, KeyPrincipal):
            await count_call(request, principal.organization_id)

    async def get_sub_response(self, request: AnyRequest) -> Response[Any]:
        """One a request: resolvers set no headers, so nothing needs to be shared."""
        return Response({})

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Only for those who ask for a page by name; ``*/*`` is a program."""
        accept = request.headers.get("accept") or ""
        return (
            request.method == "GET" and request.query_params.get("query") is None and "text/html" in accept
        )

    async def render_graphql_ide(self, request: AnyRequest) -> Response[str]:
        return Response(explorer_page(), media_type=MediaType.HTML, headers=_PAGE_HEADERS)

    async def on_ws_connect(self, context: Context) -> Any:
        """Refuse wrong credentials at once; without any, operations decide for themselves.

        A connection counts as one call.
        """
        try:
            principal = await context.principal_or_none()
            if isinstance(principal, KeyPrincipal):
                await context.services.rate_limits.count(principal.organization_id, "public-api")
        except (Unauthenticated, AccessDenied, RateLimited):
            raise ConnectionRejectionError from None
        return await super().on_ws_connect(context)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)
