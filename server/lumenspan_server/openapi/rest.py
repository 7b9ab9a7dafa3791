"""The OpenAPI document and the page that shows it, for everybody: neither says anything of a project."""

from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson
import yaml
from litestar import MediaType, Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.errors import NotFound
from lumenspan_server.openapi.document import document

_PAGE_HEADERS = {
    # Swagger UI sets styles inline; everything it loads is served here.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}
_CACHED = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
_CSS, _JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
# Name: package that ships the file, its folder there, and its type.
_ASSETS = {
    "page.js": ("lumenspan_server.openapi", "", _JS),
    "swagger-ui-bundle.js": ("swagger_ui", "static", _JS),
    "swagger-ui.css": ("swagger_ui", "static", _CSS),
}


def _document(request: Request[Any, Any, Any]) -> bytes:
    """The document as JSON, made once a process."""
    state = request.app.state
    if "openapi_document" not in state:
        state.openapi_document = orjson.dumps(document(request.app))
    made: bytes = state.openapi_document
    return made


@get("/api/openapi.json", summary="The OpenAPI document of this API", sync_to_thread=False)
def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """OpenAPI 3.1 as JSON."""
    return Response(_document(request), media_type="application/json")


@get("/api/openapi.yml", summary="The OpenAPI document of this API", sync_to_thread=True)
def openapi_yaml(request: Request[Any, Any, Any]) -> Response[str]:
    """OpenAPI 3.1 as YAML."""
    text = yaml.safe_dump(orjson.loads(_document(request)), sort_keys=False, allow_unicode=True)
    return Response(text, media_type="application/yaml")


@get("/api/docs", media_type=MediaType.HTML, summary="A page that shows the API", sync_to_thread=False)
def docs_page() -> Response[str]:
    """Operations to read and to try; it asks for keys and keeps none."""
    page = files("lumenspan_server.openapi").joinpath("page.html").read_text(encoding="utf-8")
    return Response(page, media_type=MediaType.HTML, headers=_PAGE_HEADERS)


@get("/api/docs/{name:str}", summary="What that page is made of", sync_to_thread=False)
def docs_asset(name: FromPath[str]) -> Response[bytes]:
    """A script or a style sheet."""
    if name not in _ASSETS:
        raise NotFound("Not found")
    return Response(_asset(name), media_type=_ASSETS[name][2], headers=_CACHED)


@lru_cache(maxsize=len(_ASSETS))
def _asset(name: str) -> bytes:
    package, folder, _ = _ASSETS[name]
    return files(package).joinpath(folder, name).read_bytes()


routes: list[ControllerRouterHandler] = [openapi_json, openapi_yaml, docs_page, docs_asset]
