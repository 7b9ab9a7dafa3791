"""/graphql: POST and GET for operations, a WebSocket for subscriptions, a page for people."""

from collections.abc import Mapping
from typing import Any

import orjson
from litestar import MediaType, Request, Response
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.base import BaseRequestProtocol
from strawberry.litestar import make_graphql_controller
from strawberry.litestar.controller import GraphQLController
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from lumenspan.errors import AccessDenied, Unauthenticated
from lumenspan_server.gql.context import Context, provide_context
from lumenspan_server.gql.explorer import explorer_page
from lumenspan_server.gql.schema import make_schema

PATH = "/graphql"
_SUBSCRIPTIONS_PER_CONNECTION = 50
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def make_controller() -> type[GraphQLController]:
    """The controller over a new schema.

    Credentials travel in a header or in ``connection_init``, never in a cookie, so a page on another origin
    can do nothing in somebody's name; that is why every origin may call and connect.
    """
    base: Any = make_graphql_controller(
        make_schema(),
        path=PATH,
        context_getter=provide_context,
        subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
        max_subscriptions_per_connection=_SUBSCRIPTIONS_PER_CONNECTION,
        allowed_origins=("*",),
    )

    class LumenspanGraphQL(base):  # type: ignore[misc]
        """Our page, our JSON encoder, credentials checked when a WebSocket opens."""

        def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
            """Only for those who ask for a page by name; ``*/*`` is a program."""
            accept = request.headers.get("accept") or request.headers.get("Accept") or ""
            return (
                request.method == "GET"
                and request.query_params.get("query") is None
                and "text/html" in accept
            )

        async def render_graphql_ide(self, request: Request[Any, Any, Any]) -> Response[str]:
            return Response(explorer_page(), media_type=MediaType.HTML, headers=_PAGE_HEADERS)

        async def on_ws_connect(self, context: Context) -> Any:
            """Refuse wrong credentials at once; without any, operations decide for themselves."""
            try:
                await context.principal_or_none()
            except (Unauthenticated, AccessDenied):
                raise ConnectionRejectionError from None
            return await super().on_ws_connect(context)

        def decode_json(self, data: str | bytes) -> object:
            return orjson.loads(data)

        def encode_json(self, data: Mapping[str, object]) -> bytes:
            return orjson.dumps(data)

    return LumenspanGraphQL
