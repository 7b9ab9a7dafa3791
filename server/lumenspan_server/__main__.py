"""``python -m lumenspan_server``: serve until SIGTERM or SIGINT, then stop without losing a request."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys

import structlog
import uvicorn
from litestar import Litestar

from lumenspan.logs import configure_logging
from lumenspan.settings import Settings, SettingsError, load_settings
from lumenspan_server.otel.grpc import OtlpGrpcServer
from lumenspan_server.version import VERSION

_log = structlog.get_logger("lumenspan_server")


class GracefulServer(uvicorn.Server):
    """HTTP and gRPC side by side.

    Answers "not ready" for a while after the first signal, then stops; a second one stops at once.
    """

    def __init__(self, config: uvicorn.Config, app: Litestar, settings: Settings) -> None:
        super().__init__(config)
        self._app = app
        self._grace_s = settings.shutdown_grace_s
        self._grpc_port = settings.otlp_grpc_port
        self._grpc: OtlpGrpcServer | None = None
        self._draining: asyncio.Task[None] | None = None
        self._is_told = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then say where."""
        await super().startup(sockets)
        if not self.started:
            return
        _log.info("serving", host=self.config.host, port=self.config.port, version=VERSION)
        if self._grpc_port:
            self._grpc = OtlpGrpcServer(self._app.state.services)
            try:
                await self._grpc.start(self.config.host, self._grpc_port)
            except OSError as error:
                _log.error("cannot serve", reason=str(error), setting="LUMENSPAN_OTLP_GRPC_PORT")
                await super().shutdown(sockets)
                self.started = False
                self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running calls end, those over gRPC first: the services are closed after them."""
        if self._grpc is not None:
            await self._grpc.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Called by uvicorn for SIGINT and SIGTERM."""
        services = getattr(self._app.state, "services", None)
        if self._is_told or services is None:
            self.should_exit = True
            return
        self._is_told = True
        services.lifecycle.is_stopping = True
        _log.info("stopping", signal=signal.Signals(sig).name, grace_s=self._grace_s)
        loop = asyncio.get_event_loop()
        loop.call_later(self._grace_s, self._stop)
        if self._grpc is not None:
            self._draining = loop.create_task(self._grpc.drain())

    def _stop(self) -> None:
        self.should_exit = True


def main() -> int:
    """Exit code: 0 after a clean stop, 2 when the settings cannot be used, 1 when the port is taken."""
    from lumenspan_server.app import create_app

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings.log_level, settings.log_format)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if sys.platform != "win32" else "auto",
        http="httptools",
        ws="websockets-sansio",
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )
    # What is loaded by now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    server = GracefulServer(config, app, settings)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
