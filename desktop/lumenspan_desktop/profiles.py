"""Servers a person signs in to, and the tokens kept for them."""

import json
import logging
import os
import tempfile
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import keyring
import platformdirs
from keyring.errors import KeyringError

_LOG = logging.getLogger(__name__)
_SERVICE = "lumenspan-desktop"


@dataclass(frozen=True)
class Profile:
    """One server as one person uses it.

    Attributes:
        id: stable key of the profile and of its token.
        name: what the list shows.
        url: base URL, without `/graphql`.
        email: who signs in.
        project_id: the project that was open last, or None.
    """

    id: str
    name: str
    url: str
    email: str
    project_id: str | None = None

    @staticmethod
    def new(name: str, url: str, email: str) -> "Profile":
        """A profile with an id of its own."""
        return Profile(uuid.uuid4().hex, name, url, email)


class TokenStore(Protocol):
    """Keeps one secret a profile."""

    def get(self, profile_id: str) -> str | None: ...
    def set(self, profile_id: str, token: str) -> None: ...
    def delete(self, profile_id: str) -> None: ...


class FileTokens:
    """Tokens in a file that only its owner can read (mode 0600)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, profile_id: str) -> str | None:
        """The token, or None."""
        return self._read().get(profile_id)

    def set(self, profile_id: str, token: str) -> None:
        """Keeps the token."""
        write_private(self._path, self._read() | {profile_id: token})

    def delete(self, profile_id: str) -> None:
        """Forgets the token; nothing happens when there is none."""
        tokens = self._read()
        if tokens.pop(profile_id, None) is not None:
            write_private(self._path, tokens)

    def _read(self) -> dict[str, str]:
        found = read_json(self._path)
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


class KeyringTokens:
    """Tokens in the system's keyring; a file takes over where the keyring does not work."""

    def __init__(self, fallback: TokenStore) -> None:
        self._fallback = fallback

    def get(self, profile_id: str) -> str | None:
        """The token, or None."""
        try:
            token = keyring.get_password(_SERVICE, profile_id)
        except KeyringError:
            token = None
        return token or self._fallback.get(profile_id)

    def set(self, profile_id: str, token: str) -> None:
        """Keeps the token."""
        try:
            keyring.set_password(_SERVICE, profile_id, token)
        except KeyringError:
            self._fallback.set(profile_id, token)
        else:
            self._fallback.delete(profile_id)

    def delete(self, profile_id: str) -> None:
        """Forgets the token in both places."""
        try:
            keyring.delete_password(_SERVICE, profile_id)
        except KeyringError:
            _LOG.debug("no token of this profile in the keyring")
        self._fallback.delete(profile_id)


class Profiles:
    """The list of profiles, kept in a JSON file; tokens elsewhere.

    A file that cannot be understood is set aside as `profiles.json.broken`, never overwritten.
    """

    def __init__(self, folder: Path, tokens: TokenStore) -> None:
        self._path = folder / "profiles.json"
        self.tokens = tokens

    def all(self) -> list[Profile]:
        """Every profile, the last used first."""
        try:
            found = read_json(self._path)
            return [Profile(**entry) for entry in found["profiles"]] if found else []
        except (ValueError, TypeError, KeyError):
            _LOG.warning("the list of servers cannot be read and is set aside")
            self._path.replace(self._path.with_suffix(".json.broken"))
            return []

    def save(self, profile: Profile) -> None:
        """Adds or replaces the profile and moves it to the front."""
        others = [p for p in self.all() if p.id != profile.id]
        self._write([profile, *others])

    def remember_project(self, profile: Profile, project_id: str) -> Profile:
        """The profile with the project that was open last, saved."""
        changed = replace(profile, project_id=project_id)
        self.save(changed)
        return changed

    def find(self, url: str, email: str) -> Profile | None:
        """The profile of that server and person, or None."""
        return next((p for p in self.all() if (p.url, p.email) == (url, email)), None)

    def remove(self, profile_id: str) -> None:
        """Forgets the profile and its token."""
        self._write([p for p in self.all() if p.id != profile_id])
        self.tokens.delete(profile_id)

    def _write(self, profiles: list[Profile]) -> None:
        write_private(self._path, {"version": 1, "profiles": [asdict(p) for p in profiles]})


def default_profiles() -> Profiles:
    """The person's own profiles, in the place their system keeps settings."""
    folder = Path(platformdirs.user_config_dir("lumenspan", appauthor=False))
    return Profiles(folder, KeyringTokens(FileTokens(folder / "tokens.json")))


def read_json(path: Path) -> Any:
    """The JSON in a file; None when there is no file. Raises `ValueError` when it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_private(path: Path, value: object) -> None:
    """Writes JSON so that only the owner can read it and no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp makes the file 0600 before the first byte is in it.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
