"""``GET /``: what a person sees who opens the server's address in a browser."""

from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

from litestar import MediaType, Request, Response, get

from lumenspan_server.version import VERSION

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@get("/", media_type=MediaType.HTML, summary="A page for people")
async def home(request: Request[Any, Any, Any]) -> Response[str]:
    """The addresses of this server and how to send to it; holds nothing secret."""
    settings = request.app.state.services.settings
    page = _template().replace("{{version}}", escape(VERSION))
    grpc = str(settings.otlp_grpc_port) if settings.otlp_grpc_port else "not served"
    for mark, value in (("{{url}}", settings.public_url.rstrip("/")), ("{{grpc_port}}", grpc)):
        page = page.replace(mark, escape(value))
    return Response(page, media_type=MediaType.HTML, headers=_HEADERS)


@lru_cache(maxsize=1)
def _template() -> str:
    return files("lumenspan_server").joinpath("home.html").read_text(encoding="utf-8")


routes = [home]
