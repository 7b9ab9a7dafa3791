"""How soon a subscriber hears of a new trace."""

from __future__ import annotations

import json
import time
from typing import Any

from websockets.sync.client import ClientConnection, connect

from bench.api import Api, of_project
from bench.payload import Template
from bench.report import Failed, Row, exactly, spread
from bench.system import System

_SAMPLES, _EVERY_S, _WAIT_S = 60, 0.25, 20.0
_TAIL = """
subscription($p: ID!) {
  traceTail(projectId: $p) {
    cursor isGap
    traces { id name timestamp userId level inputPreview observationCount totalCost }
  }
}
"""


def measure(system: System) -> list[Row]:
    """From the answer to an export until the event with its trace is there, over graphql-transport-ws."""
    api = of_project(system)
    template = Template(1, "bench-tail")
    lags: list[float] = []
    with connect(f"ws://127.0.0.1:{system.port}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        _subscribe(socket, api, system.project_id)
        for _ in range(_SAMPLES):
            began = time.monotonic()
            request = template.fill()
            api.export(request.body)
            acknowledged = time.monotonic()
            _wait_for(socket, request.trace_ids[0])
            lags.append((time.monotonic() - acknowledged) * 1000)
            time.sleep(max(0.0, began + _EVERY_S - time.monotonic()))
    api.close()
    return [
        *spread("answer to subscription event", lags, "ms", 1000),
        exactly("  traces that the subscription told of", len(lags), "traces", _SAMPLES),
    ]


def _subscribe(socket: ClientConnection, api: Api, project_id: str) -> None:
    """Open the subscription; the first event says that it has begun."""
    socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": api.authorization}}))
    _next(socket, "connection_ack")
    payload = {"query": _TAIL, "variables": {"p": project_id}}
    socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
    _next(socket, "next")


def _wait_for(socket: ClientConnection, trace_id: str) -> None:
    """Read events until one has the trace."""
    while True:
        event = _next(socket, "next")["payload"]["data"]["traceTail"]
        if event["isGap"]:
            raise Failed("the subscription reported a gap")
        if any(trace["id"] == trace_id for trace in event["traces"]):
            return


def _next(socket: ClientConnection, wanted: str) -> dict[str, Any]:
    """The next message of the wanted type; Failed on an error or when nothing comes."""
    while True:
        try:
            message: dict[str, Any] = json.loads(socket.recv(timeout=_WAIT_S))
        except TimeoutError:
            raise Failed(f"no event within {_WAIT_S:.0f} s") from None
        if message["type"] == wanted:
            if message.get("payload") and message["payload"].get("errors"):
                raise Failed(f"the subscription answered {message['payload']['errors']}")
            return message
        if message["type"] == "ping":
            socket.send('{"type":"pong"}')
        elif message["type"] in ("error", "complete"):
            raise Failed(f"the subscription answered {message}")
