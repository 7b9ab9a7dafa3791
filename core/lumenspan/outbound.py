"""Where the server may call: addresses that users enter must not lead into the operator's own network.

Every address of a user (LLM endpoints, webhooks, stores for exports) passes here three times: ``check``
when it is saved, ``target`` right before a connection is opened, and ``redirect`` before a redirect is
followed. A connection is opened to one of the addresses that ``target`` returns and never to the name
again, for a name may lead elsewhere a moment later.

Refused are other schemes than http and https, sign-in data within an address, spellings of IP addresses
that programs read differently, and whatever is not a public address of the internet. What an operator
names in ``LUMENSPAN_OUTBOUND_ALLOWLIST`` may be called all the same.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

import idna

from lumenspan.errors import InvalidInput, Unavailable

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port to addresses as text; empty where the name has none, Unavailable where nobody can tell."""

_PORTS = {"http": 80, "https": 443}
_MAX_CHARS = 2048
_RESOLVE_TIMEOUT_S = 5.0
_INTERNAL = "must not lead to an internal or reserved address"

# Blanks, control characters and backslashes are read in different ways by different programs.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")
_NUMERIC = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# Names of this machine and of networks around it; some of them resolve only there.
_INTERNAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")

# Addresses of version 6 that carry one of version 4, and where in them it is.
_CARRIERS: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
# Not always told by the standard library: relays, Teredo, translation within a site, documentation.
_ALSO_REFUSED: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("100::/64"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
    IPv6Network("fec0::/10"),
)


class TargetRefused(InvalidInput):
    """The server does not call this address."""


@dataclass(frozen=True, slots=True)
class Allowlist:
    """What may be called although it is not public.

    Attributes:
        names: host names, in lower case.
        domains: the ``.example.com`` of entries ``*.example.com``.
        networks: networks; single addresses are networks of one.
    """

    names: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Allowlist:
        """Entries separated by commas: ``host``, ``*.domain``, an IP address or a network (``10.0.0.0/8``).

        Raises:
            ValueError: an entry is none of these.
        """
        names, domains, networks = set(), [], []
        for entry in filter(None, (part.strip().lower() for part in text.split(","))):
            network = _network(entry)
            name = entry.removeprefix("*.")
            if network is not None:
                networks.append(network)
            elif not _is_name(name):
                raise ValueError(f"{entry!r} is no host name, *.domain, IP address or network")
            elif entry == name:
                names.add(name)
            else:
                domains.append("." + name)
        return cls(frozenset(names), tuple(domains), tuple(networks))

    def has_name(self, host: str) -> bool:
        """Whether the host may be called wherever its name leads."""
        return host in self.names or host.endswith(self.domains)

    def has_address(self, address: Address) -> bool:
        """Whether the address itself may be called."""
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Target:
    """What a connection may be opened to.

    Attributes:
        host: for TLS and the ``Host`` header; IDNA, in lower case, version 6 without brackets.
        addresses: connect to one of these and to nothing else.
    """

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """What the operating system says of a name."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Unavailable("dns", f"The name {host} cannot be resolved right now") from None
        return ()
    except (TimeoutError, OSError):
        raise Unavailable("dns", f"The name {host} cannot be resolved right now") from None
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


class Outbound:
    """The checks, with one allowlist and one way to resolve names."""

    def __init__(self, allowlist: Allowlist, resolve: Resolve = resolve_by_system) -> None:
        self._allowlist = allowlist
        self._resolve = resolve

    async def check(self, url: str, name: str = "URL") -> None:
        """Return when ``url`` may be saved; ``name`` stands at the beginning of the message.

        A name that cannot be resolved now may be saved: ``target`` decides when it is called.

        Raises:
            TargetRefused: form, scheme or host do not fit, or an address is not public.
        """
        scheme, host, port = _parts(url, name)
        try:
            await self._addresses(host, port or _PORTS[scheme], name)
        except Unavailable:
            return

    async def target(self, url: str, name: str = "URL") -> Target:
        """Where to connect for ``url``, looked up now.

        Raises:
            TargetRefused: as ``check``, or the name has no address.
            Unavailable: the name cannot be resolved right now.
        """
        scheme, host, given_port = _parts(url, name)
        port = given_port or _PORTS[scheme]
        addresses = await self._addresses(host, port, name)
        if not addresses:
            raise TargetRefused(f"{name}: the host {host} does not exist")
        return Target(url, scheme, host, port, addresses)

    async def redirect(self, target: Target, location: str, name: str = "URL") -> Target:
        """Where to connect for the ``Location`` that ``target`` answered; relative ones are completed.

        Raises:
            TargetRefused: as ``target``, or from https to http.
            Unavailable: the name cannot be resolved right now.
        """
        if _AMBIGUOUS.search(location):
            raise TargetRefused(f"{name}: the redirect is not a valid address")
        try:
            following = urljoin(target.url, location)
        except ValueError:
            raise TargetRefused(f"{name}: the redirect is not a valid address") from None
        found = await self.target(following, name)
        if target.scheme == "https" and found.scheme != "https":
            raise TargetRefused(f"{name}: a redirect from https to http is not followed")
        return found

    async def _addresses(self, host: str, port: int, name: str) -> tuple[str, ...]:
        """Addresses of the host, every one of which may be called."""
        literal = _literal(host)
        if literal is not None:
            self._require(literal, name)
            return (str(literal),)
        is_trusted = self._allowlist.has_name(host)
        is_internal = not is_trusted and _is_internal_name(host)
        if is_internal and not self._allowlist.networks:
            raise TargetRefused(f"{name} {_INTERNAL}")
        found = await self._resolve(host, port)
        if is_internal and not found:
            raise TargetRefused(f"{name} {_INTERNAL}")
        for text in () if is_trusted else found:
            # A scope names an interface of this machine: such an address is local to its link.
            self._require(ip_address(text.partition("%")[0]), name, must_be_listed=is_internal)
        return tuple(found)

    def _require(self, address: Address, name: str, *, must_be_listed: bool = False) -> None:
        is_fine = not must_be_listed and is_public(address)
        if not is_fine and not self._allowlist.has_address(_inner(address)):
            raise TargetRefused(f"{name} {_INTERNAL}")


def is_public(address: Address) -> bool:
    """Whether anybody on the internet reaches the same machine at this address."""
    inner = _inner(address)
    return (
        inner.is_global
        and not inner.is_multicast
        and not inner.is_reserved
        and not any(inner in network for network in _ALSO_REFUSED if network.version == inner.version)
    )


def _inner(address: Address) -> Address:
    """The address of version 4 that one of version 6 carries, else the address."""
    if isinstance(address, IPv6Address):
        for network, shift in _CARRIERS:
            # ``::`` and ``::1`` carry nothing.
            if address in network and int(address) > 1:
                return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address


def _parts(url: str, name: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; TargetRefused where the form does not fit."""
    if len(url) > _MAX_CHARS or _AMBIGUOUS.search(url):
        raise TargetRefused(f"{name} is not a valid address")
    try:
        parts = urlsplit(url)
        given_host, port = parts.hostname or "", parts.port
    except ValueError:
        raise TargetRefused(f"{name} is not a valid address") from None
    if parts.scheme not in _PORTS:
        raise TargetRefused(f"{name} must start with https:// or http://")
    if "@" in parts.netloc:
        raise TargetRefused(f"{name} must not hold a user name or password")
    if port == 0:
        raise TargetRefused(f"{name} is not a valid address")
    return parts.scheme, _host(given_host, "[" in parts.netloc, name), port


def _host(given: str, is_bracketed: bool, name: str) -> str:
    """The host in the one form that is compared, resolved and called."""
    if is_bracketed:
        try:
            address = IPv6Address(given)
        except ValueError:
            raise TargetRefused(f"{name} has no valid host") from None
        if address.scope_id:
            raise TargetRefused(f"{name} must not name a network interface")
        return str(address)
    try:
        host = given if given.isascii() else idna.encode(given, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise TargetRefused(f"{name} has no valid host") from None
    host = host.lower().removesuffix(".")
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        # 127.1, 0177.0.0.1, 0x7f000001 and 2130706433 are all 127.0.0.1 to some programs.
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise TargetRefused(f"{name} must write an IP address as four decimal numbers") from None
    if not _is_name(host):
        raise TargetRefused(f"{name} has no valid host")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    return 0 < len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))


def _is_internal_name(host: str) -> bool:
    return any(host == name or host.endswith("." + name) for name in _INTERNAL_NAMES)
