"""Where the server may call: spellings of internal addresses, names that lead inside, redirects."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.errors import Unavailable
from lumenspan.outbound import Allowlist, Outbound, TargetRefused, is_public

NAMES = {
    "api.example.com": ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"),
    "rebind.example.com": ("93.184.216.34", "127.0.0.1"),
    "inside.example.com": ("10.1.2.3",),
    "inside6.example.com": ("fd00::1",),
    "link.example.com": ("fe80::1%eth0",),
    "mapped.example.com": ("::ffff:169.254.169.254",),
    "redis": ("172.18.0.5",),
    "ollama.internal": ("10.1.2.3",),
    "metadata.google.internal": ("169.254.169.254",),
    "xn--bcher-kva.example": ("93.184.216.34",),
}


async def resolve(host: str, port: int) -> Sequence[str]:
    if host == "later.example.com":
        raise Unavailable("dns")
    return NAMES.get(host, ())


def outbound(allowlist: str = "") -> Outbound:
    return Outbound(Allowlist.parse(allowlist), resolve)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "http://api.example.com:8080",
        "https://API.Example.com./v1?x=y#z",
        "https://93.184.216.34/",
        "https://[2606:4700:4700::1111]/",
        "https://bücher.example/",
        "https://[64:ff9b::5db8:d822]/",
        "https://not-there.example.com",
        "https://later.example.com",
    ],
)
async def test_public_addresses_may_be_saved(url: str) -> None:
    assert await refusal_of(url) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "192.0.2.1",
        "2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.0x1",
        "1.2.3.999", "127.0.0.01", "0", "0x", "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1",
        "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]",
        "[fd00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:db8::1]", "[fec0::1]", "[::g]", "[127.0.0.1]",
        "localhost", "LOCALHOST.", "a.localhost", "printer.local", "metadata.google.internal", "x.lan",
        "inside.example.com", "inside6.example.com", "rebind.example.com", "link.example.com",
        "mapped.example.com", "redis", "redis:6379",
    ],
)  # fmt: skip
async def test_internal_addresses_are_refused_in_every_spelling(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(TargetRefused) as raised:
            await outbound().check(f"{scheme}://{host}/v1", "baseURL")
        assert raised.value.http_status == 400
        assert str(raised.value).startswith("baseURL ")
        with pytest.raises(TargetRefused):
            await outbound().target(f"{scheme}://{host}/v1")


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example.com", "//api.example.com", "ftp://api.example.com", "file:///etc/passwd",
        "gopher://api.example.com", "javascript:alert(1)", "https://", "https:///v1", "https://:443",
        "https://user@api.example.com", "https://user:pass@api.example.com", "https://@api.example.com",
        "https://api.example.com\\@127.0.0.1/", "https://api.example.com:0", "https://api.example.com:99999",
        "https://api.example.com:x", "https://api example.com", "https://api.example.com/\n", "\thttps://a.example.com",
        "https://a..example.com", "https://%31%32%37.0.0.1", "https://[::1", "https://a.example.com:80:80",
        "https://" + "a" * 64 + ".com", "https://api.example.com/" + "a" * 3000, "https://\u2028.com", "https://\ud800.com",
        "https://-", "https://a/\x00",
    ],
)  # fmt: skip
async def test_other_forms_are_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        await outbound().check(url)


@given(st.text(max_size=60))
async def test_no_text_makes_another_error(text: str) -> None:
    for url in (text, f"https://{text}", f"http://[{text}]:{text}"):
        refusal = await refusal_of(url)
        assert refusal is None or refusal.startswith("URL ")


async def refusal_of(url: str, allowlist: str = "") -> str | None:
    try:
        await outbound(allowlist).check(url)
    except TargetRefused as error:
        return error.message
    return None


@given(st.ip_addresses(v=4))
def test_an_address_within_one_of_version_6_is_judged_as_itself(address: IPv4Address) -> None:
    expected = is_public(address)
    for form in (
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::",
    ):
        assert is_public(ip_address(form)) == expected, form


async def test_the_connection_goes_to_what_was_looked_up() -> None:
    target = await outbound().target("https://API.example.com/v1")
    assert (target.scheme, target.host, target.port) == ("https", "api.example.com", 443)
    assert target.addresses == NAMES["api.example.com"]
    assert (await outbound().target("http://[2606:4700:4700::1111]:81/")).addresses == (
        "2606:4700:4700::1111",
    )


async def test_a_name_that_leads_nowhere_is_refused_when_it_is_called() -> None:
    with pytest.raises(TargetRefused, match="does not exist"):
        await outbound().target("https://not-there.example.com")
    with pytest.raises(Unavailable):
        await outbound().target("https://later.example.com")


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/v2", "https://api.example.com/v2"),
        ("v2?x", "https://api.example.com/v1/v2?x"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("//93.184.216.34/x", "https://93.184.216.34/x"),
    ],
)
async def test_redirects_are_followed_to_public_addresses(location: str, leads_to: str) -> None:
    target = await outbound().target("https://api.example.com/v1/")
    assert (await outbound().redirect(target, location)).url == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "http://api.example.com/", "https://127.0.0.1/", "//localhost/", "https://inside.example.com", "file:///etc/passwd",
        "\thttps://127.0.0.1", "https://[::ffff:10.0.0.1]/", "https://x@api.example.com", "http://[", "gopher://x",
    ],
)  # fmt: skip
async def test_other_redirects_are_refused(location: str) -> None:
    target = await outbound().target("https://api.example.com/v1/")
    with pytest.raises(TargetRefused):
        await outbound().redirect(target, location)


@pytest.mark.parametrize(
    ("allowlist", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("10.0.0.0/8", "http://inside.example.com"),
        ("10.0.0.0/8", "http://ollama.internal"),
        ("fd00::/8", "http://inside6.example.com"),
        ("[::1]", "http://[::1]:9000"),
        ("172.16.0.0/12, localhost", "http://redis:6379"),
        ("redis", "http://redis:6379"),
        ("localhost", "http://LOCALHOST:9000"),
        ("*.example.com", "http://inside.example.com"),
        ("169.254.169.254", "http://mapped.example.com"),
    ],
)
async def test_what_the_operator_names_may_be_called(allowlist: str, url: str) -> None:
    assert await refusal_of(url, allowlist) is None


@pytest.mark.parametrize(
    ("allowlist", "url"),
    [
        ("10.0.0.0/8", "http://127.0.0.1"),
        ("10.0.0.0/8", "http://metadata.google.internal"),
        ("10.0.0.0/8", "http://unknown.internal"),
        ("example.com", "http://inside.example.com"),
        ("*.example.com", "http://10.1.2.3"),
        ("edis", "http://redis"),
        ("*.xample.com", "http://inside.example.com"),
        ("93.184.216.34", "http://rebind.example.com"),
    ],
)
async def test_and_nothing_else(allowlist: str, url: str) -> None:
    with pytest.raises(TargetRefused):
        await outbound(allowlist).check(url)


@pytest.mark.parametrize("text", ["http://a.com", "a b", "*", "*.", "10.0.0.0/99", "a/24", "*.*.com"])
def test_an_entry_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no host name"):
        Allowlist.parse(text)
