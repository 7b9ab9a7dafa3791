"""The server inside the test process, as in the integration tests."""

from __future__ import annotations

from tests.integration.server.conftest import queries, server

__all__ = ["queries", "server"]
