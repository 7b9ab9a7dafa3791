"""The raw object: several requests of one project in one blob, compressed as a whole.

Layout, inflated: magic and version (5 bytes), then per request a little-endian u32 header length, a u32
body length, the header (JSON) and the inflated body as it was sent. The whole is one zstd frame with a
checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import zstandard

MAGIC = b"LSB\x00\x01"
_LENGTHS = struct.Struct("<II")


class FrameHeader(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is known of one request besides its body.

    Attributes:
        received_at: nanoseconds since the epoch; versions the rows made of it.
        content_type: ``application/x-protobuf`` or ``application/json``.
        ingestion_version: of the header ``x-langfuse-ingestion-version``, empty where not sent.
    """

    project_id: str
    content_type: str
    received_at: int
    public_key: str = ""
    api_key_id: str = ""
    sdk_name: str = ""
    sdk_version: str = ""
    ingestion_version: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One request: its header and its body."""

    header: FrameHeader
    body: bytes


class MalformedEnvelope(Exception):
    """The bytes are not a blob of ours, or not all of it."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FrameHeader).decode


def pack(frames: Iterable[Frame]) -> bytes:
    """The blob that holds ``frames`` in their order."""
    parts = [MAGIC]
    for frame in frames:
        header = _encode(frame.header)
        parts += (_LENGTHS.pack(len(header), len(frame.body)), header, frame.body)
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(b"".join(parts))


def unpack(blob: bytes) -> list[Frame]:
    """The frames of a blob; MalformedEnvelope when it is damaged or of a newer version."""
    try:
        data = zstandard.ZstdDecompressor().decompress(blob)
    except zstandard.ZstdError as error:
        raise MalformedEnvelope("not a zstd frame, or damaged") from error
    if not data.startswith(MAGIC):
        raise MalformedEnvelope("unknown format or version")
    frames = []
    at = len(MAGIC)
    while at < len(data):
        if at + _LENGTHS.size > len(data):
            raise MalformedEnvelope("cut off within a length")
        header_length, body_length = _LENGTHS.unpack_from(data, at)
        body_at = at + _LENGTHS.size + header_length
        at = body_at + body_length
        if at > len(data):
            raise MalformedEnvelope("cut off within a frame")
        try:
            header = _decode(data[body_at - header_length : body_at])
        except msgspec.DecodeError as error:
            raise MalformedEnvelope("the header of a frame cannot be read") from error
        frames.append(Frame(header, data[body_at:at]))
    return frames
