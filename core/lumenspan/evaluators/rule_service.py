"""Evaluation rules of a project: made, changed, read and deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.datasets.service import DatasetService
from lumenspan.errors import Conflict, InvalidInput, NotFound
from lumenspan.evaluators import checks, conditions, preflight, repository, rule_repository
from lumenspan.evaluators.checks import invalid
from lumenspan.evaluators.domain import Creator, Evaluator, EvaluatorType
from lumenspan.evaluators.preflight import EveryModel, ModelCheck
from lumenspan.evaluators.rules import (
    MAX_ACTIVE_RULES,
    MAX_ASSIGNMENTS,
    Assignment,
    Chosen,
    NewAssignment,
    NewRule,
    Rule,
    RuleChange,
    RuleStatus,
    Target,
)
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId, new_id
from lumenspan.storage.postgres import Postgres

_WHAT = "an evaluation rule"
# What a rule was before, None where it is new, and what it is to be.
_Plan = Callable[[AsyncSession], Awaitable[tuple[Rule | None, Rule]]]


class EvaluationRuleService:
    """Everything about evaluation rules; the caller has checked that the project may be used."""

    def __init__(
        self, postgres: Postgres, datasets: DatasetService, models: ModelCheck | None = None
    ) -> None:
        self._postgres = postgres
        self._datasets = datasets
        self._models: ModelCheck = EveryModel() if models is None else models

    async def create(self, project_id: ProjectId, given: NewRule, by: Creator | None = None) -> Rule:
        """A new rule.

        Raises:
            InvalidInput: it does not fit.
            NotFound: an evaluator is not there.
            Conflict: an evaluator comes twice, the name is taken where it may not be, or too many rules
                are active.
            PreflightFailed: it is enabled and an evaluator could not run.
        """
        name = checks.check_name(given.name, _WHAT)
        _check_sampling(given.sampling)
        found = conditions.check(given.conditions, given.target)
        now = utc_now()
        rule = Rule(
            id=new_id(),
            project_id=project_id,
            name=name,
            target=given.target or conditions.target_of(found),
            is_enabled=given.is_enabled,
            sampling=given.sampling,
            conditions=found if given.target is None else conditions.scoped(found, given.target),
            assignments=(),
            created_by=by,
            created_at=now,
            updated_at=now,
        )

        async def plan(session: AsyncSession) -> tuple[Rule | None, Rule]:
            if given.has_unique_name:
                await _check_free(session, rule)
            made = replace(rule, assignments=await _assigned(session, rule, given.assignments))
            _check_mappings(made, is_by_target=given.target is not None)
            return None, made

        return await self._carried_out(project_id, plan, found)

    async def get(self, project_id: ProjectId, rule_id: str) -> Rule:
        """The rule; NotFound where there is none."""
        async with self._postgres.session() as session:
            return _there(await rule_repository.find(session, project_id, rule_id))

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[Rule], int]:
        """Page ``page`` (from 1), newest first, and how many rules there are."""
        async with self._postgres.session() as session:
            return await rule_repository.page(session, project_id, (page - 1) * limit, limit)

    async def after(
        self, project_id: ProjectId, position: tuple[datetime, str] | None, limit: int
    ) -> tuple[list[Rule], bool]:
        """At most ``limit``, newest first, and whether there are more.

        Args:
            position: when the last one of the page before was made, and its id.
        """
        async with self._postgres.session() as session:
            found = await rule_repository.after(session, project_id, position, limit + 1)
        return found[:limit], len(found) > limit

    async def update(self, project_id: ProjectId, rule_id: str, change: RuleChange) -> Rule:
        """The rule with the change.

        Raises:
            NotFound: there is no such rule, or an old one where rules are given by their target.
            InvalidInput, Conflict, PreflightFailed: as ``create``; or it changes nothing, or more of an old
                rule than to disable it.
        """
        if change == RuleChange(is_by_target=change.is_by_target):
            raise InvalidInput("There is nothing to change: send at least one field", reason="invalid_body")
        if change.assignments is not None and (change.first_name, change.first_mapping) != (None, None):
            raise invalid("evaluators", "evaluators cannot be combined with evaluator or mapping")
        if change.sampling is not None:
            _check_sampling(change.sampling)

        async def plan(session: AsyncSession) -> tuple[Rule | None, Rule]:
            before = _there(await rule_repository.find(session, project_id, rule_id))
            if before.is_legacy:
                return before, _disabled(before, change)
            return before, await _changed(session, before, change)

        given = change.conditions
        return await self._carried_out(project_id, plan, given or ())

    async def attach(self, project_id: ProjectId, rule_id: str, new: NewAssignment) -> Rule:
        """The rule with one more evaluator.

        Raises:
            NotFound: the rule or the evaluator is not there.
            Conflict: the rule uses it already.
            InvalidInput, PreflightFailed: as ``update``.
        """
        return await self.update(project_id, rule_id, RuleChange(added=new))

    async def detach(self, project_id: ProjectId, rule_id: str, evaluator_id: str) -> Rule:
        """The rule without an evaluator; disabled where that was the last.

        Raises:
            NotFound: there is no such rule, or it does not use the evaluator.
            InvalidInput, PreflightFailed: as ``update``.
        """
        return await self.update(project_id, rule_id, RuleChange(removed_id=evaluator_id))

    async def delete(self, project_id: ProjectId, rule_id: str, *, keeps_legacy: bool = False) -> None:
        """Delete a rule; evaluators and scores stay.

        Args:
            keeps_legacy: old rules on traces and datasets count as not there.

        Raises:
            NotFound: there is no such rule.
        """
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            rule = _there(await rule_repository.find(session, project_id, rule_id))
            _there(None if keeps_legacy and rule.is_legacy else rule)
            await rule_repository.remove(session, project_id, rule_id)

    async def _carried_out(self, project_id: ProjectId, plan: _Plan, given: Sequence[Condition]) -> Rule:
        """The rule that was planned, saved.

        It is planned twice, since what may want a connection of its own is asked before the lock is taken.
        """
        async with self._postgres.session() as session:
            before, rule = await plan(session)
        await self._check_datasets(rule, given)
        _check_enabled(rule)
        if rule.is_enabled and not rule.is_legacy:
            for each in rule.assignments:
                evaluator = each.evaluator
                definition = evaluator.version.definition
                await preflight.check(self._models, project_id, evaluator.name, definition)
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            before, rule = await plan(session)
            _check_enabled(rule)
            await _check_cap(session, before, rule)
            await rule_repository.save(session, rule)
        return rule

    async def _check_datasets(self, rule: Rule, given: Sequence[Condition]) -> None:
        named = conditions.datasets_in(rule.conditions) if given else []
        if not named:
            return
        known = await self._datasets.known_ids(rule.project_id, named)
        if unknown := [each for each in named if each not in known]:
            raise conditions.unknown_datasets(unknown)


def _there(rule: Rule | None) -> Rule:
    if rule is None:
        raise NotFound("Evaluation rule not found within authorized project")
    return rule


def _disabled(rule: Rule, change: RuleChange) -> Rule:
    if change.is_by_target:
        _there(None)
    if change != RuleChange(is_enabled=False):
        raise InvalidInput(
            "An old rule on traces or datasets can only be disabled or deleted", reason="invalid_request"
        )
    return replace(rule, is_enabled=False, updated_at=utc_now())


async def _changed(session: AsyncSession, before: Rule, change: RuleChange) -> Rule:
    rule = _filtered(before, change)
    rule = replace(
        rule,
        name=rule.name if change.name is None else checks.check_name(change.name, _WHAT),
        sampling=rule.sampling if change.sampling is None else change.sampling,
        updated_at=utc_now(),
    )
    if change.is_by_target and rule.name != before.name:
        await _check_free(session, rule)
    new = _new_assignments(rule, change)
    if new is not None:
        rule = replace(rule, assignments=await _assigned(session, rule, new))
    if new is not None or change.target is not None:
        _check_mappings(rule, is_by_target=change.is_by_target)
    enabled = rule.is_enabled if change.is_enabled is None else change.is_enabled
    if new is not None and not new and change.is_enabled is None:
        enabled = False
    return replace(rule, is_enabled=enabled)


def _filtered(rule: Rule, change: RuleChange) -> Rule:
    """The rule with its conditions and target, which go together."""
    if change.conditions is None and change.target is None:
        return rule
    if not change.is_by_target:
        found = conditions.check(change.conditions or (), None)
        return replace(rule, conditions=found, target=conditions.target_of(found))
    target = change.target or rule.target
    kept = conditions.unscoped(rule.conditions) if change.conditions is None else change.conditions
    return replace(
        rule, target=target, conditions=conditions.scoped(conditions.check(kept, target), target)
    )


def _new_assignments(rule: Rule, change: RuleChange) -> tuple[NewAssignment, ...] | None:
    """All assignments as they are to be; None where they stay."""
    if (change.first_name, change.first_mapping) != (None, None):
        return _with_first(rule, change)
    kept = _kept(rule)
    if change.added is not None:
        return (*kept, change.added)
    if change.removed_id is not None:
        left = tuple(each for each in kept if each.evaluator.id != change.removed_id)
        if len(left) == len(kept):
            raise NotFound("The evaluation rule does not use this evaluator")
        return left
    return change.assignments


def _kept(rule: Rule) -> tuple[NewAssignment, ...]:
    return tuple(NewAssignment(Chosen(each.evaluator.id), each.mapping) for each in rule.assignments)


def _with_first(rule: Rule, change: RuleChange) -> tuple[NewAssignment, ...]:
    """The assignments with another evaluator or mapping in the first place."""
    kept = _kept(rule)
    if not kept and change.first_name is None:
        raise invalid("mapping", "The rule has no evaluator whose variables could be mapped")
    type_ = rule.assignments[0].evaluator.type if kept else EvaluatorType.LLM_AS_JUDGE
    first = kept[0] if kept else NewAssignment(Chosen())
    if change.first_name is not None:
        first = replace(first, evaluator=Chosen(name=change.first_name, type=type_))
    if change.first_mapping is not None:
        first = replace(first, mapping=change.first_mapping)
    return (first, *kept[1:])


async def _assigned(
    session: AsyncSession, rule: Rule, new: Sequence[NewAssignment]
) -> tuple[Assignment, ...]:
    """The assignments with their evaluators; those that were there keep their time.

    Raises:
        NotFound: an evaluator is not there.
        Conflict: one comes twice.
    """
    if len(new) > MAX_ASSIGNMENTS:
        raise invalid("evaluators", f"A rule has at most {MAX_ASSIGNMENTS} evaluators")
    since = {each.evaluator.id: each.created_at for each in rule.assignments}
    ids = {each.evaluator.id for each in new if each.evaluator.id is not None}
    by_id = await repository.by_ids(session, rule.project_id, ids) if ids else {}
    found: dict[str, Assignment] = {}
    for each in new:
        evaluator = await _chosen(session, rule.project_id, each.evaluator, by_id)
        if evaluator.id in found:
            raise Conflict(f"Evaluator '{evaluator.name}' is assigned more than once")
        # Of code there is nothing to map; an empty list says so too.
        is_unmapped = evaluator.type is EvaluatorType.CODE and not each.mapping
        found[evaluator.id] = Assignment(
            evaluator, None if is_unmapped else each.mapping, since.get(evaluator.id, rule.updated_at)
        )
    return tuple(found.values())


async def _chosen(
    session: AsyncSession, project_id: ProjectId, chosen: Chosen, by_id: dict[str, Evaluator]
) -> Evaluator:
    if chosen.id is not None:
        evaluator = by_id.get(chosen.id)
    else:
        evaluator = await repository.by_name(session, project_id, chosen.name.strip(), chosen.type)
    if evaluator is None:
        raise NotFound(f"Evaluator {chosen} not found within authorized project")
    return evaluator


def _check_mappings(rule: Rule, *, is_by_target: bool) -> None:
    """Every variable of every evaluator gets something that there is.

    Args:
        is_by_target: what only experiments have may fill variables of rules on experiments alone.
    """
    is_experiment = not is_by_target or rule.target is Target.EXPERIMENT
    for at, each in enumerate(rule.assignments):
        field = f"evaluators[{at}].mapping"
        if each.evaluator.type is EvaluatorType.CODE:
            if each.mapping is not None:
                raise InvalidInput(
                    f"Evaluator '{each.evaluator.name}' is code and gets everything; leave the mapping out",
                    reason="invalid_variable_mapping",
                    details={"field": field},
                )
        elif each.mapping is None:
            checks.check_complete(each.evaluator.mapping, each.evaluator.variables, field)
        else:
            checks.check_mapping(each.mapping, each.evaluator.variables, field, is_experiment=is_experiment)


def _check_enabled(rule: Rule) -> None:
    if rule.is_enabled and not rule.assignments:
        raise invalid("enabled", "A rule without evaluators cannot be enabled")


def _check_sampling(sampling: float) -> None:
    if not 0 < sampling <= 1:
        raise invalid("sampling", "sampling is over 0 and at most 1")


async def _check_free(session: AsyncSession, rule: Rule) -> None:
    if await rule_repository.is_name_taken(session, rule.project_id, rule.name, rule.id):
        raise Conflict(
            f"There is an evaluation rule '{rule.name}' already; change that one", reason="name_conflict"
        )


async def _check_cap(session: AsyncSession, before: Rule | None, rule: Rule) -> None:
    """Raises Conflict where one more rule would run than may."""
    was_active = before is not None and before.status is RuleStatus.ACTIVE
    if was_active or rule.status is not RuleStatus.ACTIVE:
        return
    if await rule_repository.count_active(session, rule.project_id) >= MAX_ACTIVE_RULES:
        raise Conflict(
            f"At most {MAX_ACTIVE_RULES} evaluation rules of a project can be active: disable another",
            details={"limit": MAX_ACTIVE_RULES},
        )
