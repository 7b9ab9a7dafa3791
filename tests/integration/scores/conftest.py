"""Clients on the running engines, and HTTP to the running server."""

from __future__ import annotations

from tests.integration.ingest.conftest import clients
from tests.integration.ingest_events.test_http import http, reader

__all__ = ["clients", "http", "reader"]
