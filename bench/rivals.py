"""Lumenspan beside Arize Phoenix and MLflow: the same load for each, one after another, in one run.

``python -m bench.rivals`` (``make bench-ingest``). The others are installed from the package index into
environments of their own in the user's cache folder, and started as their documentation says; one that
cannot be installed or started is left out with the reason. Spans count when the product's own API shows
them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from bench import flow, generator
from bench.api import of_project
from bench.payload import SPANS_PER_TRACE
from bench.report import Failed, Row, at_least, failed, table
from bench.system import running
from lumenspan.embedded import ports

_PINNED = Path(__file__).with_name("rivals.txt")
_INSTALL_S, _START_S, _SETTLE_S = 900, 180, 300
_POLL_S = 1.0
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Product:
    """How a product is started, where it takes OTLP, and how its own API says what it has.

    Attributes:
        command: of the environment's ``bin`` folder; ``{port}`` and ``{folder}`` are filled in.
        count: spans that can be read, from a client of the product.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_up: str
    count: Callable[[httpx.Client], int]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Spans a second, and how long the answer took."""

    accepted_per_s: float
    readable_per_s: float
    spans: int
    p99_ms: float
    memory_mib: float


def _phoenix_count(client: httpx.Client) -> int:
    query = "{ projects { edges { node { recordCount } } } }"
    answer = client.post("/graphql", json={"query": query}).json()
    return sum(edge["node"]["recordCount"] for edge in answer["data"]["projects"]["edges"])


def _mlflow_count(client: httpx.Client) -> int:
    """Traces, ten spans each: the API has no number of spans."""
    found, token = 0, None
    while True:
        body: dict[str, object] = {
            "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}],
            "max_results": _PAGE,
        }
        if token:
            body["page_token"] = token
        answer = client.post("/api/3.0/mlflow/traces/search", json=body).json()
        found += len(answer.get("traces", ()))
        token = answer.get("next_page_token")
        if not token:
            return found * SPANS_PER_TRACE


PRODUCTS = (
    Product(
        "arize-phoenix",
        ("phoenix", "serve"),
        {
            "PHOENIX_WORKING_DIR": "{folder}",
            "PHOENIX_PORT": "{port}",
            "PHOENIX_GRPC_PORT": "{other_port}",
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        },
        "/healthz",
        _phoenix_count,
    ),
    Product(
        "mlflow",
        (
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
            "--backend-store-uri",
            "sqlite:///{folder}/mlflow.db",
            "--default-artifact-root",
            "{folder}/artifacts",
        ),
        {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        "/health",
        _mlflow_count,
        {"x-mlflow-experiment-id": "0"},
    ),
)


def main() -> int:
    """Exit code 1 when Lumenspan itself failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.rivals", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=15, help="of load on each")
    parser.add_argument("--connections", type=int, default=12)
    options = parser.parse_args()
    parent = Path(tempfile.mkdtemp(prefix="lumenspan-bench-"))
    parent.chmod(0o711)  # PostgreSQL runs as another user where this runs as root
    rows: list[Row] = []
    try:
        ours = _ours(parent, options.seconds, options.connections)
        rows += _rows("lumenspan", ours, ours)
        for product in PRODUCTS:
            try:
                rows += _rows(product.name, _theirs(product, parent, options), ours)
            except Failed as error:
                _say(f"{product.name} is left out: {error}")
                rows.append(Row(f"{product.name} left out", None, "", note=str(error)[:120]))
    except Failed as error:
        rows.append(failed("lumenspan", str(error)))
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    sys.stdout.write("\n" + table(rows) + "\n")
    return int(any(row.outcome == "FAILED" for row in rows))


def _rows(name: str, outcome: Outcome, ours: Outcome) -> list[Row]:
    if outcome is ours:
        return [
            at_least(f"{name}: accepted", outcome.accepted_per_s, "spans/s", 10_000, "durable"),
            at_least(
                f"{name}: readable", outcome.readable_per_s, "spans/s", 10_000, f"{outcome.spans:,} spans"
            ),
            Row(f"{name}: request to answer, p99", outcome.p99_ms, "ms"),
            Row(f"{name}: memory after", outcome.memory_mib, "MiB"),
        ]
    return [
        Row(f"{name}: accepted", outcome.accepted_per_s, "spans/s"),
        Row(f"{name}: readable", outcome.readable_per_s, "spans/s", note=f"{outcome.spans:,} spans"),
        Row(f"{name}: request to answer, p99", outcome.p99_ms, "ms"),
        Row(f"{name}: memory after", outcome.memory_mib, "MiB"),
        Row(f"  lumenspan : {name}, readable", ours.readable_per_s / outcome.readable_per_s, "times"),
    ]


def _ours(parent: Path, seconds: float, connections: int) -> Outcome:
    _say("lumenspan")
    with running(parent / "lumenspan") as system:
        api = of_project(system)
        generator.result(generator.run(system.port, api.authorization, "warm-up", seconds=2))
        load = generator.result(
            generator.run(
                system.port, api.authorization, "side-by-side", seconds=seconds, connections=connections
            )
        )
        found = flow.settled(system, "side-by-side", load.spans)
        api.close()
        if found != load.spans:
            raise Failed(f"{found:,} of {load.spans:,} acknowledged spans can be read")
        readable_s = time.time() - load.first_at
        memory = sum(_memory(process) for group in system.parts().values() for process in group)
        return _outcome(load, found, readable_s, memory)


def _theirs(product: Product, parent: Path, options: argparse.Namespace) -> Outcome:
    _say(f"{product.name}: installing")
    bin_folder = _installed(product.name)
    folder = parent / product.name
    folder.mkdir()
    _say(product.name)
    with _started(product, bin_folder, folder) as (port, process):
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
        before = product.count(client)
        load = generator.result(
            generator.run(
                port,
                "",
                "side-by-side",
                seconds=options.seconds,
                connections=options.connections,
                path="/v1/traces",
                headers=product.headers,
                give_up_s=_SETTLE_S,
            )
        )
        deadline = time.monotonic() + _SETTLE_S
        while (found := product.count(client) - before) < load.spans and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        readable_s = time.time() - load.first_at
        memory = sum(_memory(each) for each in (process, *process.children(recursive=True)))
        client.close()
        if found < load.spans:
            _say(f"{product.name}: {found:,} of {load.spans:,} accepted spans could be read")
        return _outcome(load, found, readable_s, memory)


def _outcome(load: generator.Load, found: int, readable_s: float, memory: float) -> Outcome:
    slowest = sorted(load.ack_ms)
    p99 = slowest[min(len(slowest) - 1, int(0.99 * len(slowest)))]
    return Outcome(load.spans / load.seconds, found / readable_s, found, p99, memory)


def _installed(name: str) -> Path:
    """The ``bin`` folder of an environment with the pinned version; made where it is not there yet."""
    pinned = next(line for line in _PINNED.read_text().split() if line.startswith(f"{name}=="))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lumenspan-bench"
    folder = cache / pinned.replace("==", "-")
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", pinned]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"not installed within {_INSTALL_S} s") from None
        if done.returncode:
            raise Failed(f"pip could not install it: {done.stderr.strip().splitlines()[-1]}")
        (folder / "installed").touch()
    return folder / "bin"


@contextmanager
def _started(product: Product, bin_folder: Path, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    port = ports.first_free(16_000, ports.LOOPBACK)
    other_port = ports.first_free(port + 1, ports.LOOPBACK)
    names = {"port": port, "other_port": other_port, "folder": folder}
    command = [each.format(**names) for each in product.command]
    command[0] = str(bin_folder / command[0])
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    # What is said about our own modules must not reach another product's interpreter.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**kept, "PATH": path} | {
        name: value.format(**names) for name, value in product.environment.items()
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_up(process, f"http://127.0.0.1:{port}{product.is_up}", folder / "log")
            yield port, psutil.Process(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"it did not start: {log.read_text()[-300:]}")
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise Failed(f"it did not answer within {_START_S} s")


def _memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / (1 << 20)
    except psutil.Error:
        return 0.0


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {text}\n")


if __name__ == "__main__":
    sys.exit(main())
