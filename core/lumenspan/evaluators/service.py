"""Evaluators of a project: made, defined anew, read with their history, paused and deleted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from lumenspan.clock import utc_now
from lumenspan.errors import AccessDenied, InvalidInput, NotFound
from lumenspan.evaluators import preflight, repository
from lumenspan.evaluators.checks import check_definition, check_description, check_name, invalid
from lumenspan.evaluators.domain import (
    MENDED_BY_DEFINITION,
    CodeDefinition,
    Creator,
    Definition,
    Evaluator,
    Pause,
    PausedReason,
    Version,
    type_of,
)
from lumenspan.evaluators.preflight import EveryModel, ModelCheck
from lumenspan.ids import ProjectId, new_id
from lumenspan.storage.postgres import Postgres

_WHAT = "an evaluator"


@dataclass(frozen=True, slots=True)
class NewEvaluator:
    """An evaluator to make."""

    name: str
    definition: Definition
    description: str | None = None


@dataclass(frozen=True, slots=True)
class EvaluatorChange:
    """What is to be another; None keeps what is there.

    Attributes:
        clears_description: there is to be none.
    """

    name: str | None = None
    description: str | None = None
    clears_description: bool = False
    definition: Definition | None = None


class EvaluatorService:
    """Everything about evaluators; the caller has checked that the project may be used.

    Args:
        takes_code: whether evaluators that run code can be made.
    """

    def __init__(
        self, postgres: Postgres, models: ModelCheck | None = None, *, takes_code: bool = True
    ) -> None:
        self._postgres = postgres
        self._models: ModelCheck = EveryModel() if models is None else models
        self._takes_code = takes_code

    async def create(
        self, project_id: ProjectId, given: NewEvaluator, by: Creator | None = None
    ) -> Evaluator:
        """A new evaluator with version 1; others may have the same name.

        Raises:
            InvalidInput: it does not fit.
            AccessDenied: it is code, which is not taken here.
            PreflightFailed: its model cannot be used.
        """
        given = await self._checked(project_id, given)
        async with self._postgres.session() as session:
            evaluator = _made(project_id, given, by)
            await repository.add(session, evaluator)
        return evaluator

    async def save_by_name(
        self, project_id: ProjectId, given: NewEvaluator, by: Creator | None = None
    ) -> Evaluator:
        """A new version of the first evaluator of that name and type, or a new evaluator.

        Its description stays. Raises as ``create``.
        """
        given = await self._checked(project_id, given)
        type_ = type_of(given.definition)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            earlier = await repository.by_name(session, project_id, given.name, type_)
            if earlier is None:
                evaluator = _made(project_id, given, by)
                await repository.add(session, evaluator)
            else:
                evaluator = _redefined(earlier, given.definition, by)
                await repository.add_version(session, evaluator)
                await repository.save(session, evaluator)
        return evaluator

    async def get(self, project_id: ProjectId, evaluator_id: str) -> Evaluator:
        """The evaluator with its newest version; NotFound where there is none."""
        async with self._postgres.session() as session:
            return _there(await repository.find(session, project_id, evaluator_id))

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[Evaluator], int]:
        """Page ``page`` (from 1), newest first, and how many evaluators there are."""
        async with self._postgres.session() as session:
            return await repository.page(session, project_id, (page - 1) * limit, limit)

    async def after(
        self, project_id: ProjectId, position: tuple[datetime, str] | None, limit: int
    ) -> tuple[list[Evaluator], bool]:
        """At most ``limit``, newest first, and whether there are more.

        Args:
            position: when the last one of the page before was made, and its id.
        """
        async with self._postgres.session() as session:
            found = await repository.after(session, project_id, position, limit + 1)
        return found[:limit], len(found) > limit

    async def versions(
        self, project_id: ProjectId, evaluator_id: str, below: int | None, limit: int
    ) -> tuple[list[Version], bool]:
        """At most ``limit`` versions, newest first, and whether there are more.

        Args:
            below: the number of the last one of the page before.

        Raises:
            NotFound: there is no such evaluator.
        """
        async with self._postgres.session() as session:
            _there(await repository.find(session, project_id, evaluator_id))
            found = await repository.versions(session, project_id, evaluator_id, below, limit + 1)
        return found[:limit], len(found) > limit

    async def update(
        self, project_id: ProjectId, evaluator_id: str, change: EvaluatorChange, by: Creator | None = None
    ) -> Evaluator:
        """The evaluator with the change; a definition becomes a new version and may end a pause.

        Raises:
            InvalidInput: it does not fit, changes nothing, or would change the type.
            AccessDenied: the new definition is code, which is not taken here.
            NotFound: there is no such evaluator.
            PreflightFailed: the model of the new definition cannot be used.
        """
        if change == EvaluatorChange():
            raise InvalidInput("There is nothing to change: send at least one field", reason="invalid_body")
        name = None if change.name is None else check_name(change.name, _WHAT)
        check_description(change.description)
        definition = None if change.definition is None else self._checked_definition(change.definition)
        if definition is not None:
            # Before the lock: the check may want a connection of its own.
            evaluator = await self.get(project_id, evaluator_id)
            if type_of(definition) is not evaluator.type:
                raise invalid("type", f"The type of this evaluator is and stays {evaluator.type}")
            await preflight.check(self._models, project_id, name or evaluator.name, definition)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            evaluator = _there(await repository.find(session, project_id, evaluator_id))
            if definition is not None:
                evaluator = _redefined(evaluator, definition, by)
                await repository.add_version(session, evaluator)
            evaluator = replace(
                evaluator,
                name=name or evaluator.name,
                description=_described(evaluator, change),
                updated_at=utc_now(),
            )
            await repository.save(session, evaluator)
        return evaluator

    async def pause(
        self, project_id: ProjectId, evaluator_id: str, reason: PausedReason, message: str
    ) -> Evaluator:
        """The evaluator, which no rule runs any more until it is mended; NotFound where there is none."""
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            evaluator = _there(await repository.find(session, project_id, evaluator_id))
            if evaluator.pause is None:
                evaluator = replace(evaluator, pause=Pause(utc_now(), reason, message))
                await repository.save(session, evaluator)
        return evaluator

    async def delete(self, project_id: ProjectId, evaluator_id: str) -> None:
        """Delete an evaluator with every version; rules let go of it, scores stay.

        A rule that has no other is disabled.

        Raises:
            NotFound: there is no such evaluator.
        """
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            if not await repository.remove(session, project_id, evaluator_id):
                _there(None)
            await repository.disable_unused_rules(session, project_id)

    async def _checked(self, project_id: ProjectId, given: NewEvaluator) -> NewEvaluator:
        checked = NewEvaluator(
            check_name(given.name, _WHAT),
            self._checked_definition(given.definition),
            check_description(given.description),
        )
        await preflight.check(self._models, project_id, checked.name, checked.definition)
        return checked

    def _checked_definition(self, definition: Definition) -> Definition:
        if isinstance(definition, CodeDefinition) and not self._takes_code:
            raise AccessDenied("Evaluators that run code are disabled on this instance")
        return check_definition(definition)


def _there(evaluator: Evaluator | None) -> Evaluator:
    if evaluator is None:
        raise NotFound("Evaluator not found within authorized project")
    return evaluator


def _made(project_id: ProjectId, given: NewEvaluator, by: Creator | None) -> Evaluator:
    now = utc_now()
    return Evaluator(
        id=new_id(),
        project_id=project_id,
        type=type_of(given.definition),
        name=given.name,
        description=given.description,
        version=Version(new_id(), 1, given.definition, by, now),
        pause=None,
        created_by=by,
        created_at=now,
        updated_at=now,
    )


def _redefined(evaluator: Evaluator, definition: Definition, by: Creator | None) -> Evaluator:
    now, pause = utc_now(), evaluator.pause
    return replace(
        evaluator,
        version=Version(new_id(), evaluator.version.number + 1, definition, by, now),
        pause=None if pause is not None and pause.reason in MENDED_BY_DEFINITION else pause,
        updated_at=now,
    )


def _described(evaluator: Evaluator, change: EvaluatorChange) -> str | None:
    if change.clears_description:
        return None
    return evaluator.description if change.description is None else change.description
