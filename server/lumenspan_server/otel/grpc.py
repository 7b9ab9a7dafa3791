"""OTLP over gRPC: ``TraceService/Export`` on its own port, the same path behind it as over HTTP.

The body stays bytes from the wire to the store: it is parsed once, to find out what will be rejected.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, status_pb2
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from lumenspan.errors import (
    AccessDenied,
    InvalidInput,
    LumenspanError,
    PayloadTooLarge,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from lumenspan.ingest import otlp
from lumenspan_server.otel.intake import answer, take_in
from lumenspan_server.services import Services

_log = structlog.get_logger(__name__)
_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_MAX_METADATA_BYTES = 16 << 10
_STOP_GRACE_S = 5.0
# The first class that fits decides. Exporters retry UNAVAILABLE, RESOURCE_EXHAUSTED only with a RetryInfo.
_CODES: tuple[tuple[type[LumenspanError], Any], ...] = (
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (AccessDenied, grpc.StatusCode.PERMISSION_DENIED),
    (PayloadTooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (RateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
)


class OtlpGrpcServer:
    """The gRPC side of a server process.

    Serves ``TraceService/Export`` and the standard health service; reflection is off. Bodies may be gzip. A
    message over ``LUMENSPAN_INGEST_MAX_BODY_MIB``, inflated, is RESOURCE_EXHAUSTED.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which was chosen where ``port`` is 0. OSError when it is taken."""
        limit = self._services.settings.ingest_max_body_mib << 20
        server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
                ("grpc.so_reuseport", 0),
            )
        )
        export = grpc.unary_unary_rpc_method_handler(self._export)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"Export": export}),)
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        try:
            bound = server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(f"port {port} of {host} cannot be used for OTLP over gRPC") from error
        await server.start()
        for name in ("", _SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server = server
        _log.info("serving OTLP over gRPC", host=host, port=bound)
        return int(bound)

    async def drain(self) -> None:
        """Say "not serving" to health checks while calls are still answered."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Refuse new calls and wait for running ones."""
        if self._server is not None:
            await self._server.stop(_STOP_GRACE_S)
            self._server = None

    async def _export(self, body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        metadata = {
            key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
        }
        try:
            export = await take_in(self._services, body, otlp.PROTOBUF, metadata)
        except asyncio.CancelledError:
            raise
        except LumenspanError as error:
            await _refuse(context, error)
        except Exception as error:
            _log.exception("OTLP over gRPC failed", error=type(error).__name__)
            await context.abort(grpc.StatusCode.INTERNAL, "Internal error")
        return answer(otlp.PROTOBUF, export)


async def _refuse(context: grpc.aio.ServicerContext, error: LumenspanError) -> None:
    """End the call with the code for ``error`` and, where a retry helps, when to try it."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    if not isinstance(error, Unavailable | RateLimited):
        await context.abort(code, error.message)
        return
    if isinstance(error, Unavailable):
        _log.warning("engine unavailable", engine=error.engine, operation="otlp grpc")
    status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=error.message)
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=int(error.retry_after_s))))
    await context.abort_with_status(rpc_status.to_status(status))
