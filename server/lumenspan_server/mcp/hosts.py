"""Which hosts the MCP server answers under, and which pages may call it.

A page of a stranger can let its own name lead to this machine (DNS rebinding), and so reach a server that
only listens within a network. Such a name is none of ours.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from lumenspan.settings import Settings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_ours(settings: Settings, host: str) -> bool:
    """Whether a ``Host`` header can be meant for this server.

    That is the host of ``NEXTAUTH_URL``, those of ``LUMENSPAN_MCP_ALLOWED_HOSTS``, an address, and a name
    without a dot: a machine or a service of the own network, which no stranger can register.
    """
    name = _name(f"//{host}")
    return name is not None and (name in _known(settings) or "." not in name or _is_address(name))


def may_call(settings: Settings, origin: str, host: str) -> bool:
    """Whether a page of that origin may call: of ours, of this machine, or of the host that is called."""
    name = _name(origin)
    return name is not None and (name in _known(settings) | _LOOPBACK or name == _name(f"//{host}"))


def _known(settings: Settings) -> frozenset[str]:
    names = [_name(settings.public_url), *(settings.mcp_allowed_hosts or "").split(",")]
    return frozenset(name.strip().lower() for name in names if name and name.strip())


def _name(url: str) -> str | None:
    """The host of a URL in lower case, None where there is none."""
    try:
        return urlsplit(url).hostname or None
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
