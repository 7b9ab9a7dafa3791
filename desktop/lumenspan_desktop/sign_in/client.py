"""Signing in and out, and who one is afterwards."""

import asyncio
from dataclasses import dataclass
from typing import Any

from lumenspan_desktop.api import Api, normalized_url
from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.profiles import Profile, Profiles


@dataclass(frozen=True)
class ProjectInfo:
    """A project one may open."""

    id: str
    name: str
    organization: str


@dataclass(frozen=True)
class Session:
    """A signed-in connection, who it belongs to and what it may open."""

    api: Api
    profile: Profile
    email: str
    projects: tuple[ProjectInfo, ...]
    server_version: str


class SignInClient:
    """The way to a `Session`; tokens and profiles are kept on success."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    async def sign_in(self, url: str, email: str, password: str) -> Session:
        """A session by password. Raises `ClientError`."""
        url, email = normalized_url(url), email.strip()
        if not email or not password:
            raise ClientError(Problem.INVALID_INPUT, "Enter your e-mail address and password.")
        api = Api(url)
        try:
            answer = await api.execute("SignIn", {"email": email, "password": password})
        finally:
            await api.close()
        token = answer["signIn"]["token"]
        host = url.split("://", 1)[1]
        profile = self._profiles.find(url, email) or Profile.new(host, url, email)
        session = await self._session(profile, token)
        # A keyring may ask another process or the person: never wait for it on the loop.
        await asyncio.to_thread(self._profiles.tokens.set, profile.id, token)
        self._profiles.save(profile)
        return session

    async def resume(self, profile: Profile) -> Session:
        """A session by the kept token. Raises `ClientError`, `UNAUTHENTICATED` when it takes a password."""
        token = await asyncio.to_thread(self._profiles.tokens.get, profile.id)
        if token is None:
            raise ClientError(Problem.UNAUTHENTICATED, "Enter your password to sign in.")
        session = await self._session(profile, token)
        self._profiles.save(profile)
        return session

    async def sign_out(self, session: Session) -> None:
        """Ends the session on the server and forgets its token, also when the server is away."""
        await asyncio.to_thread(self._profiles.tokens.delete, session.profile.id)
        try:
            await session.api.execute("SignOut")
        finally:
            await session.api.close()

    async def _session(self, profile: Profile, token: str) -> Session:
        api = Api(profile.url, token)
        try:
            data = await api.execute("Viewer")
            viewer = data["viewer"]
            if viewer is None or viewer["user"] is None:
                raise ClientError(Problem.UNAUTHENTICATED, "Your session has ended. Enter your password.")
        except BaseException:
            await api.close()
            raise
        return Session(
            api,
            profile,
            viewer["user"]["email"],
            _projects(viewer["projects"]),
            data["serverInfo"]["version"],
        )


def _projects(nodes: list[dict[str, Any]]) -> tuple[ProjectInfo, ...]:
    return tuple(ProjectInfo(node["id"], node["name"], node["organization"]["name"]) for node in nodes)
