"""A signed-in connection to one server: GraphQL over HTTP, subscriptions over WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportError, TransportQueryError, TransportServerError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from lumenspan_desktop.documents import document
from lumenspan_desktop.errors import ClientError, Problem, problem_of

_UNREACHABLE = "The server cannot be reached. Check the address and that it is running."
_STATUS_PROBLEMS = {
    401: Problem.UNAUTHENTICATED,
    403: Problem.ACCESS_DENIED,
    404: Problem.NOT_FOUND,
    502: Problem.UNAVAILABLE,
    503: Problem.UNAVAILABLE,
    504: Problem.UNAVAILABLE,
}


def normalized_url(text: str) -> str:
    """The base URL a person meant: scheme added (http), trailing `/` and `/graphql` removed.

    Raises `ClientError` (`INVALID_INPUT`) when there is no host in it.
    """
    text = text.strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ClientError(Problem.INVALID_INPUT, "Enter an address such as http://localhost:3000.")
    path = parts.path.rstrip("/").removesuffix("/graphql")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def as_client_error(error: Exception) -> ClientError:
    """What to tell the person about a failed exchange; never a stack trace or a server's internals."""
    if isinstance(error, ClientError):
        return error
    if isinstance(error, TransportQueryError):
        first: Mapping[str, Any] = error.errors[0] if error.errors else {}
        code = (first.get("extensions") or {}).get("code")
        return ClientError(problem_of(code), str(first.get("message") or "The server refused the request."))
    if isinstance(error, TransportServerError):
        problem = _STATUS_PROBLEMS.get(error.code or 0, Problem.INTERNAL)
        return ClientError(problem, f"The server answered with status {error.code or 'unknown'}.")
    if isinstance(error, TransportError | OSError | TimeoutError):
        return ClientError(Problem.UNAVAILABLE, _UNREACHABLE)
    return ClientError(Problem.INTERNAL, "Something went wrong in this application.")


class Api:
    """GraphQL calls against one server, with one token. Used on the network loop only."""

    def __init__(self, base_url: str, token: str | None = None, *, timeout_s: float = 30.0) -> None:
        self.base_url = normalized_url(base_url)
        self.token = token
        self._timeout_s = timeout_s
        self._session: AsyncClientSession | None = None
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    @property
    def _url(self) -> str:
        return f"{self.base_url}/graphql"

    async def execute(self, operation: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The `data` of one query or mutation. Raises `ClientError`."""
        request = GraphQLRequest(
            document(operation), variable_values=dict(variables or {}), operation_name=operation
        )
        try:
            session = await self._connected()
            result: dict[str, Any] = await session.execute(request)
        except Exception as error:
            raise as_client_error(error) from error
        return result

    async def subscribe(
        self, operation: str, variables: Mapping[str, Any]
    ) -> AsyncGenerator[dict[str, Any] | None, None]:
        """One connection's worth of events; the first item is `None`, sent once connected.

        Ends when the server completes the subscription; raises `ClientError` when the connection breaks.
        """
        request = GraphQLRequest(
            document(operation), variable_values=dict(variables), operation_name=operation
        )
        payload = {"authorization": f"Bearer {self.token}"} if self.token else {}
        transport = WebsocketsTransport(
            url="ws" + self._url.removeprefix("http"),
            init_payload=payload,
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            ping_interval=20,
            close_timeout=2,
            connect_args={"max_size": 64 * 1024 * 1024},
        )
        client = Client(transport=transport, fetch_schema_from_transport=False)
        try:
            async with client as session:
                yield None
                async with aclosing(session.subscribe(request)) as events:
                    async for event in events:
                        yield event
        except Exception as error:
            raise as_client_error(error) from error

    async def close(self) -> None:
        """Closes the kept connection, if any."""
        client, self._client, self._session = self._client, None, None
        if client is not None:
            await client.close_async()  # type: ignore[no-untyped-call]

    async def _connected(self) -> AsyncClientSession:
        async with self._connecting:
            if self._session is None:
                headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
                transport = HTTPXAsyncTransport(url=self._url, headers=headers, timeout=self._timeout_s)
                self._client = Client(
                    transport=transport, fetch_schema_from_transport=False, execute_timeout=self._timeout_s
                )
                self._session = await self._client.connect_async()  # type: ignore[no-untyped-call]
            return self._session
