"""Definitions and mappings as the JSON that the tables hold, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lumenspan.evaluators.domain import (
    CodeDefinition,
    Creator,
    Definition,
    JudgeDefinition,
    Language,
    Mapping,
    Message,
    ModelChoice,
    Output,
    OutputType,
    Role,
    Version,
)
from lumenspan.evaluators.tables import EvaluatorVersionRow
from lumenspan.ids import ProjectId


def mapping_to_json(mapping: Sequence[Mapping] | None) -> list[dict[str, Any]] | None:
    """One object a variable; None where there is no mapping."""
    if mapping is None:
        return None
    return [
        {
            "variable": each.variable,
            "source": each.source,
            "jsonPath": each.json_path,
            **(
                {"objectKind": each.object_kind, "objectName": each.object_name} if each.object_kind else {}
            ),
        }
        for each in mapping
    ]


def mapping_from_json(stored: Any) -> tuple[Mapping, ...] | None:
    """The mapping that ``mapping_to_json`` wrote."""
    if stored is None:
        return None
    return tuple(
        Mapping(
            each["variable"],
            each["source"],
            each["jsonPath"],
            each.get("objectKind"),
            each.get("objectName"),
        )
        for each in stored
    )


def version_to_row(project_id: ProjectId, evaluator_id: str, version: Version) -> EvaluatorVersionRow:
    """The row of a version."""
    row = EvaluatorVersionRow(
        id=version.id,
        project_id=project_id,
        evaluator_id=evaluator_id,
        version=version.number,
        variables=[],
        created_by=version.created_by.id if version.created_by else None,
        created_at=version.created_at,
    )
    definition = version.definition
    if isinstance(definition, CodeDefinition):
        row.source_code, row.source_code_language = definition.source_code, definition.language
        return row
    row.prompt = [{"role": each.role, "content": each.content} for each in definition.prompt]
    row.variables = list(definition.variables)
    row.mapping = mapping_to_json(definition.mapping)
    if definition.model is not None:
        row.model_provider, row.model_name = definition.model.provider, definition.model.model
    row.output = _output_to_json(definition.output)
    return row


def version_from_row(row: EvaluatorVersionRow, people: dict[str, Creator]) -> Version:
    """The version of a row; ``people`` by id are those that may have made it."""
    return Version(row.id, row.version, _definition(row), people.get(row.created_by or ""), row.created_at)


def _definition(row: EvaluatorVersionRow) -> Definition:
    if row.source_code is not None and row.source_code_language is not None:
        return CodeDefinition(row.source_code, Language(row.source_code_language))
    model = None
    if row.model_provider is not None and row.model_name is not None:
        model = ModelChoice(row.model_provider, row.model_name)
    return JudgeDefinition(
        prompt=tuple(Message(Role(each["role"]), each["content"]) for each in row.prompt),
        output=_output_from_json(row.output),
        mapping=mapping_from_json(row.mapping),
        model=model,
        variables=tuple(row.variables),
    )


def _output_to_json(output: Output) -> dict[str, Any]:
    return {
        "type": output.type,
        "reasoning": output.reasoning,
        "value": output.value,
        "least": output.least,
        "most": output.most,
        "categories": list(output.categories),
        "takesSeveral": output.takes_several,
    }


def _output_from_json(stored: dict[str, Any]) -> Output:
    return Output(
        OutputType(stored["type"]),
        stored["reasoning"],
        stored["value"],
        stored["least"],
        stored["most"],
        tuple(stored["categories"]),
        stored["takesSeveral"],
    )
