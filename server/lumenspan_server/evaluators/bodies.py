"""Evaluators on the wire, in the second version of the routes."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from lumenspan.clock import datetime_to_iso
from lumenspan.evaluators.domain import (
    CodeDefinition,
    Definition,
    Evaluator,
    EvaluatorType,
    JudgeDefinition,
    Language,
    Mapping,
    Message,
    Output,
    OutputType,
    Role,
    Version,
)
from lumenspan.evaluators.domain import Creator as Person
from lumenspan.evaluators.service import EvaluatorChange, NewEvaluator
from lumenspan_server.evaluators.shapes import (
    MappingInput,
    ModelConfig,
    ReadMapping,
    Texts,
    of_mapping,
    of_model,
    to_mapping,
    to_model,
)
from lumenspan_server.operations import CursorMeta, Instant, StrictWire, Wire


class ChatMessage(StrictWire):
    """One message of a prompt."""

    role: Role
    content: str


class NumericOutput(StrictWire, tag_field="dataType", tag="NUMERIC", omit_defaults=True):
    """A number is asked for."""

    min_value: float | None = None
    max_value: float | None = None
    score_reasoning_instructions: str | None = None
    score_value_instructions: str | None = None


class BooleanOutput(StrictWire, tag_field="dataType", tag="BOOLEAN", omit_defaults=True):
    """True or false is asked for."""

    score_reasoning_instructions: str | None = None
    score_value_instructions: str | None = None


class CategoricalOutput(StrictWire, tag_field="dataType", tag="CATEGORICAL", omit_defaults=True):
    """One of several categories is asked for, or more."""

    categories: Texts
    should_allow_multiple_matches: bool
    score_reasoning_instructions: str | None = None
    score_value_instructions: str | None = None


OutputDefinition = NumericOutput | BooleanOutput | CategoricalOutput
Prompt = str | tuple[ChatMessage, ...]


class CreateJudge(StrictWire, tag_field="type", tag="llm_as_judge"):
    """A new evaluator that asks a model."""

    name: str
    prompt: Prompt
    output_definition: OutputDefinition
    description: str | None = None
    model_config: ModelConfig | None = None
    variable_mapping: tuple[MappingInput, ...] | None = None

    def to_domain(self) -> NewEvaluator:
        """The evaluator to make."""
        return NewEvaluator(self.name, _judge(self), self.description)


class CreateCode(StrictWire, tag_field="type", tag="code"):
    """A new evaluator that runs code."""

    name: str
    source_code: str
    source_code_language: Language
    description: str | None = None

    def to_domain(self) -> NewEvaluator:
        """The evaluator to make."""
        definition = CodeDefinition(self.source_code, self.source_code_language)
        return NewEvaluator(self.name, definition, self.description)


class UpdateMetadata(StrictWire):
    """Name and description; a definition needs its ``type`` beside it."""

    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET

    def to_domain(self) -> EvaluatorChange:
        """The change."""
        return _change(self, None)


class UpdateJudge(StrictWire, tag_field="type", tag="llm_as_judge"):
    """The whole definition anew."""

    prompt: Prompt
    output_definition: OutputDefinition
    model_config: ModelConfig | None = None
    variable_mapping: tuple[MappingInput, ...] | None = None
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET

    def to_domain(self) -> EvaluatorChange:
        """The change."""
        return _change(self, _judge(self))


class UpdateCode(StrictWire, tag_field="type", tag="code"):
    """The whole code anew."""

    source_code: str
    source_code_language: Language
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET

    def to_domain(self) -> EvaluatorChange:
        """The change."""
        return _change(self, CodeDefinition(self.source_code, self.source_code_language))


CREATE = {EvaluatorType.LLM_AS_JUDGE: CreateJudge, EvaluatorType.CODE: CreateCode}
UPDATE = {EvaluatorType.LLM_AS_JUDGE: UpdateJudge, EvaluatorType.CODE: UpdateCode}


class Creator(Wire):
    """The person who made something."""

    id: str
    name: str | None


class AnyMapping(Wire, omit_defaults=True):
    """What fills a variable; of old rules with ``mappingType``, and the object that it comes from."""

    variable: str
    source: str | None
    json_path: str | None = None
    mapping_type: Literal["legacy"] | UnsetType = UNSET
    langfuse_object: str | UnsetType = UNSET
    object_name: str | UnsetType | None = UNSET


class RuleAssignment(Wire, omit_defaults=True):
    """A rule that uses the evaluator; without an override it takes over the evaluator's mapping."""

    evaluation_rule_id: str
    variable_mapping_override: tuple[AnyMapping, ...] | None = None


class _Metadata(Wire):
    id: str
    name: str
    description: str | None
    created_by: Creator | None
    status: Literal["active", "paused"]
    paused_at: Instant | None
    paused_reason: str | None
    paused_message: str | None
    evaluation_rule_assignments: tuple[RuleAssignment, ...]
    created_at: Instant
    updated_at: Instant
    version_id: str
    version: int
    version_created_at: Instant
    version_created_by: Creator | None


class JudgeAnswer(_Metadata, tag_field="type", tag="llm_as_judge"):
    """An evaluator that asks a model, with its newest definition."""

    prompt: tuple[ChatMessage, ...]
    variables: Texts
    variable_mapping: tuple[ReadMapping, ...] | None
    model_config: ModelConfig | None
    output_definition: OutputDefinition


class CodeAnswer(_Metadata, tag_field="type", tag="code"):
    """An evaluator that runs code, with its newest code."""

    source_code: str
    source_code_language: Language


EvaluatorAnswer = JudgeAnswer | CodeAnswer


class _Version(Wire):
    id: str
    version: int
    created_at: Instant
    created_by: Creator | None


class JudgeVersion(_Version, tag_field="type", tag="llm_as_judge"):
    """One definition of an evaluator that asks a model."""

    prompt: tuple[ChatMessage, ...]
    variables: Texts
    variable_mapping: tuple[ReadMapping, ...] | None
    model_config: ModelConfig | None
    output_definition: OutputDefinition


class CodeVersion(_Version, tag_field="type", tag="code"):
    """One state of the code of an evaluator."""

    source_code: str
    source_code_language: Language


class EvaluatorsPage(Wire):
    """Evaluators, newest first."""

    data: tuple[EvaluatorAnswer, ...]
    meta: CursorMeta


class VersionsPage(Wire):
    """Versions of an evaluator, newest first."""

    data: tuple[JudgeVersion | CodeVersion, ...]
    meta: CursorMeta


class Deleted(Wire):
    """What was deleted."""

    id: str


def of_evaluator(evaluator: Evaluator) -> EvaluatorAnswer:
    """An evaluator in answers."""
    version, pause = evaluator.version, evaluator.pause
    metadata: dict[str, Any] = {
        "id": evaluator.id,
        "name": evaluator.name,
        "description": evaluator.description,
        "created_by": of_person(evaluator.created_by),
        "status": "active" if pause is None else "paused",
        "paused_at": None if pause is None else datetime_to_iso(pause.at),
        "paused_reason": None if pause is None else pause.reason,
        "paused_message": None if pause is None else pause.message,
        "evaluation_rule_assignments": tuple(
            RuleAssignment(
                evaluation_rule_id=use.rule_id,
                variable_mapping_override=None if use.mapping is None else of_any_mapping(use.mapping),
            )
            for use in evaluator.uses
        ),
        "created_at": datetime_to_iso(evaluator.created_at),
        "updated_at": datetime_to_iso(evaluator.updated_at),
        "version_id": version.id,
        "version": version.number,
        "version_created_at": datetime_to_iso(version.created_at),
        "version_created_by": of_person(version.created_by),
    }
    class_ = JudgeAnswer if isinstance(version.definition, JudgeDefinition) else CodeAnswer
    return class_(**metadata, **_definition(version.definition))


def of_version(version: Version) -> JudgeVersion | CodeVersion:
    """A version in answers."""
    class_ = JudgeVersion if isinstance(version.definition, JudgeDefinition) else CodeVersion
    return class_(
        id=version.id,
        version=version.number,
        created_at=datetime_to_iso(version.created_at),
        created_by=of_person(version.created_by),
        **_definition(version.definition),
    )


def of_person(person: Person | None) -> Creator | None:
    """A person in answers."""
    return None if person is None else Creator(id=person.id, name=person.name)


def of_any_mapping(mapping: Sequence[Mapping]) -> tuple[AnyMapping, ...]:
    """A mapping in answers, be it of an old rule."""
    return tuple(
        AnyMapping(
            variable=each.variable,
            source=each.source,
            json_path=each.json_path,
            mapping_type=UNSET if each.object_kind is None else "legacy",
            langfuse_object=UNSET if each.object_kind is None else each.object_kind,
            object_name=UNSET if each.object_kind is None else each.object_name,
        )
        for each in mapping
    )


def _definition(definition: Definition) -> dict[str, Any]:
    if isinstance(definition, CodeDefinition):
        return {"source_code": definition.source_code, "source_code_language": definition.language}
    return {
        "prompt": tuple(ChatMessage(role=each.role, content=each.content) for each in definition.prompt),
        "variables": definition.variables,
        "variable_mapping": None if definition.mapping is None else of_mapping(definition.mapping),
        "model_config": of_model(definition.model),
        "output_definition": _of_output(definition.output),
    }


def _judge(given: CreateJudge | UpdateJudge) -> JudgeDefinition:
    prompt = given.prompt
    if isinstance(prompt, str):
        messages: tuple[Message, ...] = (Message(Role.USER, prompt),)
    else:
        messages = tuple(Message(each.role, each.content) for each in prompt)
    return JudgeDefinition(
        prompt=messages,
        output=_to_output(given.output_definition),
        mapping=to_mapping(given.variable_mapping),
        model=to_model(given.model_config),
    )


def _to_output(given: OutputDefinition) -> Output:
    told = (given.score_reasoning_instructions, given.score_value_instructions)
    if isinstance(given, NumericOutput):
        return Output(OutputType.NUMERIC, *told, least=given.min_value, most=given.max_value)
    if isinstance(given, BooleanOutput):
        return Output(OutputType.BOOLEAN, *told)
    return Output(
        OutputType.CATEGORICAL,
        *told,
        categories=given.categories,
        takes_several=given.should_allow_multiple_matches,
    )


def _of_output(output: Output) -> OutputDefinition:
    told: dict[str, Any] = {
        "score_reasoning_instructions": output.reasoning,
        "score_value_instructions": output.value,
    }
    if output.type is OutputType.NUMERIC:
        return NumericOutput(min_value=output.least, max_value=output.most, **told)
    if output.type is OutputType.BOOLEAN:
        return BooleanOutput(**told)
    return CategoricalOutput(
        categories=output.categories, should_allow_multiple_matches=output.takes_several, **told
    )


def _change(
    given: UpdateMetadata | UpdateJudge | UpdateCode, definition: Definition | None
) -> EvaluatorChange:
    return EvaluatorChange(
        name=None if given.name is UNSET else given.name,
        description=None if given.description is UNSET else given.description,
        clears_description=given.description is None,
        definition=definition,
    )
