"""HTTP content encodings as streams. A body may be several frames one after another, cut anywhere."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Protocol

import lz4.frame
import zstandard

from lumenspan.embedded.chserver.errors import (
    CANNOT_DECOMPRESS,
    UNKNOWN_COMPRESSION_METHOD,
    ClickHouseError,
)

# Compressed bytes given to a decoder at once: bounds what one step can inflate to.
_STEP_BYTES = 64 * 1024
_HAS_BROTLI = find_spec("brotli") is not None


class _Frame(Protocol):
    """One frame's decoder: zlib, lz4 and zstandard agree on these names."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _BrotliFrame:
    """Brotli without frames: the stream ends with the body."""

    unused_data = b""

    def __init__(self) -> None:
        import brotli  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._inner = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._inner.is_finished())

    def decompress(self, data: bytes, /) -> bytes:
        return bytes(self._inner.process(data))


class _DeflateFrame:
    """``deflate`` as browsers mean it: zlib-wrapped, or raw when the first bytes are not a zlib header."""

    def __init__(self) -> None:
        self._inner: zlib._Decompress | None = None
        self._head = b""

    @property
    def eof(self) -> bool:
        return self._inner is not None and self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return b"" if self._inner is None else self._inner.unused_data

    def decompress(self, data: bytes, /) -> bytes:
        if self._inner is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            is_wrapped = self._head[0] & 0x0F == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            self._inner = zlib.decompressobj(15 if is_wrapped else -15)
            data, self._head = self._head, b""
        return self._inner.decompress(data)


_FRAMES: dict[str, Callable[[], _Frame]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "x-gzip": lambda: zlib.decompressobj(31),
    "deflate": _DeflateFrame,
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}
if _HAS_BROTLI:
    _FRAMES["br"] = _BrotliFrame


def decode(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Plain bytes of ``pieces``. Raises ClickHouseError for unknown encodings, bad or cut frames."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return pieces
    factory = _FRAMES.get(name)
    if factory is None:
        raise ClickHouseError(
            UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method: {name}", http_status=400
        )
    return _decode_frames(pieces, name, factory)


def _decode_frames(pieces: Iterator[bytes], name: str, factory: Callable[[], _Frame]) -> Iterator[bytes]:
    frame: _Frame | None = None
    for piece in pieces:
        for start in range(0, len(piece), _STEP_BYTES):
            data = piece if len(piece) <= _STEP_BYTES else piece[start : start + _STEP_BYTES]
            while data:
                if frame is None:
                    frame = factory()
                try:
                    plain = frame.decompress(data)
                except Exception as error:  # each codec has an exception type of its own
                    raise _broken(name, str(error)) from error
                if plain:
                    yield plain
                data = b""
                if frame.eof:
                    data, frame = frame.unused_data or b"", None
    if frame is not None:
        raise _broken(name, "the last frame is not complete")


def _broken(name: str, reason: str) -> ClickHouseError:
    return ClickHouseError(
        CANNOT_DECOMPRESS, f"Cannot decompress {name} body: {reason}", "CANNOT_DECOMPRESS", http_status=400
    )


class Encoder(Protocol):
    """Compresses a response piece by piece into one frame."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Lz4Encoder:
    def __init__(self) -> None:
        self._inner = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def _head(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return bytes(self._inner.begin())

    def compress(self, data: bytes, /) -> bytes:
        return self._head() + bytes(self._inner.compress(data))

    def flush(self) -> bytes:
        return self._head() + bytes(self._inner.flush())


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(level=3, wbits=31),
    "deflate": lambda: zlib.compressobj(level=3, wbits=15),
}


def choose_encoding(accepted: str) -> str:
    """The fastest encoding that ``Accept-Encoding`` allows, "" for none."""
    offered = set()
    for item in accepted.lower().split(","):
        name, _, weight = item.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            offered.add(name.strip())
    return next((name for name in _ENCODERS if name in offered), "")


def encoder(name: str) -> Encoder:
    """An encoder for one response."""
    return _ENCODERS[name]()
