"""A stand-in server that speaks the GraphQL contract over real HTTP and WebSocket on loopback.

It executes the contract's own schema, so an operation that the contract does not allow fails here too.
"""

import asyncio
import inspect
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from graphql import GraphQLError, GraphQLSchema, build_schema, graphql, parse, subscribe, validate

from tests.desktop.seed import Record, make_trace

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

EMAIL, PASSWORD, TOKEN = "ada@example.com", "correct horse", "session-token"
_ORDER = {
    "TIMESTAMP": "timestamp",
    "NAME": "name",
    "LATENCY": "latencyMs",
    "USER_ID": "userId",
    "SESSION_ID": "sessionId",
    "LEVEL": "level",
}
_MEMBERSHIP = {
    "name": "name",
    "userId": "userId",
    "sessionId": "sessionId",
    "environment": "environment",
    "level": "level",
}


def contract_schema() -> GraphQLSchema:
    """The agreed schema: the server's exported one where there is one."""
    exported = Path(__file__).parents[2] / "graphql/schema.graphql"
    own = Path(__file__).with_name("contract.graphql")
    return build_schema((exported if exported.exists() else own).read_text(encoding="utf-8"))


def refused(code: str, message: str) -> GraphQLError:
    """An error as the server renders it."""
    return GraphQLError(message, extensions={"code": code})


class FakeServer:
    """Two projects, `p1` with seeded traces and `p2` empty.

    Attributes:
        traces: records by id; change them with `write`.
        requests: names of the operations that were run.
        tail_cursors: the `after` of each subscription, in order.
        failures: errors to answer the next HTTP requests with.
        hold: while cleared, queries wait.
    """

    def __init__(self, count: int = 0) -> None:
        self.schema = contract_schema()
        self.traces: dict[str, Record] = {}
        self.log: list[Record] = []
        self.requests: list[str] = []
        self.tail_cursors: list[str | None] = []
        self.failures: list[GraphQLError] = []
        self.hold = threading.Event()
        self.hold.set()
        self.is_gap_next = False
        self._open_tails: set[asyncio.Task[Any]] = set()
        self._changed: asyncio.Event | None = None
        for index in range(count):
            self._put(make_trace(index))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            log_level="error",
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="fake-server")
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def close(self) -> None:
        """Stops serving and joins the thread."""
        self.hold.set()
        self._server.should_exit = True
        self._thread.join(timeout=20)

    def write(self, trace: Record) -> None:
        """Adds or replaces a trace and tells the tails."""
        self._loop.call_soon_threadsafe(self._put, trace)

    def drop_tails(self) -> None:
        """Breaks every open subscription's connection."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._open_tails])

    def _put(self, trace: Record) -> None:
        self.traces[trace["id"]] = trace
        self.log.append(trace)
        if self._changed is not None:
            self._changed.set()
            self._changed = asyncio.Event()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._changed = asyncio.Event()
        self._loop.run_until_complete(self._server.serve(sockets=[self._listener]))
        self._loop.close()

    # -- resolvers: attributes of the root value -----------------------------------------------------

    def root(self, token: str | None) -> dict[str, Any]:
        """The root value for one request."""

        def project(_info: Any, id: str) -> Record | None:
            if token != TOKEN:
                raise refused("UNAUTHENTICATED", "Sign in first.")
            return self._project(id) if id in ("p1", "p2") else None

        def sign_in(_info: Any, input: dict[str, str]) -> Record:
            if (input["email"], input["password"]) != (EMAIL, PASSWORD):
                raise refused("UNAUTHENTICATED", "The e-mail address or the password is wrong.")
            return {"token": TOKEN, "expiresAt": "2026-12-31T00:00:00.000000000Z", "user": self._user()}

        viewer = None
        if token == TOKEN:
            viewer = {
                "user": self._user(),
                "projects": [self._project("p1"), self._project("p2")],
                "organizations": [],
            }
        return {
            "viewer": viewer,
            "serverInfo": {"name": "Lumenspan", "version": "0.1.0", "isSignUpDisabled": False},
            "project": project,
            "signIn": sign_in,
            "signOut": True,
        }

    def _user(self) -> Record:
        return {"id": "u1", "email": EMAIL, "name": "Ada"}

    def _project(self, project_id: str) -> Record:
        return {
            "id": project_id,
            "name": "Support assistant" if project_id == "p1" else "Sandbox",
            "role": "OWNER",
            "organization": {"id": "o1", "name": "Acme"},
            "environments": ["production", "staging"],
            "traces": lambda _info, **args: self._connection(project_id, **args),
            "trace": lambda _info, id: self._trace(self.traces[id]) if id in self.traces else None,
        }

    def _trace(self, record: Record) -> Record:
        def observations(_info: Any, first: int, after: str | None = None) -> Record:
            found = record["_observations"]
            begin = int(after or 0)
            page = found[begin : begin + first]
            end = begin + len(page)
            edges = [{"cursor": str(begin + i + 1), "node": node} for i, node in enumerate(page)]
            return {"edges": edges, "pageInfo": self._page_info(end < len(found), str(end))}

        def observation(_info: Any, id: str) -> Record | None:
            return next((o for o in record["_observations"] if o["id"] == id), None)

        return record | {"observations": observations, "observation": observation}

    def _page_info(self, has_next: bool, end: str | None) -> Record:
        return {"hasNextPage": has_next, "hasPreviousPage": False, "startCursor": None, "endCursor": end}

    def _connection(
        self,
        project_id: str,
        first: int,
        after: str | None = None,
        filter: Record | None = None,
        orderBy: Record | None = None,
    ) -> Record:
        order = orderBy or {"field": "TIMESTAMP", "direction": "DESC"}
        rows = [t for t in self.traces.values() if project_id == "p1" and matches(t, filter or {})]
        rows.sort(key=lambda t: (t[_ORDER[order["field"]]], t["id"]), reverse=order["direction"] == "DESC")
        ids = [row["id"] for row in rows]
        begin = ids.index(after) + 1 if after in ids else 0
        page = rows[begin : begin + first]
        edges = [{"cursor": row["id"], "node": self._trace(row)} for row in page]
        has_next = begin + len(page) < len(rows)
        return {
            "edges": edges,
            "pageInfo": self._page_info(has_next, page[-1]["id"] if page else None),
            "isCut": False,
        }

    async def _tail(
        self, _info: Any, projectId: str, filter: Record | None = None, after: str | None = None
    ) -> AsyncIterator[Record]:
        self.tail_cursors.append(after)
        position = int(after) if after else len(self.log)
        while True:
            changed = self._changed
            batch = self.log[position:]
            position += len(batch)
            found = [self._trace(t) for t in batch if matches(t, filter or {})]
            if found or self.is_gap_next:
                is_gap, self.is_gap_next = self.is_gap_next, False
                yield {"traceTail": {"cursor": str(position), "traces": found, "isGap": is_gap}}
            if position == len(self.log):
                assert changed is not None
                await changed.wait()

    # -- transport -----------------------------------------------------------------------------------

    async def _app(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_socket(receive, send)
        else:
            await self._serve_http(scope, receive, send)

    async def _serve_http(self, scope: Message, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        payload = json.loads(body)
        self.requests.append(payload.get("operationName") or "")
        while not self.hold.is_set():
            await asyncio.sleep(0.005)
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ") or None
        answer = await self._execute(payload, token)
        head = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json")],
        }
        await send(head)
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _execute(self, payload: Message, token: str | None) -> Message:
        if self.failures:
            return {"data": None, "errors": [self.failures.pop(0).formatted]}
        result = await graphql(
            self.schema,
            payload["query"],
            root_value=self.root(token),
            variable_values=payload.get("variables"),
            operation_name=payload.get("operationName"),
        )
        return dict(result.formatted)

    async def _serve_socket(self, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        sending: asyncio.Task[None] | None = None

        async def say(message: Message) -> None:
            await send({"type": "websocket.send", "text": json.dumps(message)})

        while (message := await receive())["type"] == "websocket.receive":
            data = json.loads(message["text"])
            if data["type"] == "connection_init":
                if (data.get("payload") or {}).get("authorization") != f"Bearer {TOKEN}":
                    await send({"type": "websocket.close", "code": 4401})
                    return
                await say({"type": "connection_ack"})
            elif data["type"] == "ping":
                await say({"type": "pong"})
            elif data["type"] == "subscribe":
                sending = asyncio.ensure_future(self._stream(data, say, send))
                self._open_tails.add(sending)
                sending.add_done_callback(self._open_tails.discard)
        if sending is not None:
            sending.cancel()

    async def _stream(self, data: Message, say: Send, send: Send) -> None:
        payload = data["payload"]
        document = parse(payload["query"])
        assert not validate(self.schema, document)
        try:
            events = subscribe(
                self.schema,
                document,
                root_value={"traceTail": self._tail},
                variable_values=payload.get("variables"),
            )
            events = await events if inspect.isawaitable(events) else events
            assert hasattr(events, "__aiter__"), events
            async for result in events:
                await say({"type": "next", "id": data["id"], "payload": dict(result.formatted)})
        except asyncio.CancelledError:
            await send({"type": "websocket.close", "code": 1012})


def matches(trace: Record, wanted: Record) -> bool:
    """Whether the filter lets the trace through."""
    for key, field in _MEMBERSHIP.items():
        if wanted.get(key) and trace[field] not in wanted[key]:
            return False
    if wanted.get("tags") and not set(wanted["tags"]) <= set(trace["tags"]):
        return False
    if wanted.get("fromTimestamp") and trace["timestamp"] < wanted["fromTimestamp"]:
        return False
    if wanted.get("toTimestamp") and trace["timestamp"] >= wanted["toTimestamp"]:
        return False
    needle = (wanted.get("search") or "").lower()
    return needle in trace["id"] or needle in (trace["name"] or "").lower()
