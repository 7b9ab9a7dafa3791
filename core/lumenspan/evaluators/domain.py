"""Evaluators: what a model or a piece of code is to answer about an observation, in versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lumenspan.errors import LumenspanError
from lumenspan.ids import ProjectId


class EvaluatorType(StrEnum):
    """Who judges: a language model, or code."""

    LLM_AS_JUDGE = "llm_as_judge"
    CODE = "code"


class Role(StrEnum):
    """Who says a message of a prompt."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Language(StrEnum):
    """What code is written in."""

    PYTHON = "PYTHON"
    TYPESCRIPT = "TYPESCRIPT"


class OutputType(StrEnum):
    """Data type of the scores that come out."""

    NUMERIC = "NUMERIC"
    BOOLEAN = "BOOLEAN"
    CATEGORICAL = "CATEGORICAL"


class Source(StrEnum):
    """What of the judged observation fills a variable; the last two are there in experiments only."""

    INPUT = "input"
    OUTPUT = "output"
    METADATA = "metadata"
    TOOL_CALLS = "tool_calls"
    EXPECTED_OUTPUT = "expected_output"
    EXPERIMENT_ITEM_METADATA = "experiment_item_metadata"


EXPERIMENT_SOURCES = (Source.EXPECTED_OUTPUT, Source.EXPERIMENT_ITEM_METADATA)


class PausedReason(StrEnum):
    """Why an evaluator does not run until something is put right."""

    DEFAULT_MODEL_MISSING = "DEFAULT_EVAL_MODEL_MISSING"
    MODEL_CONFIG_INVALID = "EVAL_MODEL_CONFIG_INVALID"
    MODEL_UNAVAILABLE = "EVAL_MODEL_UNAVAILABLE"
    CONNECTION_MISSING = "LLM_CONNECTION_MISSING"
    CONNECTION_REFUSED = "LLM_CONNECTION_AUTH_INVALID"
    ACCOUNT_NOT_READY = "PROVIDER_ACCOUNT_NOT_READY"
    PROVIDER_UNREACHABLE = "PROVIDER_UNREACHABLE"


MENDED_BY_DEFINITION = frozenset(
    {
        PausedReason.DEFAULT_MODEL_MISSING,
        PausedReason.MODEL_CONFIG_INVALID,
        PausedReason.MODEL_UNAVAILABLE,
        PausedReason.CONNECTION_MISSING,
    }
)
"""Reasons that a new definition takes away; the others need the provider's side to be put right."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt, with ``{{variables}}``."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model by the provider of one of the project's connections."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Output:
    """What a model is to answer.

    Attributes:
        reasoning: what it is told about the reasoning, None for nothing.
        value: what it is told about the score, None for nothing.
        least, most: bounds of numbers, both included; None for none.
        categories: what is chosen from, empty unless categorical.
        takes_several: whether more than one category may be chosen.
    """

    type: OutputType
    reasoning: str | None = None
    value: str | None = None
    least: float | None = None
    most: float | None = None
    categories: tuple[str, ...] = ()
    takes_several: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """What fills a variable of the prompt.

    Attributes:
        source: a ``Source``; of old rules any field of the object, None where nobody chose one.
        json_path: what of the source is taken, None for all of it.
        object_kind: only of old rules on traces and datasets: ``trace``, ``dataset_item`` or a type of
            observation.
        object_name: the name of that observation.
    """

    variable: str
    source: str | None
    json_path: str | None = None
    object_kind: str | None = None
    object_name: str | None = None


@dataclass(frozen=True, slots=True)
class JudgeDefinition:
    """A model judges.

    Attributes:
        mapping: what rules take that say nothing of their own; None for nothing.
        model: None for the model that the project evaluates with by default.
        variables: names within the prompt, in order of first appearance.
    """

    prompt: tuple[Message, ...]
    output: Output
    mapping: tuple[Mapping, ...] | None = None
    model: ModelChoice | None = None
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeDefinition:
    """Code judges; it gets every source under its own name."""

    source_code: str
    language: Language


Definition = JudgeDefinition | CodeDefinition


@dataclass(frozen=True, slots=True)
class Creator:
    """The person who made something; None in its place stands for a key or somebody who is gone."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """One definition of an evaluator; numbers count up from 1."""

    id: str
    number: int
    definition: Definition
    created_by: Creator | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when and why an evaluator does not run; ``reason`` is mostly a ``PausedReason``."""

    at: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A rule that uses an evaluator; ``mapping`` None takes over that of the evaluator."""

    rule_id: str
    mapping: tuple[Mapping, ...] | None


@dataclass(frozen=True, slots=True)
class Evaluator:
    """An evaluator as it is now.

    Attributes:
        version: the newest, which every rule runs with.
        uses: rules that use it, the latest assignment first.
    """

    id: str
    project_id: ProjectId
    type: EvaluatorType
    name: str
    description: str | None
    version: Version
    pause: Pause | None
    created_by: Creator | None
    created_at: datetime
    updated_at: datetime
    uses: tuple[RuleUse, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """What a mapping has to fill; of code always the same."""
        definition = self.version.definition
        if isinstance(definition, JudgeDefinition):
            return definition.variables
        return tuple(Source)

    @property
    def mapping(self) -> tuple[Mapping, ...] | None:
        """What rules take that say nothing of their own."""
        definition = self.version.definition
        return definition.mapping if isinstance(definition, JudgeDefinition) else None


class PreflightFailed(LumenspanError):
    """An evaluator cannot run with the model that it would get."""

    code = "PREFLIGHT_FAILED"
    http_status = 422

    def __init__(self, evaluator_name: str, model: ModelChoice | None, why: str) -> None:
        details: dict[str, object] = {"evaluatorName": evaluator_name}
        if model is not None:
            details |= {"provider": model.provider, "model": model.model}
        super().__init__(
            f"Evaluator '{evaluator_name}' cannot run: {why}",
            reason="evaluator_preflight_failed",
            details=details,
        )


def type_of(definition: Definition) -> EvaluatorType:
    """The type that evaluators of this definition have."""
    if isinstance(definition, CodeDefinition):
        return EvaluatorType.CODE
    return EvaluatorType.LLM_AS_JUDGE


def code_mapping(*, is_experiment: bool) -> tuple[Mapping, ...]:
    """What code gets: each source under its own name."""
    sources: Sequence[Source] = tuple(Source)
    return tuple(Mapping(each, each) for each in sources if is_experiment or each not in EXPERIMENT_SOURCES)
