"""Records what a real library sends: ``python -m tests.recorded.record NAME VERSION PROGRAM COMMAND...``.

Runs a program of ``programs/`` with a fake model and keeps the bodies that it exports as
``NAME-VERSION.json.gz``, without anything that tells on which machine that was. See README.md here.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.recorded import fake_model
from tests.recorded.recordings import FOLDER, Recording, Request, write

_KEPT_HEADERS = re.compile(
    r"x[-_]langfuse[-_](sdk[-_]name|sdk[-_]version|ingestion[-_]version)\Z", re.IGNORECASE
)
# Of the resource: says where something ran, not what it did.
_LOCAL_KEYS = re.compile(
    r"(host|process|os)\.|service\.instance\.id\Z|code\.|thread\.|network\.peer|server\.port\Z|.*lineno"
)
_PATH = re.compile(r"(?:/[\w.@+-]+){2,}/([\w.@+-]+\.(?:py|mjs|js|cjs|ts))(?::\d+(?::\d+)?)?")
_PYTHON_FRAME = re.compile(r'File \\?"[^"\\]*[/\\]([^"/\\]+)\\?", line \d+')


class _Server(ThreadingHTTPServer):
    requests: list[Request]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if "/v1/" in self.path and not self.path.endswith("/traces"):
            return self._answer(fake_model.answer(self.path, json.loads(body)))
        if self.path.endswith(("/traces", "/ingestion")):
            kept = {
                k.lower().replace("_", "-"): v for k, v in self.headers.items() if _KEPT_HEADERS.match(k)
            }
            kind = self.headers["content-type"].partition(";")[0]
            self.server.requests.append(Request(self.path.rpartition("/")[2], kind, kept, body))
        if self.path.endswith("/ingestion"):
            ids = [{"id": event["id"], "status": 201} for event in json.loads(body)["batch"]]
            return self._answer({"successes": ids, "errors": []}, 207)
        return self._answer({})

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers["content-length"] or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_GET(self) -> None:
        self._answer({"data": [], "meta": {"totalItems": 0}})

    def _answer(self, given: Any, status: int = 200) -> None:
        is_stream = not isinstance(given, dict)
        body = b"".join(given) if is_stream else orjson.dumps(given)
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the program's own output is what matters."""


def scrubbed(body: bytes, content_type: str, clean: Callable[[str], str]) -> bytes:
    """The same export or batch without what tells on which machine it was made."""
    if content_type != "application/x-protobuf":
        return orjson.dumps(_clean_json(orjson.loads(body), clean))
    export = ExportTraceServiceRequest()
    export.ParseFromString(body)
    _clean_message(export, clean)
    return export.SerializeToString()


def _clean_json(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        kept = [each for each in value if not (isinstance(each, dict) and _is_local(each.get("key")))]
        return [_clean_json(each, clean) for each in kept]
    if isinstance(value, dict):
        return {key: _clean_json(each, clean) for key, each in value.items()}
    return value


def _is_local(key: Any) -> bool:
    return isinstance(key, str) and _LOCAL_KEYS.match(key) is not None


def _clean_message(message: Message, clean: Callable[[str], str]) -> None:
    for field, value in message.ListFields():
        if field.name == "attributes":
            kept = [pair for pair in value if not _is_local(pair.key)]
            del value[:]
            value.extend(kept)
        if field.type == field.TYPE_MESSAGE:
            for each in value if isinstance(value, list) or hasattr(value, "add") else [value]:
                _clean_message(each, clean)
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, clean(value))


def _cleaner(port: int) -> Callable[[str], str]:
    hosts = re.compile(rf"(?:127\.0\.0\.1|localhost):{port}")
    machine = os.uname().nodename

    def clean(text: str) -> str:
        text = hosts.sub("model.example", text).replace("127.0.0.1", "model.example")
        text = _PYTHON_FRAME.sub(r"File \1", text)
        text = _PATH.sub(r"\1", text)
        return text.replace(machine, "machine") if len(machine) > 4 else text

    return clean


def main() -> None:
    """Run one program and keep what it sent."""
    name, version, program, *command = sys.argv[1:]
    server = _Server(("127.0.0.1", 0), _Handler)
    server.requests = []
    port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{port}"
    env = {
        **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")},
        "OPENAI_BASE_URL": f"{base}/v1",
        "OPENAI_API_KEY": "none",
        "LANGFUSE_HOST": base,
        "LANGFUSE_BASE_URL": base,
        "LANGFUSE_BASEURL": base,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-recorded",
        "LANGFUSE_SECRET_KEY": "sk-lf-recorded",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{base}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": "weather-service",
    }
    path = (FOLDER / "programs" / program).resolve()
    folder = Path(command[0]).parent if program.endswith(".mjs") else None
    if folder is not None:
        # Node looks for modules beside the file.
        copied = folder / program
        copied.write_text(path.read_text())
        path, command = copied, ["node"]
    subprocess.run([*command, str(path)], env=env, check=True, timeout=120)
    clean = _cleaner(port)
    requests = [
        Request(each.kind, each.content_type, each.headers, scrubbed(each.body, each.content_type, clean))
        for each in server.requests
    ]
    server.shutdown()
    write(Recording(name, version, requests))
    sys.stdout.write(f"{name}-{version}: {len(requests)} requests\n")


if __name__ == "__main__":
    main()
