"""Sending demo traces to a running server, over OTLP/HTTP as any exporter would."""

from __future__ import annotations

import base64
import gzip
import http.client
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from lumenspan.demo.otlp import encode
from lumenspan.demo.spans import Trace
from lumenspan.errors import AccessDenied, InvalidInput, LumenspanError, Unauthenticated, Unavailable

_PATH = "/api/public/otel/v1/traces"
_TRACES_PER_CALL = 50
_TRANSIENT = {429, 502, 503, 504}
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Target:
    """A project on a server: ``url`` without path, and a key pair of the project."""

    url: str
    public_key: str
    secret_key: str

    @property
    def authorization(self) -> str:
        """Basic authorization header."""
        return "Basic " + base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Result:
    """What was written. The last trace of a large project may be short of spans.

    Attributes:
        place: where it was written, for people.
    """

    traces: int
    observations: int
    place: str = ""


def send(
    traces: Iterable[Trace], target: Target, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Result]:
    """Send the traces, a few at a call; yields after each call what was sent so far.

    Raises:
        Unauthenticated, AccessDenied: the keys are wrong, or not of a project.
        Unavailable: the server is not reachable or kept answering that it is busy.
        InvalidInput: it refused the data.
    """
    client = _Client(target, sleep)
    sent_traces = sent_observations = 0
    source = iter(traces)
    try:
        while batch := list(islice(source, _TRACES_PER_CALL)):
            client.post(gzip.compress(encode(batch), compresslevel=5))
            sent_traces += len(batch)
            sent_observations += sum(len(trace.spans) for trace in batch)
            yield Result(sent_traces, sent_observations)
    finally:
        client.close()


class _Client:
    """One connection that is kept open and opened anew after a failure."""

    def __init__(self, target: Target, sleep: Callable[[float], None]) -> None:
        address = urlsplit(target.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InvalidInput(f"{target.url!r} is not an address such as http://localhost:3000")
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.hostname, address.port, timeout=60)
        self._path = address.path.rstrip("/") + _PATH
        self._url = target.url
        self._sleep = sleep
        self._headers = {
            "Authorization": target.authorization,
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "x-langfuse-sdk-name": "lumenspan-demo",
            "x-langfuse-sdk-version": "1.0.0",
        }

    def post(self, body: bytes) -> None:
        """Deliver one request; what is transient is tried again, as exporters do."""
        for attempt in range(_ATTEMPTS):
            try:
                self._connection.request("POST", self._path, body, self._headers)
                answer = self._connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if attempt + 1 == _ATTEMPTS or isinstance(error, ConnectionRefusedError):
                    raise Unavailable(
                        "server", f"Nothing answers at {self._url}. Is it running?"
                    ) from error
                self._sleep(0.1 * 2**attempt)
                continue
            if answer.status == 200:
                return
            if answer.status not in _TRANSIENT or attempt + 1 == _ATTEMPTS:
                raise _refusal(answer.status, text)
            self._sleep(_wait_s(answer.getheader("Retry-After"), attempt))

    def close(self) -> None:
        self._connection.close()


def _wait_s(retry_after: str | None, attempt: int) -> float:
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    own: float = 0.2 * 2**attempt
    return min(max(asked, own), 30.0)


def _refusal(status: int, text: bytes) -> LumenspanError:
    said = text[:300].decode(errors="replace")
    if status == 401:
        return Unauthenticated("The server does not know these keys.")
    if status == 403:
        return AccessDenied("These keys may not write to a project.")
    if status in _TRANSIENT:
        return Unavailable("server", f"The server stayed busy: {said}")
    return InvalidInput(f"The server answered {status}: {said}")
