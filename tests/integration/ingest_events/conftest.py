"""Clients on the running engines, as the tests of the pipeline have them."""

from __future__ import annotations

from tests.integration.ingest.conftest import clients

__all__ = ["clients"]
