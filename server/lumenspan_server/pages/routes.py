"""Every page and what they are made of, as the application takes them in."""

from litestar import Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan_server.pages import experiment, project, prompt, session, sign_in, trace
from lumenspan_server.pages.errors import PAGE_HANDLERS
from lumenspan_server.pages.rendering import assets


@get("/assets/{name:str}", summary="Style and script of the pages")
async def show_asset(name: FromPath[str]) -> Response[bytes]:
    """A file whose name changes with its content, so that it is kept for ever."""
    found = assets().get(name)
    if found is None:
        raise NotFoundException
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(found[1], media_type=found[0], headers=headers)


routes: list[ControllerRouterHandler] = [
    show_asset,
    Router(
        path="/",
        route_handlers=[
            *sign_in.routes,
            *project.routes,
            *trace.routes,
            *session.routes,
            *experiment.routes,
            *prompt.routes,
        ],
        exception_handlers=PAGE_HANDLERS,
    ),
]
