"""Evaluation rules: which observations are scored, how many of them, and with which evaluators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lumenspan.evaluators.domain import (
    Creator,
    Evaluator,
    EvaluatorType,
    Mapping,
    Pause,
    code_mapping,
)
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId

MAX_ACTIVE_RULES = 500
MAX_ASSIGNMENTS = 100


class Target(StrEnum):
    """What a rule looks at; the last two are of old rules, which are only kept."""

    OBSERVATION = "observation"
    EXPERIMENT = "experiment"
    TRACE = "trace"
    DATASET = "dataset"


class RuleStatus(StrEnum):
    """Whether a rule runs: it is off, or on and its evaluators are paused, or it does."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A rule uses an evaluator; ``mapping`` None takes over that of the evaluator."""

    evaluator: Evaluator
    mapping: tuple[Mapping, ...] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        target: EXPERIMENT where the conditions keep to the observations that experiments make of items.
        sampling: the part of what fulfils the conditions that is scored, over 0 and up to 1.
        conditions: all must hold; none takes everything.
        assignments: in the order in which they were given.
        delay_ms, time_scope: only of rules on traces and datasets.
    """

    id: str
    project_id: ProjectId
    name: str
    target: Target
    is_enabled: bool
    sampling: float
    conditions: tuple[Condition, ...]
    assignments: tuple[Assignment, ...]
    created_by: Creator | None
    created_at: datetime
    updated_at: datetime
    delay_ms: int = 0
    time_scope: tuple[str, ...] = ()

    @property
    def is_legacy(self) -> bool:
        """Whether it is on traces or datasets."""
        return self.target in (Target.TRACE, Target.DATASET)

    @property
    def pause(self) -> Pause | None:
        """The pause of its first evaluator, where all are paused; None where one can run."""
        pauses = [each.evaluator.pause for each in self.assignments]
        return pauses[0] if pauses and all(pauses) else None

    @property
    def status(self) -> RuleStatus:
        """Whether it runs now."""
        if not self.is_enabled or not self.assignments:
            return RuleStatus.INACTIVE
        return RuleStatus.ACTIVE if self.pause is None else RuleStatus.PAUSED

    def mapping_of(self, assignment: Assignment) -> tuple[Mapping, ...]:
        """What fills the variables of an evaluator in this rule."""
        if assignment.evaluator.type is EvaluatorType.CODE:
            return code_mapping(is_experiment=self.target is Target.EXPERIMENT)
        if assignment.mapping is not None:
            return assignment.mapping
        return assignment.evaluator.mapping or ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """An evaluator by its id, or else the first of a name and type."""

    id: str | None = None
    name: str = ""
    type: EvaluatorType = EvaluatorType.LLM_AS_JUDGE

    def __str__(self) -> str:
        return f"'{self.name[:100]}' ({self.type})" if self.id is None else f"with the id '{self.id[:100]}'"


@dataclass(frozen=True, slots=True)
class NewAssignment:
    """An evaluator that a rule is to use."""

    evaluator: Chosen
    mapping: tuple[Mapping, ...] | None = None


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule to make.

    Attributes:
        target: None where the conditions say it (contract, section 10: the second version of the routes).
        has_unique_name: no other rule may have the name.
    """

    name: str
    is_enabled: bool
    assignments: tuple[NewAssignment, ...]
    conditions: tuple[Condition, ...] = ()
    sampling: float = 1.0
    target: Target | None = None
    has_unique_name: bool = False


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What is to be another; None keeps what is there.

    Attributes:
        assignments: all that are to be there; none disables the rule.
        first_name: name of the evaluator that takes the first place, of the same type.
        first_mapping: what fills the variables of the first.
        added: an evaluator to use besides the others.
        removed_id: id of an evaluator that is no longer to be used; without another the rule is disabled.
        is_by_target: ``target`` says which conditions there may be, not the other way round; and no other
            rule may have the name.
    """

    name: str | None = None
    is_enabled: bool | None = None
    sampling: float | None = None
    conditions: tuple[Condition, ...] | None = None
    assignments: tuple[NewAssignment, ...] | None = None
    target: Target | None = None
    first_name: str | None = None
    first_mapping: tuple[Mapping, ...] | None = None
    added: NewAssignment | None = None
    removed_id: str | None = None
    is_by_target: bool = False
