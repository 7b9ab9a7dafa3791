"""Keys, tokens and passwords: how they are made, hashed, read from a header. Pure, but for randomness."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lumenspan.errors import InvalidInput, Unauthenticated

NO_HEADER = "No authorization header"
INVALID_HEADER = "Invalid authorization header"
INVALID_CREDENTIALS = "Invalid credentials. Confirm that you've configured the correct host."

# Tells a session from a public key; both come as bearer tokens, and public keys may look like anything.
SESSION_TOKEN_PREFIX = "lss_"  # noqa: S105

MAX_PASSWORD_LENGTH = 256
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s.\x00-\x1f]+(\.[^@\s.\x00-\x1f]+)*\Z")
_MAX_HEADER_LENGTH = 4096


@dataclass(frozen=True, slots=True, repr=False)
class BasicCredentials:
    """A public and a secret key, in the clear."""

    public_key: str
    secret_key: str


@dataclass(frozen=True, slots=True, repr=False)
class BearerToken:
    """A session token or a public key, in the clear."""

    token: str

    @property
    def is_session(self) -> bool:
        """Whether this is a sign-in and not a public key."""
        return self.token.startswith(SESSION_TOKEN_PREFIX)


def parse_authorization(header: str | None) -> BasicCredentials | BearerToken:
    """The credentials of an ``Authorization`` header.

    Raises:
        Unauthenticated: no header, another scheme, or an unreadable one.
    """
    if not header or not header.strip():
        raise Unauthenticated(NO_HEADER)
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if not value or len(value) > _MAX_HEADER_LENGTH or "\x00" in value:
        raise Unauthenticated(INVALID_HEADER)
    if scheme.lower() == "bearer":
        return BearerToken(value)
    if scheme.lower() != "basic":
        raise Unauthenticated(INVALID_HEADER)
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthenticated(INVALID_HEADER) from None
    public_key, colon, secret_key = decoded.partition(":")
    if not colon or "\x00" in decoded:
        raise Unauthenticated(INVALID_HEADER)
    return BasicCredentials(public_key, secret_key)


def hash_secret_key(secret_key: str, salt: str) -> str:
    """sha256(secret + hex(sha256(salt))) in hexadecimal: fast, for secrets are random and long."""
    salt_hash = hashlib.sha256(salt.encode()).hexdigest()
    return hashlib.sha256((secret_key + salt_hash).encode()).hexdigest()


def hash_session_token(token: str, session_secret: str) -> str:
    """HMAC-SHA-256 of the token in hexadecimal; another session secret ends every session."""
    return hmac.new(session_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def hash_name(value: str) -> str:
    """SHA-256 in hexadecimal, to use what a caller sent as a part of a key in the cache."""
    return hashlib.sha256(value.encode()).hexdigest()


def new_public_key() -> str:
    return f"pk-lf-{uuid.uuid4()}"


def new_secret_key() -> str:
    return f"sk-lf-{uuid.uuid4()}"


def new_session_token() -> str:
    """256 random bits behind the prefix of sessions."""
    return SESSION_TOKEN_PREFIX + secrets.token_urlsafe(32)


def display_secret_key(secret_key: str) -> str:
    """What may be shown of a secret later: ``sk-lf-...abcd``."""
    return f"{secret_key[:6]}...{secret_key[-4:]}"


def normalize_email(email: str) -> str:
    """The address in lower case without surrounding space.

    Raises:
        InvalidInput: it is not an e-mail address.
    """
    normalized = email.strip().lower()
    if len(normalized) > 254 or not _EMAIL.match(normalized):
        raise InvalidInput("This is not an e-mail address")
    return normalized


def check_password_rules(password: str) -> None:
    """Return when the password is long and mixed enough.

    Raises:
        InvalidInput: the message names every rule that it breaks.
    """
    missing = []
    if len(password) < 8:
        missing.append("at least 8 characters")
    if len(password) > MAX_PASSWORD_LENGTH:
        missing.append(f"at most {MAX_PASSWORD_LENGTH} characters")
    if not any(character.isalpha() for character in password):
        missing.append("a letter")
    if not any(character.isdigit() for character in password):
        missing.append("a digit")
    if all(character.isalnum() for character in password):
        missing.append("a special character")
    if missing:
        raise InvalidInput(f"The password needs {', '.join(missing)}")


class Passwords:
    """Argon2id in threads, a few at once: each costs 32 MiB and tens of milliseconds of a core."""

    def __init__(self, concurrency: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
        self._slots = asyncio.Semaphore(concurrency)
        # Verified when nobody has the address, so that the answer takes as long as for a wrong password.
        self._decoy = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed; takes as long where there is no hash, and says no."""
        async with self._slots:
            is_right = await asyncio.to_thread(self._matches, password_hash or self._decoy, password)
        return is_right and password_hash is not None

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password[: MAX_PASSWORD_LENGTH + 1])
        except (VerificationError, InvalidHashError):
            return False
