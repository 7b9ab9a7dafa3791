"""Secrets as they are stored: AES-256-GCM under ``ENCRYPTION_KEY``, bound to the place they belong to.

A sealed secret is the text ``v1.<key>.<data>``: ``key`` names the encryption key (and tells nothing of it),
``data`` is the base64url of nonce, ciphertext and tag. The purpose, such as
``llm_connections.secret_key:<project>:<row>``, is authenticated with it, so that a sealed text that is
copied into another row, column or table cannot be read there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from lumenspan.errors import InvalidInput, LumenspanError

_VERSION = "v1"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = 32


class EncryptionKeyMissing(LumenspanError):
    """There is no ``ENCRYPTION_KEY``, or it is not 64 hexadecimal characters."""

    code = "ENCRYPTION_KEY_MISSING"

    def __init__(self) -> None:
        super().__init__("Secrets cannot be stored: the server has no valid ENCRYPTION_KEY")


class SecretUnreadable(LumenspanError):
    """A stored secret was sealed with another key, for another place, or is damaged.

    Attributes:
        is_other_key: ``ENCRYPTION_KEY`` is not the one it was sealed with.
    """

    code = "SECRET_UNREADABLE"

    def __init__(self, *, is_other_key: bool = False) -> None:
        why = "it was stored with another ENCRYPTION_KEY" if is_other_key else "it is damaged"
        super().__init__(f"A stored secret cannot be read: {why}. Enter the secret again.")
        self.is_other_key = is_other_key


class SecretBox:
    """Seals and opens secrets with one key of 256 bits."""

    def __init__(self, encryption_key: SecretStr | None) -> None:
        """Raises EncryptionKeyMissing where the key is absent or no 64 hexadecimal characters."""
        try:
            key = bytes.fromhex(encryption_key.get_secret_value() if encryption_key else "")
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise EncryptionKeyMissing from None
        self._cipher = AESGCM(key)
        self._key_name = hashlib.sha256(b"lumenspan key name\0" + key).hexdigest()[:8]

    def seal(self, secret: str, purpose: str) -> str:
        """``secret`` in the form that may be stored; every call gives another text.

        Raises:
            InvalidInput: the secret is not Unicode text (a lone surrogate).
        """
        try:
            plain = secret.encode()
        except UnicodeEncodeError:
            raise InvalidInput("The secret holds a character that cannot be stored") from None
        nonce = os.urandom(_NONCE_BYTES)
        data = nonce + self._cipher.encrypt(nonce, plain, _bound(purpose))
        return f"{_VERSION}.{self._key_name}.{base64.urlsafe_b64encode(data).decode().rstrip('=')}"

    def open(self, sealed: str, purpose: str) -> str:
        """The secret that ``seal`` got with the same purpose.

        Raises:
            SecretUnreadable: another key, another purpose, another form, or damaged.
        """
        version, _, rest = sealed.partition(".")
        key_name, _, text = rest.partition(".")
        if version != _VERSION:
            raise SecretUnreadable
        if key_name != self._key_name:
            raise SecretUnreadable(is_other_key=True)
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise SecretUnreadable from None
        if len(data) < _NONCE_BYTES + _TAG_BYTES:
            raise SecretUnreadable
        try:
            plain = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(purpose))
        except InvalidTag:
            raise SecretUnreadable from None
        return plain.decode()


def _bound(purpose: str) -> bytes:
    """What is authenticated with the secret: the version, too, so that a later one cannot pass for it."""
    return f"{_VERSION}\0{purpose}".encode()
