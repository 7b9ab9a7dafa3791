"""Evaluation rules on the wire, in the first version of the routes."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lumenspan.clock import datetime_to_iso
from lumenspan.evaluators.conditions import unscoped
from lumenspan.evaluators.domain import Evaluator, EvaluatorType, Mapping
from lumenspan.evaluators.rules import (
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
from lumenspan_server.evaluators.shapes import (
    MappingInput,
    RuleFilter,
    of_conditions,
    to_conditions,
    to_mapping,
)
from lumenspan_server.operations import Instant, PageMeta, StrictWire, Wire, decode

GivenTarget = Literal["observation", "experiment"]


class JudgeReference(StrictWire):
    """An evaluator that asks a model, by its name."""

    name: str
    type: Literal["llm_as_judge"] | None = None


class CodeReference(StrictWire):
    """An evaluator that runs code, by its name."""

    name: str
    type: Literal["code"]


class Reference(StrictWire):
    """An evaluator by its name and type."""

    name: str
    type: EvaluatorType | None = None


class NameReference(StrictWire):
    """An evaluator of the type that the rule has already."""

    name: str


class AssignmentInput(StrictWire):
    """An evaluator to use; without a mapping it takes over the evaluator's."""

    evaluator: Reference
    mapping: tuple[MappingInput, ...] | None = None


_Assignments = Annotated[tuple[AssignmentInput, ...], Meta(min_length=1, max_length=MAX_ASSIGNMENTS)]


class CreateWithEvaluators(StrictWire):
    """A new rule with several evaluators."""

    name: str
    evaluators: _Assignments
    target: GivenTarget
    enabled: bool
    sampling: float | None = None
    filter: tuple[RuleFilter, ...] | None = None


class CreateWithJudge(StrictWire):
    """A new rule with one evaluator that asks a model."""

    name: str
    evaluator: JudgeReference
    target: GivenTarget
    enabled: bool
    mapping: tuple[MappingInput, ...]
    sampling: float | None = None
    filter: tuple[RuleFilter, ...] | None = None


class CreateWithCode(StrictWire):
    """A new rule with one evaluator that runs code."""

    name: str
    evaluator: CodeReference
    target: GivenTarget
    enabled: bool
    sampling: float | None = None
    filter: tuple[RuleFilter, ...] | None = None


class UpdateRule(StrictWire):
    """What is to be another; null keeps what is there. ``evaluator`` and ``mapping`` are of the first."""

    name: str | None = None
    evaluators: tuple[AssignmentInput, ...] | None = None
    evaluator: NameReference | None = None
    target: GivenTarget | None = None
    enabled: bool | None = None
    sampling: float | None = None
    filter: tuple[RuleFilter, ...] | None = None
    mapping: tuple[MappingInput, ...] | None = None

    def to_domain(self) -> RuleChange:
        """The change."""
        return RuleChange(
            name=self.name,
            is_enabled=self.enabled,
            sampling=self.sampling,
            conditions=None if self.filter is None else to_conditions(self.filter),
            assignments=None if self.evaluators is None else _assignments(self.evaluators),
            target=None if self.target is None else Target(self.target),
            first_name=None if self.evaluator is None else self.evaluator.name,
            first_mapping=to_mapping(self.mapping),
            is_by_target=True,
        )


class RuleEvaluator(Wire):
    """An evaluator that a rule uses."""

    id: str
    name: str
    type: EvaluatorType


class RuleMapping(Wire, omit_defaults=True):
    """What fills a variable; of old rules with the object that it comes from."""

    variable: str
    source: str | None
    json_path: str | None = None
    langfuse_object: str | UnsetType = UNSET
    object_name: str | UnsetType | None = UNSET


class AssignmentAnswer(Wire):
    """An evaluator that is used; null where its own mapping is taken over."""

    evaluator: RuleEvaluator
    mapping: tuple[RuleMapping, ...] | None


class RuleAnswer(Wire):
    """A rule; ``delay`` (milliseconds) and ``timeScope`` are there for old ones on traces and datasets."""

    id: str
    name: str
    evaluator: RuleEvaluator | None
    enabled: bool
    status: RuleStatus
    paused_reason: str | None
    paused_message: str | None
    sampling: float
    created_at: Instant
    updated_at: Instant
    evaluators: tuple[AssignmentAnswer, ...]
    target: Target
    filter: tuple[RuleFilter, ...]
    mapping: tuple[RuleMapping, ...]
    delay: int | UnsetType = UNSET
    time_scope: tuple[str, ...] | UnsetType = UNSET


class RuleList(Wire):
    """One page of rules."""

    data: tuple[RuleAnswer, ...]
    meta: PageMeta


class _Shape(Wire):
    evaluators: msgspec.Raw | UnsetType = UNSET
    evaluator: Any = None


def read_new_rule(body: bytes) -> tuple[NewRule, bool]:
    """The rule of a body, and whether it gives one evaluator and its mapping instead of a list.

    Raises:
        ValidationFailed: it does not fit; also where it gives both.
    """
    shape = decode(body, _Shape)
    if shape.evaluators is not UNSET:
        given = decode(body, CreateWithEvaluators)
        return _new_rule(given, _assignments(given.evaluators)), False
    if isinstance(shape.evaluator, dict) and shape.evaluator.get("type") == EvaluatorType.CODE:
        code = decode(body, CreateWithCode)
        chosen = Chosen(name=code.evaluator.name, type=EvaluatorType.CODE)
        return _new_rule(code, (NewAssignment(chosen),)), True
    judge = decode(body, CreateWithJudge)
    assignment = NewAssignment(Chosen(name=judge.evaluator.name), to_mapping(judge.mapping))
    return _new_rule(judge, (assignment,)), True


def of_rule(rule: Rule) -> RuleAnswer:
    """A rule in answers."""
    first = rule.assignments[0] if rule.assignments else None
    pause = rule.pause if rule.status is RuleStatus.PAUSED else None
    conditions = rule.conditions
    if rule.target is Target.EXPERIMENT:
        # The target says what this one condition does.
        conditions = unscoped(conditions)
    return RuleAnswer(
        id=rule.id,
        name=rule.name,
        evaluator=None if first is None else _of_evaluator(first.evaluator),
        enabled=rule.is_enabled,
        status=rule.status,
        paused_reason=None if pause is None else pause.reason,
        paused_message=None if pause is None else pause.message,
        sampling=rule.sampling,
        created_at=datetime_to_iso(rule.created_at),
        updated_at=datetime_to_iso(rule.updated_at),
        evaluators=tuple(map(_of_assignment, rule.assignments)),
        target=rule.target,
        filter=of_conditions(conditions),
        mapping=() if first is None else _of_mapping(rule.mapping_of(first)),
        delay=rule.delay_ms if rule.is_legacy else UNSET,
        time_scope=rule.time_scope if rule.is_legacy else UNSET,
    )


def _new_rule(
    given: CreateWithEvaluators | CreateWithJudge | CreateWithCode, assignments: tuple[NewAssignment, ...]
) -> NewRule:
    return NewRule(
        name=given.name,
        is_enabled=given.enabled,
        assignments=assignments,
        conditions=to_conditions(given.filter),
        sampling=1.0 if given.sampling is None else given.sampling,
        target=Target(given.target),
        has_unique_name=True,
    )


def _assignments(given: Sequence[AssignmentInput]) -> tuple[NewAssignment, ...]:
    return tuple(
        NewAssignment(
            Chosen(name=each.evaluator.name, type=each.evaluator.type or EvaluatorType.LLM_AS_JUDGE),
            to_mapping(each.mapping),
        )
        for each in given
    )


def _of_assignment(assignment: Assignment) -> AssignmentAnswer:
    mapping = assignment.mapping
    return AssignmentAnswer(
        evaluator=_of_evaluator(assignment.evaluator),
        mapping=None if mapping is None else _of_mapping(mapping),
    )


def _of_evaluator(evaluator: Evaluator) -> RuleEvaluator:
    return RuleEvaluator(id=evaluator.id, name=evaluator.name, type=evaluator.type)


def _of_mapping(mapping: Sequence[Mapping]) -> tuple[RuleMapping, ...]:
    return tuple(
        RuleMapping(
            variable=each.variable,
            source=each.source,
            json_path=each.json_path,
            langfuse_object=UNSET if each.object_kind is None else each.object_kind,
            object_name=UNSET if each.object_kind is None else each.object_name,
        )
        for each in mapping
    )
