"""Who looks at a page: people who signed in, by a cookie that no other route takes, and whoever has a link
to a public trace.

A stranger learns nothing: without a session every address leads to the sign-in, be there something or not;
with one, what is not of an own project is not found.
"""

import asyncio
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from litestar.datastructures import Cookie

from lumenspan.errors import NotFound, Unauthenticated
from lumenspan.identity.credentials import SESSION_TOKEN_PREFIX
from lumenspan.identity.domain import Project, Role, Session, UserPrincipal
from lumenspan.ids import ProjectId
from lumenspan.settings import Settings
from lumenspan.traces.domain import Trace
from lumenspan_server.pages.rendering import AnyRequest
from lumenspan_server.services import Services

_TOKEN = re.compile(rf"{SESSION_TOKEN_PREFIX}[A-Za-z0-9_-]{{1,200}}\Z")
_LOCAL = re.compile(r"/(?!/)[\x21-\x5b\x5d-\x7e]{0,4000}\Z")
_MAX_DIGITS = 6
_HOME = "/project"
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})


class SignInNeeded(Unauthenticated):
    """Nobody is signed in, and what is asked for is not public; answered with the way to the sign-in."""

    def __init__(self) -> None:
        super().__init__("Sign in to see this page")


class ForeignForm(Unauthenticated):
    """A form that was not sent from a page of ours."""

    def __init__(self) -> None:
        super().__init__("This form was not sent from here, or it is too old; please try again")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, and the token that says so."""

    principal: UserPrincipal
    token: str

    @property
    def email(self) -> str:
        return self.principal.user.email


def services_of(request: AnyRequest) -> Services:
    """What the pages work with."""
    found: Services = request.app.state.services
    return found


async def visitor_of(request: AnyRequest) -> Visitor | None:
    """Who is signed in, None where nobody is (any more)."""
    services = services_of(request)
    token = request.cookies.get(session_cookie_name(services.settings), "")
    if not _TOKEN.match(token):
        return None
    try:
        principal = await services.identity.authenticate(f"Bearer {token}")
    except Unauthenticated:
        return None
    return Visitor(principal, token) if isinstance(principal, UserPrincipal) else None


async def require_member(request: AnyRequest, project_id: str) -> tuple[Visitor, Project]:
    """Who is signed in, and a project that they may read.

    Raises:
        SignInNeeded: nobody is signed in.
        NotFound: there is no such project within reach.
    """
    visitor = await visitor_of(request)
    if visitor is None:
        raise SignInNeeded
    identity = services_of(request).identity
    wanted = checked_id(project_id)
    return visitor, await identity.require_project(visitor.principal, ProjectId(wanted), Role.VIEWER)


async def open_trace(
    request: AnyRequest, project_id: str, trace_id: str
) -> tuple[Visitor | None, Trace, bool]:
    """Who looks, the trace, and whether they are a member of its project.

    Raises:
        SignInNeeded: nobody is signed in, and there is no such public trace.
        NotFound: there is no such trace within reach.
    """
    visitor, project, trace = await visitor_of(request), checked_id(project_id), checked_id(trace_id)
    services = services_of(request)
    role, found = await asyncio.gather(
        _role(services, visitor, ProjectId(project)), services.traces.get(ProjectId(project), trace)
    )
    is_member = role.covers(Role.VIEWER)
    if found is not None and (is_member or found.is_public):
        return visitor, found, is_member
    if visitor is None:
        raise SignInNeeded
    raise NotFound("There is no such trace, or it is not yours to see")


async def _role(services: Services, visitor: Visitor | None, project_id: ProjectId) -> Role:
    if visitor is None:
        return Role.NONE
    return await services.identity.role_in_project(visitor.principal, project_id)


def frame(services: Services, visitor: Visitor | None, **context: Any) -> dict[str, Any]:
    """``context``, and what the bar on top of every page shows."""
    token = form_token(services.settings, visitor.token) if visitor else ""
    return {"visitor": visitor, "sign_out_token": token, **context}


def page_number(request: AnyRequest) -> int:
    """``page`` from 1; what is no such number is 1."""
    text = request.query_params.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 1


def checked_id(text: str) -> str:
    """An id of an address; what no id can be is not found."""
    found = text.removeprefix("/")
    if not found or "\0" in found or len(found) > 2_048:
        raise NotFound("There is nothing at this address")
    return found


# --- cookies ------------------------------------------------------------------------------------------


def _is_https(settings: Settings) -> bool:
    return str(settings.public_url).startswith("https:")


def session_cookie_name(settings: Settings) -> str:
    """With https browsers let nothing but this host set a cookie of such a name."""
    return "__Host-lumenspan_session" if _is_https(settings) else "lumenspan_session"


def form_cookie_name(settings: Settings) -> str:
    """Of the cookie that a sign-in form is bound to."""
    return "__Host-lumenspan_form" if _is_https(settings) else "lumenspan_form"


def session_cookie(settings: Settings, session: Session | None) -> Cookie:
    """The cookie of a session, or with None one that ends it."""
    return Cookie(
        key=session_cookie_name(settings),
        value=session.token if session else "",
        max_age=settings.session_max_age_min * 60 if session else 0,
        path="/",
        secure=_is_https(settings),
        httponly=True,
        samesite="lax",
    )


def form_cookie(settings: Settings, value: str) -> Cookie:
    """The cookie that a sign-in form is bound to."""
    return Cookie(
        key=form_cookie_name(settings),
        value=value,
        max_age=3_600,
        path="/",
        secure=_is_https(settings),
        httponly=True,
        samesite="strict",
    )


# --- forms --------------------------------------------------------------------------------------------


def form_token(settings: Settings, bound_to: str) -> str:
    """What a form carries: only a page of ours can have made it for the browser with that cookie."""
    secret = settings.session_secret.get_secret_value().encode()
    return hmac.new(secret, b"form of a page:" + bound_to.encode(), hashlib.sha256).hexdigest()


def check_form(request: AnyRequest, settings: Settings, bound_to: str, token: str) -> None:
    """Return when the form is ours.

    Raises:
        ForeignForm: it comes from another site, or carries another token than the cookie asks for.
    """
    is_foreign = request.headers.get("sec-fetch-site", "") in _FOREIGN_SITES
    if is_foreign or not bound_to:
        raise ForeignForm
    if not hmac.compare_digest(form_token(settings, bound_to).encode(), token.encode("utf-8", "replace")):
        raise ForeignForm


def local_address(text: str) -> str:
    """Where to go after the sign-in: an address of this server, the list of projects for any other."""
    return text if _LOCAL.match(text) else _HOME
