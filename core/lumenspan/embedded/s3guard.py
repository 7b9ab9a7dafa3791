"""Keys that keep everyone but the S3 gateway away from the other ports of SeaweedFS.

Out of the box its master, volume and filer serve every program of the machine, without asking: any local
user could read each object. With these, volume and filer answer only to signed tokens over HTTP, and the
master, and every part over gRPC, only to the client certificate that this process's own parts hold.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path

from lumenspan.embedded.folder import write_private

_TOKEN_S = 60
_VALID_DAYS = 36_500
_GRPC_PARTS = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT")


class Guard:
    """The keys of one run, and the certificate in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._certificate = folder / "s3-certificate.pem"
        self._key = folder / "s3-key.pem"
        self._filer_read_key = secrets.token_hex(32)
        certificate, key = str(self._certificate), str(self._key)
        # Variables rather than a security.toml, of which it would read another one in the user's home.
        self.env = {
            "WEED_JWT_SIGNING_KEY": secrets.token_hex(32),
            "WEED_JWT_SIGNING_READ_KEY": secrets.token_hex(32),
            "WEED_JWT_FILER_SIGNING_KEY": secrets.token_hex(32),
            "WEED_JWT_FILER_SIGNING_READ_KEY": self._filer_read_key,
            "WEED_GRPC_CA": certificate,
            "WEED_HTTPS_MASTER_CA": certificate,
            "WEED_HTTPS_MASTER_CERT": certificate,
            "WEED_HTTPS_MASTER_KEY": key,
        }
        for part in _GRPC_PARTS:
            self.env |= {f"WEED_GRPC_{part}_CERT": certificate, f"WEED_GRPC_{part}_KEY": key}

    def prepare(self) -> None:
        """Write the certificate and its key, readable by the owner only, unless they are there."""
        if not (self._certificate.exists() and self._key.exists()):
            certificate, key = _made()
            write_private(self._key, key)
            write_private(self._certificate, certificate)

    def filer_authorization(self) -> str:
        """The Authorization header that lets its bearer read from the filer, for a minute."""
        head = _encoded({"alg": "HS256", "typ": "JWT"})
        claims = _encoded({"exp": int(time.time()) + _TOKEN_S})
        signed = head + b"." + claims
        signature = hmac.digest(self._filer_read_key.encode(), signed, hashlib.sha256)
        return f"Bearer {(signed + b'.' + _base64(signature)).decode()}"


def _encoded(value: dict[str, object]) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _made() -> tuple[str, str]:
    """A certificate that signs itself, for 127.0.0.1, and its key; both as PEM."""
    # Needed at the very first start only.
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lumenspan")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        # A day ago: clocks are set back now and then.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
