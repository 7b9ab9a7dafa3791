"""Skills: bundles of text files that tell agents how to do something, in versions with labels."""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId

LATEST, PRODUCTION = "latest", "production"
HEADER_FILE = "SKILL.md"
MAX_FILES, MAX_PATH = 200, 500
MAX_FILE_BYTES, MAX_BYTES = 1 << 20, 8 << 20
MAX_COMMIT_MESSAGE, MAX_TAGS, MAX_TAG, MAX_LABELS = 500, 100, 100, 100
_LABEL = re.compile(r"[a-z0-9_.-]{1,36}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
# Not those of the machine: the same file is of the same type everywhere.
_TYPES = mimetypes.MimeTypes()
for _suffix, _type in (
    (".md", "text/markdown"),
    (".toml", "application/toml"),
    (".ts", "text/x-typescript"),
    (".yaml", "application/yaml"),
    (".yml", "application/yaml"),
):
    _TYPES.add_type(_type, _suffix)
_SHA256_BYTES = 32


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file of a version to make: its text, or the hash of one that the project has already."""

    path: str
    content: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """A text that a project has once, whatever files it is in; ``sha256`` in base64, length in bytes."""

    id: str
    sha256: str
    length: int


@dataclass(frozen=True, slots=True)
class SkillFile:
    """A file of a version."""

    id: str
    path: str
    blob: Blob

    @property
    def content_type(self) -> str:
        """What its name says that it is; text where it says nothing."""
        return _TYPES.guess_type(self.path)[0] or "text/plain"


@dataclass(frozen=True, slots=True)
class SkillVersion:
    """One version of a skill.

    Attributes:
        frontmatter: the header of ``SKILL.md``.
        version: from 1, by name; the number of one that was deleted does not come again.
        tags: alike on all versions.
        labels: each is on one version of the name only; ``latest`` always on the newest.
    """

    id: str
    project_id: ProjectId
    name: str
    description: str
    frontmatter: dict[str, Any]
    version: int
    tags: tuple[str, ...]
    labels: tuple[str, ...]
    commit_message: str | None
    files: tuple[SkillFile, ...]
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SkillSummary:
    """What a list shows of a skill: its newest version, and the one in production."""

    name: str
    description: str
    tags: tuple[str, ...]
    latest_version: int
    latest_created_at: datetime
    latest_updated_at: datetime
    production_version: int | None


@dataclass(frozen=True, slots=True)
class SkillFilter:
    """Which skills a list shows; None and empty texts mean all.

    Attributes:
        search: part of the name or of the newest description, in any case.
        since, until: when the newest version was changed; the second is not included.
    """

    name: str = ""
    search: str = ""
    tag: str = ""
    since: datetime | None = None
    until: datetime | None = None


def sha256_of(content: bytes) -> str:
    """The hash of a text in base64, as manifests name it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def check_sha256(text: str) -> str:
    """The hash itself; InvalidInput where it is none in canonical base64."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        digest = b""
    if len(digest) != _SHA256_BYTES or base64.b64encode(digest).decode() != text:
        raise InvalidInput("A hash is the base64 of a SHA-256, as in the files of a skill version")
    return text


def check_files(files: Sequence[GivenFile]) -> None:
    """Raises InvalidInput where the files cannot be those of a version."""
    if not 1 <= len(files) <= MAX_FILES:
        raise invalid("files", f"A skill has 1 to {MAX_FILES} files")
    for at, each in enumerate(files):
        _check_path(each.path, f"files[{at}].path")
        if each.content is not None and len(encoded(each.content)) > MAX_FILE_BYTES:
            raise invalid(f"files[{at}].content", f"A file has at most {MAX_FILE_BYTES >> 20} MiB")
        if each.sha256 is not None:
            check_sha256(each.sha256)
    if len({each.path for each in files}) != len(files):
        raise invalid("files", "Two files have the same path")
    if not any(each.path == HEADER_FILE for each in files):
        raise invalid("files", f"One of the files is {HEADER_FILE}, which says name and description")


def _check_path(path: str, field: str) -> None:
    parts = path.split("/")
    is_wrong = len(path) > MAX_PATH or _CONTROL.search(path) is not None
    if is_wrong or any(part in ("", ".", "..") or part != part.strip() for part in parts):
        raise invalid(
            field, "A path is relative to the skill, with / between folders and neither . nor .. among them"
        )


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, each once; InvalidInput where one is none."""
    if len(labels) > MAX_LABELS or not all(_LABEL.match(each) for each in labels):
        raise invalid("labels", "A label has 1 to 36 of the characters a-z, 0-9, _, - and .")
    return tuple(dict.fromkeys(labels))


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags, each once; InvalidInput where one cannot be."""
    found = tuple(dict.fromkeys(each.strip() for each in tags))
    if len(found) > MAX_TAGS or any(not 1 <= len(each) <= MAX_TAG or "\0" in each for each in found):
        raise invalid("tags", f"There are at most {MAX_TAGS} tags, of 1 to {MAX_TAG} characters")
    return found


def encoded(content: str) -> bytes:
    """The bytes of a text; InvalidInput where it is no Unicode."""
    try:
        return content.encode()
    except UnicodeEncodeError:
        raise invalid("files", "A file holds half a character; it must be text in UTF-8") from None


def invalid(field: str, message: str) -> InvalidInput:
    """The error that a field of a body cannot be used."""
    return InvalidInput(message, reason="invalid_body", details={"field": field})
