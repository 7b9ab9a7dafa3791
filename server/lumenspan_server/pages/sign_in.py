"""Sign-in and sign-out with a cookie."""

import re
import secrets
from urllib.parse import parse_qsl

from litestar import Response, get, post

from lumenspan.errors import AccessDenied, LumenspanError, RateLimited, Unauthenticated
from lumenspan_server.pages import access
from lumenspan_server.pages.rendering import AnyRequest, page, redirect

_BOUND_TO = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_MAX_FIELDS = 20
_MAX_BODY_BYTES = 64 << 10


@get("/sign-in", summary="The form to sign in with")
async def show_sign_in(request: AnyRequest) -> Response[bytes]:
    """The form; afterwards the browser goes where ``next`` says, if that is an address of this server."""
    wanted = access.local_address(request.query_params.get("next", ""))
    return await _form(request, wanted)


@post("/sign-in", summary="Sign in", status_code=303, request_max_body_size=_MAX_BODY_BYTES)
async def sign_in(request: AnyRequest) -> Response[bytes]:
    """Sets the cookie and leads on; what was wrong is said in the form."""
    services = access.services_of(request)
    settings = services.settings
    fields = await _fields(request)
    wanted = access.local_address(fields.get("next", ""))
    email = fields.get("email", "")
    try:
        bound_to = request.cookies.get(access.form_cookie_name(settings), "")
        access.check_form(request, settings, bound_to, fields.get("token", ""))
        session = await services.identity.accounts.sign_in(email, fields.get("password", ""))
    except (Unauthenticated, AccessDenied, RateLimited) as error:
        return await _form(request, wanted, email=email, error=error)
    return redirect(wanted, [access.session_cookie(settings, session)])


@post("/sign-out", summary="Sign out", status_code=303, request_max_body_size=_MAX_BODY_BYTES)
async def sign_out(request: AnyRequest) -> Response[bytes]:
    """Ends the session here and everywhere."""
    services = access.services_of(request)
    visitor = await access.visitor_of(request)
    if visitor is not None:
        fields = await _fields(request)
        access.check_form(request, services.settings, visitor.token, fields.get("token", ""))
        await services.identity.accounts.sign_out(visitor.principal)
    return redirect("/sign-in", [access.session_cookie(services.settings, None)])


async def _form(
    request: AnyRequest, wanted: str, *, email: str = "", error: LumenspanError | None = None
) -> Response[bytes]:
    settings = access.services_of(request).settings
    bound_to = request.cookies.get(access.form_cookie_name(settings), "")
    # Kept where it is there, so that forms in several tabs all work.
    if not _BOUND_TO.match(bound_to):
        bound_to = secrets.token_urlsafe(32)
    context = {
        "next": wanted,
        "email": email[:254],
        "error": error.message if error else "",
        "token": access.form_token(settings, bound_to),
        "visitor": await access.visitor_of(request),
        "sign_out_token": "",
        "is_password_disabled": settings.is_password_disabled,
    }
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, RateLimited) else None
    made = page("sign_in.html", context, status=error.http_status if error else 200, headers=headers)
    made.cookies.append(access.form_cookie(settings, bound_to))
    return made


async def _fields(request: AnyRequest) -> dict[str, str]:
    """The texts of a form; of a field that is there twice the last."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return {}


routes = [show_sign_in, sign_in, sign_out]
