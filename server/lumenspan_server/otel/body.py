"""Request bodies, read and inflated under a limit: neither a long body nor a zip bomb fills the memory."""

import zlib
from collections.abc import AsyncIterator

from lumenspan.errors import InvalidInput, PayloadTooLarge

_CHUNK = 1 << 20
_ANY_HEADER = zlib.MAX_WBITS | 32  # gzip or zlib, told by the header


async def read(chunks: AsyncIterator[bytes], limit_bytes: int, announced: str | None) -> bytes:
    """The whole body; PayloadTooLarge as soon as it is announced or found to be over the limit."""
    if announced is not None and announced.isdecimal() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def inflate(data: bytes, encoding: str, limit_bytes: int) -> bytes:
    """``data`` without its ``Content-Encoding`` (gzip of any number of members, deflate, identity).

    Raises:
        PayloadTooLarge: it inflates to more than the limit.
        InvalidInput: it is damaged, cut off or of another encoding.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return data
    if "gzip" not in name and name != "deflate":
        raise InvalidInput("Failed to decompress request body")
    try:
        return _inflate(data, _ANY_HEADER, limit_bytes)
    except zlib.error as error:
        if name == "deflate":
            # Some clients send the bare stream, without the header that the standard asks for.
            try:
                return _inflate(data, -zlib.MAX_WBITS, limit_bytes)
            except zlib.error:
                pass
        raise InvalidInput("Failed to decompress request body") from error


def _inflate(data: bytes, wbits: int, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data:
        stream = zlib.decompressobj(wbits)
        while not stream.eof:
            part = stream.decompress(data, _CHUNK)
            data = stream.unconsumed_tail
            if not part and not data and not stream.eof:
                raise zlib.error("cut off")
            size += len(part)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            parts.append(part)
        data = stream.unused_data
    return b"".join(parts)


def _too_large(limit_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The request body is over the limit of {limit_bytes >> 20} MiB")
