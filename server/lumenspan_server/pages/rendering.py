"""How a page is made: templates that escape everything, headers that let nothing foreign in, own assets."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie

from lumenspan_server.pages import values

_TYPES = {"css": "text/css", "js": "text/javascript"}
_NAMES = ("pages.css", "pages.js")

AnyRequest = Request[Any, Any, Any]


@cache
def assets() -> dict[str, tuple[str, bytes]]:
    """Media type and bytes by the name that they are served as, which changes with their content."""
    found: dict[str, tuple[str, bytes]] = {}
    for name in _NAMES:
        data = files("lumenspan_server.pages").joinpath("assets", name).read_bytes()
        found[_served_name(name, data)] = (_TYPES[name.rpartition(".")[2]], data)
    return found


def _served_name(name: str, data: bytes) -> str:
    stem, _, extension = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:16]}.{extension}"


@cache
def _asset_url(name: str) -> str:
    stem = name.partition(".")[0]
    return next(
        f"/assets/{each}"
        for each in assets()
        if each.startswith(f"{stem}-") and each.endswith(name[len(stem) :])
    )


def address(*parts: str, **query: str | int | None) -> str:
    """A path of these parts, each quoted, with the parameters that are given."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    given = {name: value for name, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(given)}" if given else path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lumenspan_server.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "instant": values.instant,
        "duration": values.duration,
        "money": values.money,
        "count": values.count,
        "plural": values.plural,
        "score_value": values.score_value,
    }
    environment.globals |= {"asset": _asset_url, "address": address, "by_kind": values.by_kind}
    return environment


def page(
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    media_urls: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The page of a template.

    Args:
        media_urls: addresses of files that it shows; only their origins may be fetched from.
    """
    text = _environment().get_template(template).render(context)
    found = {**_headers(media_urls), **(headers or {})}
    return Response(
        text.encode("utf-8", "replace"), status_code=status, media_type=MediaType.HTML, headers=found
    )


def redirect(to: str, cookies: Iterable[Cookie] = ()) -> Response[bytes]:
    """The way to an address of this server, as after a form."""
    headers = {"Location": to, "Cache-Control": "no-store"}
    return Response(b"", status_code=303, media_type=MediaType.TEXT, headers=headers, cookies=list(cookies))


def raw_text(text: str) -> Response[bytes]:
    """A text of a client as it is: shown as such, never run."""
    headers = _headers(()) | {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(text.encode("utf-8", "replace"), media_type=MediaType.TEXT, headers=headers)


def _headers(media_urls: Iterable[str]) -> dict[str, str]:
    origins = " ".join(sorted({origin for url in media_urls if (origin := _origin(url))}))
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; img-src 'self' data: {origins}; media-src 'self' {origins}"
    )
    return {
        "Content-Security-Policy": policy.replace(" ;", ";").rstrip(),
        "Cache-Control": "private, no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
