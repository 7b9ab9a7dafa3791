"""The reference string that stands for a file within a payload; a public contract with the SDKs.

``@@@langfuseMedia:type=<content type>|id=<media id>|source=<where it came from>@@@``
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lumenspan.media.domain import MediaId

_PREFIX = "@@@langfuseMedia:"
_REFERENCE = re.compile(r"@@@langfuseMedia:(.+?)@@@")


class Source(StrEnum):
    """What the file was before it was put aside."""

    DATA_URI = "base64_data_uri"
    BYTES = "bytes"
    FILE = "file"
    FIELD_SIZE_LIMIT = "field_size_limit"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference string, taken apart; ``source`` may be one that is not known here."""

    content_type: str
    media_id: MediaId
    source: str

    def __str__(self) -> str:
        return f"{_PREFIX}type={self.content_type}|id={self.media_id}|source={self.source}@@@"


def is_reference(text: str) -> bool:
    """Whether the text begins as a reference string does."""
    return text.startswith(_PREFIX)


def find(text: str) -> list[Reference]:
    """The references within a longer text, in order; what lacks a part is none."""
    found = []
    for match in _REFERENCE.finditer(text):
        parts = dict(part.partition("=")[::2] for part in match[1].split("|"))
        if parts.get("type") and parts.get("id") and parts.get("source"):
            found.append(Reference(parts["type"], MediaId(parts["id"]), parts["source"]))
    return found
