"""Skills on the wire."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.clock import datetime_to_iso
from lumenspan.skills.domain import GivenFile, SkillSummary, SkillVersion
from lumenspan_server.errors import ValidationFailed
from lumenspan_server.operations import Instant, Nanos, PageMeta, PageQuery, StrictWire, Wire


class GivenSkillFile(StrictWire):
    """A file by its text, or by the hash of one that the project has."""

    path: str
    content: str | None = None
    sha256_hash: str | None = None


class CreateSkillVersion(StrictWire):
    """The files of a version; ``SKILL.md`` among them names the skill."""

    files: tuple[GivenSkillFile, ...]
    commit_message: str | None = None

    def to_files(self) -> list[GivenFile]:
        """The files; ValidationFailed where one has text and hash, or neither."""
        for at, each in enumerate(self.files):
            if (each.content is None) == (each.sha256_hash is None):
                message = "Send either content or sha256Hash"
                raise ValidationFailed([{"code": "custom", "path": ["files", at], "message": message}])
        return [GivenFile(each.path, each.content, each.sha256_hash) for each in self.files]


class UpdateSkill(StrictWire):
    """The tags that all versions are to have."""

    tags: tuple[str, ...]


class UpdateLabels(StrictWire):
    """The labels that a version is to have."""

    labels: tuple[str, ...]


class SkillQuery(PageQuery):
    """Which skills, and which page of them."""

    name: str = ""
    search: str = ""
    tag: str = ""
    from_updated_at: Nanos | None = None
    to_updated_at: Nanos | None = None


class VersionQuery(Wire):
    """A version by its number or label."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    label: str | None = None


class ContentQuery(Wire):
    """Hashes, separated by commas."""

    sha256_hashes: str


class SkillFileAnswer(Wire):
    """A file of a version."""

    id: str
    path: str
    blob_id: str
    sha256_hash: str
    content_type: str
    content_length: int


class SkillVersionAnswer(Wire):
    """One version."""

    id: str
    created_at: Instant
    updated_at: Instant
    project_id: str
    created_by: str
    name: str
    description: str
    frontmatter: dict[str, Any]
    version: int
    tags: tuple[str, ...]
    labels: tuple[str, ...]
    commit_message: str | None
    files: tuple[SkillFileAnswer, ...]


class SkillMeta(Wire):
    """One skill of a list."""

    name: str
    description: str
    tags: tuple[str, ...]
    latest_version: int
    latest_version_created_at: Instant
    latest_version_last_updated_at: Instant
    production_version: int | None


class SkillPageMeta(PageMeta):
    """Where a page stands, and whether there is one after it."""

    has_next_page: bool


class SkillList(Wire):
    """One page of skills."""

    data: tuple[SkillMeta, ...]
    meta: SkillPageMeta


class FileContent(Wire):
    """A text by its hash."""

    sha256_hash: str
    content: str


class FileContents(Wire):
    """Texts in the order in which they were asked for."""

    data: tuple[FileContent, ...]


class VersionDeleted(Wire):
    """That it is gone."""

    deleted: bool


def of_version(version: SkillVersion) -> SkillVersionAnswer:
    """A version in answers."""
    return SkillVersionAnswer(
        id=version.id,
        created_at=datetime_to_iso(version.created_at),
        updated_at=datetime_to_iso(version.updated_at),
        project_id=version.project_id,
        created_by=version.created_by,
        name=version.name,
        description=version.description,
        frontmatter=version.frontmatter,
        version=version.version,
        tags=version.tags,
        labels=version.labels,
        commit_message=version.commit_message,
        files=tuple(
            SkillFileAnswer(
                id=each.id,
                path=each.path,
                blob_id=each.blob.id,
                sha256_hash=each.blob.sha256,
                content_type=each.content_type,
                content_length=each.blob.length,
            )
            for each in version.files
        ),
    )


def of_summary(summary: SkillSummary) -> SkillMeta:
    """A skill in lists."""
    return SkillMeta(
        name=summary.name,
        description=summary.description,
        tags=summary.tags,
        latest_version=summary.latest_version,
        latest_version_created_at=datetime_to_iso(summary.latest_created_at),
        latest_version_last_updated_at=datetime_to_iso(summary.latest_updated_at),
        production_version=summary.production_version,
    )
