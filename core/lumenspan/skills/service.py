"""Skills of a project: versions made and deleted, labelled and tagged, listed, and their files read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound, ResultTooLarge
from lumenspan.ids import ProjectId, new_id
from lumenspan.skills import header, repository
from lumenspan.skills.domain import (
    HEADER_FILE,
    LATEST,
    MAX_BYTES,
    MAX_COMMIT_MESSAGE,
    PRODUCTION,
    Blob,
    GivenFile,
    SkillFile,
    SkillFilter,
    SkillSummary,
    SkillVersion,
    check_files,
    check_labels,
    check_sha256,
    check_tags,
    encoded,
    invalid,
    sha256_of,
)
from lumenspan.skills.header import Header
from lumenspan.skills.tables import SkillBlobRow, SkillRow, SkillVersionRow
from lumenspan.storage.postgres import Postgres

MAX_HASHES = 50
_MAX_CONTENTS = 16 << 20
_Loaded = tuple[SkillRow, list[SkillVersionRow]]


class SkillService:
    """Everything about skills; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def create_version(
        self,
        project_id: ProjectId,
        files: Sequence[GivenFile],
        commit_message: str | None = None,
        created_by: str = "API",
    ) -> SkillVersion:
        """The next version of the skill that ``SKILL.md`` names.

        Raises:
            InvalidInput: the files do not fit, or refer to a text that the project does not have.
        """
        check_files(files)
        if commit_message is not None and (
            len(commit_message) > MAX_COMMIT_MESSAGE or "\0" in commit_message
        ):
            raise invalid("commitMessage", f"A commit message has at most {MAX_COMMIT_MESSAGE} characters")
        given = [encoded(each.content) for each in files if each.content is not None]
        new = {sha256_of(content): content for content in given}
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            blobs = await _stored(session, project_id, files, new)
            said = await _header(session, project_id, files, new)
            skill = await _named(session, project_id, said.name)
            version = _version(skill, said, files, blobs, commit_message, created_by)
            session.add(_row(skill, version))
            await session.flush()
            await repository.add_files(session, version)
        return version

    async def get(
        self, project_id: ProjectId, name: str, version: int | None = None, label: str | None = None
    ) -> SkillVersion:
        """The version of that number, the one with the label, else that in production.

        Raises:
            InvalidInput: both are given.
            NotFound: there is none.
        """
        if version is not None and label is not None:
            raise InvalidInput("Cannot specify both version and label")
        async with self._postgres.session() as session:
            skill, versions = await _loaded(session, project_id, name)
            wanted = label or PRODUCTION
            for each in versions:
                labels = [*each.labels, *([LATEST] if each is versions[0] else [])]
                if each.version == version or (version is None and wanted in labels):
                    return await repository.loaded(session, skill, each, versions[0].version)
        which = f"version {version}" if version is not None else f"label '{wanted}'"
        raise NotFound(f"Skill not found: '{name}' with {which}")

    async def page(
        self, project_id: ProjectId, wanted: SkillFilter, page: int, limit: int
    ) -> tuple[list[SkillSummary], int]:
        """Page ``page`` (from 1) of skills by name, and how many there are."""
        async with self._postgres.session() as session:
            return await repository.page(session, project_id, wanted, (page - 1) * limit, limit)

    async def set_tags(self, project_id: ProjectId, name: str, tags: Sequence[str]) -> SkillVersion:
        """The newest version, with the tags that all versions have now; NotFound where there is none."""
        checked = check_tags(tags)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            skill, _ = await _loaded(session, project_id, name)
            skill.tags = list(checked)
            await repository.touch(session, skill)
            await session.flush()
            return await _read(session, project_id, name, None)

    async def set_labels(
        self, project_id: ProjectId, name: str, version: int, labels: Sequence[str]
    ) -> SkillVersion:
        """The version with these labels and no others; other versions lose them.

        Raises:
            InvalidInput: one is no label, or it is ``latest`` on a version that is not.
            NotFound: there is no such version.
        """
        checked = check_labels(labels)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            _, versions = await _loaded(session, project_id, name)
            chosen = _chosen(versions, name, version)
            if LATEST in checked and chosen is not versions[0]:
                raise invalid("labels", f"'{LATEST}' is always on the newest version")
            kept = [each for each in checked if each != LATEST]
            for each in versions:
                left = kept if each is chosen else [label for label in each.labels if label not in kept]
                if each is chosen or left != each.labels:
                    await repository.set_labels(session, each.id, left)
            return await _read(session, project_id, name, version)

    async def delete_version(self, project_id: ProjectId, name: str, version: int) -> None:
        """Delete a version; with the last one the skill is gone. NotFound where there is none."""
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            skill, versions = await _loaded(session, project_id, name)
            await repository.remove_version(session, project_id, _chosen(versions, name, version).id)
            if len(versions) == 1:
                await session.delete(skill)

    async def contents(self, project_id: ProjectId, hashes: Iterable[str]) -> dict[str, str]:
        """Texts by their hashes, in the order in which they are asked for.

        Raises:
            InvalidInput: there are none or too many, or one is no hash.
            NotFound: the project has no such text.
            ResultTooLarge: they are too much for one answer.
        """
        wanted = list(dict.fromkeys(check_sha256(each) for each in hashes))
        if not 1 <= len(wanted) <= MAX_HASHES:
            raise InvalidInput(f"Ask for 1 to {MAX_HASHES} hashes")
        async with self._postgres.session() as session:
            known = await repository.blobs(session, project_id, wanted)
            if missing := [each for each in wanted if each not in known]:
                raise NotFound(f"Skill file not found: {missing[0]}")
            if sum(each.length for each in known.values()) > _MAX_CONTENTS:
                raise ResultTooLarge(
                    f"These files have more than {_MAX_CONTENTS >> 20} MiB; ask for fewer",
                    reason="invalid_request",
                )
            found = await repository.contents(session, project_id, wanted)
        return {each: found[each].decode() for each in wanted}


async def _loaded(session: AsyncSession, project_id: ProjectId, name: str) -> _Loaded:
    skill = await repository.skill(session, project_id, name)
    versions = [] if skill is None else await repository.versions(session, skill)
    if skill is None or not versions:
        raise NotFound(f"Skill not found: '{name}'")
    return skill, versions


async def _read(
    session: AsyncSession, project_id: ProjectId, name: str, version: int | None
) -> SkillVersion:
    """The version as the database has it now; None for the newest."""
    session.expire_all()
    skill, versions = await _loaded(session, project_id, name)
    chosen = versions[0] if version is None else _chosen(versions, name, version)
    return await repository.loaded(session, skill, chosen, versions[0].version)


def _chosen(versions: Sequence[SkillVersionRow], name: str, version: int) -> SkillVersionRow:
    for each in versions:
        if each.version == version:
            return each
    raise NotFound(f"Skill not found: '{name}' with version {version}")


async def _stored(
    session: AsyncSession, project_id: ProjectId, files: Sequence[GivenFile], new: dict[str, bytes]
) -> dict[str, Blob]:
    """The texts of all files by hash, those that the project did not have added."""
    wanted = {each.sha256 for each in files if each.sha256 is not None} | set(new)
    known = await repository.blobs(session, project_id, wanted)
    for at, each in enumerate(files):
        if each.sha256 is not None and each.sha256 not in known and each.sha256 not in new:
            raise invalid(
                f"files[{at}].sha256Hash", "The project has no file of this hash; send its content"
            )
    for sha256, content in new.items():
        if sha256 not in known:
            known[sha256] = Blob(new_id(), sha256, len(content))
            session.add(
                SkillBlobRow(
                    id=known[sha256].id,
                    project_id=project_id,
                    sha256=sha256,
                    content=content,
                    content_length=len(content),
                )
            )
    await session.flush()
    if sum(known[_hash(each)].length for each in files) > MAX_BYTES:
        raise invalid("files", f"The files of a skill have at most {MAX_BYTES >> 20} MiB together")
    return known


async def _header(
    session: AsyncSession, project_id: ProjectId, files: Sequence[GivenFile], new: dict[str, bytes]
) -> Header:
    sha256 = next(_hash(each) for each in files if each.path == HEADER_FILE)
    content = new.get(sha256)
    if content is None:
        content = (await repository.contents(session, project_id, [sha256]))[sha256]
    return header.parse(content.decode())


async def _named(session: AsyncSession, project_id: ProjectId, name: str) -> SkillRow:
    """The skill of a name with the number of its next version; made where there is none."""
    skill = await repository.skill(session, project_id, name)
    if skill is None:
        skill = SkillRow(id=new_id(), project_id=project_id, name=name, tags=[], last_version=0)
        session.add(skill)
    skill.last_version += 1
    await session.flush()
    return skill


def _hash(file: GivenFile) -> str:
    return file.sha256 if file.content is None else sha256_of(encoded(file.content))  # type: ignore[return-value]


def _version(
    skill: SkillRow,
    said: Header,
    files: Sequence[GivenFile],
    blobs: dict[str, Blob],
    commit_message: str | None,
    created_by: str,
) -> SkillVersion:
    now = utc_now()
    return SkillVersion(
        id=new_id(),
        project_id=ProjectId(skill.project_id),
        name=skill.name,
        description=said.description,
        frontmatter=said.frontmatter,
        version=skill.last_version,
        tags=tuple(skill.tags),
        labels=(LATEST,),
        commit_message=commit_message,
        files=tuple(SkillFile(new_id(), each.path, blobs[_hash(each)]) for each in files),
        created_by=created_by,
        created_at=now,
        updated_at=now,
    )


def _row(skill: SkillRow, version: SkillVersion) -> SkillVersionRow:
    return SkillVersionRow(
        id=version.id,
        project_id=version.project_id,
        skill_id=skill.id,
        version=version.version,
        description=version.description,
        frontmatter=version.frontmatter,
        labels=[],
        commit_message=version.commit_message,
        created_by=version.created_by,
        created_at=version.created_at,
        updated_at=version.updated_at,
    )
