"""Prompts of a project: made, labelled, read with what they refer to, and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.errors import Conflict, InvalidInput, NotFound
from lumenspan.ids import ProjectId, new_id
from lumenspan.prompts import codec, repository
from lumenspan.prompts.cache import PromptCache
from lumenspan.prompts.domain import (
    LATEST,
    MAX_COMMIT_MESSAGE,
    PRODUCTION,
    NewPrompt,
    Prompt,
    PromptFilter,
    PromptSummary,
    PromptType,
    Reference,
    Resolution,
    check_body,
    check_label,
    check_name,
    references,
    replaced,
)
from lumenspan.storage.postgres import Postgres

_MAX_DEPTH = 5


class PromptService:
    """Everything about prompts; the caller has checked that the project may be used.

    A prompt that is read, labelled or deleted may have its name encoded for URLs once too often.
    """

    def __init__(self, postgres: Postgres, cache: PromptCache) -> None:
        self._postgres = postgres
        self._cache = cache

    async def create(self, project_id: ProjectId, given: NewPrompt, created_by: str = "API") -> Prompt:
        """The next version of a name. Its labels leave other versions; ``latest`` is always on it.

        Raises:
            InvalidInput: it does not fit, or refers to what it may not.
        """
        given = _checked(given)
        found = references(given.prompt)
        await self._cache.forget(project_id)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            earlier = await repository.versions(session, project_id, given.name)
            if earlier and earlier[0].type != given.type:
                raise InvalidInput(
                    "Previous versions have different prompt type. Create a new prompt instead."
                )
            await self._check_references(session, project_id, given.name, found)
            labels = tuple(dict.fromkeys((*given.labels, LATEST)))
            await self._take_labels(session, earlier, labels)
            tags = tuple(
                dict.fromkeys(given.tags if given.tags is not None else earlier[0].tags if earlier else ())
            )
            if given.tags is not None and earlier:
                await repository.set_tags(session, project_id, given.name, tags)
            now = utc_now()
            prompt = Prompt(
                id=new_id(),
                project_id=project_id,
                name=given.name,
                version=earlier[0].version + 1 if earlier else 1,
                type=given.type,
                prompt=given.prompt,
                config={} if given.config is None else given.config,
                labels=labels,
                tags=tags,
                commit_message=given.commit_message,
                created_by=created_by,
                created_at=now,
                updated_at=now,
            )
            await repository.add(session, prompt, found)
        await self._cache.forget(project_id)
        return prompt

    async def get(
        self, project_id: ProjectId, name: str, version: int | None = None, label: str | None = None
    ) -> Prompt:
        """The version of that number, the one with the label, else that in production, as it was written.

        Raises:
            InvalidInput: both are given.
            NotFound: there is none.
        """
        async with self._postgres.session() as session:
            return await self._find(session, project_id, name, version, label)

    async def has(self, project_id: ProjectId, prompt_id: str) -> bool:
        """Whether the project has a version of that id."""
        async with self._postgres.session() as session:
            return await repository.has(session, project_id, prompt_id)

    async def resolved(
        self, project_id: ProjectId, name: str, version: int | None = None, label: str | None = None
    ) -> tuple[Prompt, Resolution | None]:
        """The same with every reference replaced by what it stands for now, and what these were.

        Raises:
            InvalidInput: version and label are given.
            NotFound: there is no such prompt.
            Conflict: what it refers to is gone.
        """
        async with self._postgres.session() as session:
            prompt = await self._find(session, project_id, name, version, label)
            resolution = Resolution(prompt)
            body = await self._filled(session, prompt, resolution, 0)
        return replace(prompt, prompt=body), resolution if resolution.dependencies else None

    async def as_json(
        self,
        project_id: ProjectId,
        name: str,
        version: int | None,
        label: str | None,
        *,
        is_resolved: bool,
    ) -> bytes:
        """What the REST routes answer, from the cache where it is there. Raises as ``resolved``."""
        wanted = orjson.dumps([name, version, label, is_resolved]).decode()
        epoch = await self._cache.epoch(project_id)
        if epoch is not None and (kept := await self._cache.get(project_id, epoch, wanted)):
            return kept
        if is_resolved:
            prompt, resolution = await self.resolved(project_id, name, version, label)
        else:
            prompt, resolution = await self.get(project_id, name, version, label), None
        body = orjson.dumps(codec.to_row(prompt) | {"resolutionGraph": codec.to_graph(resolution)})
        if epoch is not None:
            await self._cache.put(project_id, epoch, wanted, body)
        return body

    async def add_labels(
        self, project_id: ProjectId, name: str, version: int, labels: Sequence[str]
    ) -> Prompt:
        """The version with these labels besides its own; they leave other versions.

        Raises:
            InvalidInput: one is no label, or ``latest``.
            NotFound: there is no such version.
        """
        for label in labels:
            if check_label(label) == LATEST:
                raise InvalidInput("Label 'latest' is always assigned to the latest prompt version")
        await self._cache.forget(project_id)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            every = await _addressed(session, project_id, name)
            prompt = next((each for each in every if each.version == version), None)
            if prompt is None:
                raise NotFound(f"Prompt not found: '{name}' with version {version}")
            await self._take_labels(session, [each for each in every if each.id != prompt.id], labels)
            kept = tuple(dict.fromkeys((*prompt.labels, *labels)))
            await repository.set_labels(session, prompt.id, kept)
        await self._cache.forget(project_id)
        return replace(prompt, labels=kept, updated_at=utc_now())

    async def delete(
        self, project_id: ProjectId, name: str, version: int | None = None, label: str | None = None
    ) -> None:
        """Delete a version, the one with a label, or all; ``latest`` goes to the newest that is left.

        Raises:
            InvalidInput: both are given, or another prompt depends on what would go.
            NotFound: there is nothing to delete.
        """
        _check_choice(version, label)
        await self._cache.forget(project_id)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            every = await _addressed(session, project_id, name)
            gone = [each for each in every if _is_meant(each, version, label)]
            if not gone:
                raise NotFound(_not_found(name, version, label))
            left = [each for each in every if each not in gone]
            await self._check_dependents(session, gone, left)
            await repository.remove(session, [each.id for each in gone])
            if left and LATEST not in left[0].labels:
                await repository.set_labels(session, left[0].id, (*left[0].labels, LATEST))
        await self._cache.forget(project_id)

    async def page(
        self,
        project_id: ProjectId,
        wanted: PromptFilter,
        accepts: codec.Accepts | None,
        page: int,
        limit: int,
    ) -> tuple[list[PromptSummary], int]:
        """Page ``page`` (from 1) of names, in order, and how many there are.

        Only versions that the filter and ``accepts`` take count.
        """
        async with self._postgres.session() as session:
            found = await repository.every(session, project_id, wanted)
        summaries = codec.summarized([each for each in found if accepts is None or accepts(each)])
        return summaries[(page - 1) * limit : page * limit], len(summaries)

    async def _find(
        self,
        session: AsyncSession,
        project_id: ProjectId,
        name: str,
        version: int | None,
        label: str | None,
    ) -> Prompt:
        _check_choice(version, label)
        wanted = label or PRODUCTION
        found = await repository.find(session, project_id, name, version, wanted)
        if found is None and (decoded := unquote(name)) != name:
            found = await repository.find(session, project_id, decoded, version, wanted)
        if found is None:
            raise NotFound(_not_found(name, version, wanted))
        return found

    async def _take_labels(
        self, session: AsyncSession, others: Sequence[Prompt], labels: Sequence[str]
    ) -> None:
        for other in others:
            kept = tuple(label for label in other.labels if label not in labels)
            if kept != other.labels:
                await repository.set_labels(session, other.id, kept)

    async def _check_references(
        self, session: AsyncSession, project_id: ProjectId, name: str, found: Sequence[Reference]
    ) -> None:
        """Each must lead to a text prompt, in fewer than five steps, and never back to ``name``."""
        pending = [(reference, 1) for reference in found]
        while pending:
            reference, depth = pending.pop()
            if reference.name == name:
                what = "itself" if depth == 1 else "itself through another prompt"
                raise InvalidInput(f"Circular dependency detected: prompt '{name}' refers to {what}")
            if depth >= _MAX_DEPTH:
                raise InvalidInput(f"Maximum nesting depth exceeded ({_MAX_DEPTH})")
            target = await repository.find(
                session, project_id, reference.name, reference.version, reference.label
            )
            if target is None:
                raise InvalidInput(f"Prompt dependency not found: {reference}")
            if target.type is not PromptType.TEXT:
                raise InvalidInput(f"Prompt dependency is not a text prompt: {reference}")
            pending += [(each, depth + 1) for each in references(target.prompt)]

    async def _filled(
        self, session: AsyncSession, prompt: Prompt, resolution: Resolution, depth: int
    ) -> object:
        texts: dict[str, str] = {}
        for reference in references(prompt.prompt):
            target = await repository.find(
                session, prompt.project_id, reference.name, reference.version, reference.label
            )
            if target is None or target.type is not PromptType.TEXT:
                raise Conflict(f"Prompt dependency not found: {reference}")
            if depth >= _MAX_DEPTH:
                raise Conflict(f"Maximum nesting depth exceeded ({_MAX_DEPTH})")
            resolution.dependencies.setdefault(prompt.id, []).append(target)
            texts[reference.tag] = str(await self._filled(session, target, resolution, depth + 1))
        return replaced(prompt.prompt, texts)

    async def _check_dependents(
        self, session: AsyncSession, gone: Sequence[Prompt], left: Sequence[Prompt]
    ) -> None:
        project_id, name = gone[0].project_id, gone[0].name
        versions = {each.version for each in gone}
        labels = {label for each in gone for label in each.labels}
        if left:
            labels.discard(LATEST)  # It goes to what is left.
        for other, reference in await repository.referring(session, project_id, name):
            if reference.version in versions or reference.label in labels:
                raise InvalidInput(
                    f"Other prompts are depending on prompt '{name}' "
                    f"({other.name} version {other.version} refers to {reference}); delete them first"
                )


async def _addressed(session: AsyncSession, project_id: ProjectId, name: str) -> list[Prompt]:
    """Versions by the name as it is, else by what it is the encoding of: some clients encode twice."""
    found = await repository.versions(session, project_id, name)
    return found or await repository.versions(session, project_id, unquote(name))


def _checked(given: NewPrompt) -> NewPrompt:
    if given.commit_message is not None and len(given.commit_message) > MAX_COMMIT_MESSAGE:
        raise InvalidInput(f"A commit message has at most {MAX_COMMIT_MESSAGE} characters")
    return replace(
        given,
        name=check_name(given.name),
        prompt=check_body(given.type, given.prompt),
        labels=tuple(check_label(label) for label in given.labels),
    )


def _check_choice(version: int | None, label: str | None) -> None:
    if version is not None and label is not None:
        raise InvalidInput("Cannot specify both version and label")


def _is_meant(prompt: Prompt, version: int | None, label: str | None) -> bool:
    if version is not None:
        return prompt.version == version
    return label is None or label in prompt.labels


def _not_found(name: str, version: int | None, label: str | None) -> str:
    if version is not None:
        return f"Prompt not found: '{name}' with version {version}"
    return f"Prompt not found: '{name}'" + (f" with label '{label}'" if label else "")
