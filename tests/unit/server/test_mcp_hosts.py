"""Which hosts the MCP server answers under, and which pages may call it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from lumenspan.settings import Settings
from lumenspan_server.mcp import hosts

SETTINGS = cast(
    Settings,
    SimpleNamespace(
        public_url="https://Traces.example.com:8443/base",
        mcp_allowed_hosts="mcp.example.com, other.example.com",
    ),
)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("traces.example.com", True),
        ("TRACES.example.com:443", True),
        ("mcp.example.com", True),
        ("other.example.com:3000", True),
        ("localhost:3000", True),
        ("server", True),
        ("127.0.0.1:3000", True),
        ("10.0.0.7", True),
        ("[::1]:3000", True),
        ("example.com", False),
        ("evil.traces.example.com", False),
        ("traces.example.com.evil.org", False),
        ("127.0.0.1.evil.org", False),
        ("[", False),
        ("", False),
        (":3000", False),
    ],
)
def test_hosts(host: str, is_ours: bool) -> None:
    assert hosts.is_ours(SETTINGS, host) is is_ours


@pytest.mark.parametrize(
    ("origin", "may_call"),
    [
        ("https://traces.example.com", True),
        ("https://mcp.example.com:1", True),
        ("http://localhost:6274", True),
        ("http://[::1]", True),
        ("http://10.0.0.7:3000", True),
        ("http://10.0.0.8:3000", False),
        ("https://example.org", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_pages(origin: str, may_call: bool) -> None:
    assert hosts.may_call(SETTINGS, origin, "10.0.0.7:3000") is may_call


def test_without_further_hosts() -> None:
    settings = cast(Settings, SimpleNamespace(public_url="http://localhost:3000", mcp_allowed_hosts=None))
    assert hosts.is_ours(settings, "localhost")
    assert not hosts.is_ours(settings, "mcp.example.com")
