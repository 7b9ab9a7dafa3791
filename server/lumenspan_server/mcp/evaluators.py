"""Tools of evaluators, in the shapes of the second version of the REST routes."""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lumenspan.evaluators.domain import EvaluatorType, Language
from lumenspan_server.evaluators.bodies import (
    CREATE,
    UPDATE,
    OutputDefinition,
    Prompt,
    UpdateMetadata,
    of_evaluator,
)
from lumenspan_server.evaluators.shapes import MappingInput, ModelConfig
from lumenspan_server.mcp.tools import Arguments, BadArguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []

_Name = Annotated[str, Meta(min_length=1, max_length=500)]
_Prompt = Annotated[Prompt, Meta(description="Of llm_as_judge: text or messages, with {{variables}}")]
_Output = Annotated[OutputDefinition, Meta(description="Of llm_as_judge: what it is to answer")]
_Model = Annotated[
    ModelConfig | None, Meta(description="Of llm_as_judge; without it the project's default model")
]
_Mapping = Annotated[
    tuple[MappingInput, ...] | None,
    Meta(description="Of llm_as_judge: what fills the variables, unless a rule says otherwise"),
]
_Code = Annotated[str, Meta(min_length=1, description="Of code")]
_Shape = TypeVar("_Shape")


class CreateEvaluator(Arguments):
    """An evaluator to make: llm_as_judge with prompt and outputDefinition, or code with sourceCode."""

    name: _Name
    type: EvaluatorType = EvaluatorType.LLM_AS_JUDGE
    description: str | None = None
    prompt: _Prompt | None = None
    output_definition: _Output | None = None
    model_config: _Model = None
    variable_mapping: _Mapping = None
    source_code: _Code | None = None
    source_code_language: Language | None = None


class EvaluatorById(Arguments):
    """Which evaluator."""

    evaluator_id: Annotated[str, Meta(min_length=1)]


class UpdateEvaluator(EvaluatorById):
    """What is to change. A definition is given as a whole and becomes the next version; the type stays."""

    name: _Name | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    type: EvaluatorType | UnsetType = UNSET
    prompt: _Prompt | UnsetType = UNSET
    output_definition: _Output | UnsetType = UNSET
    model_config: _Model | UnsetType = UNSET
    variable_mapping: _Mapping | UnsetType = UNSET
    source_code: _Code | UnsetType = UNSET
    source_code_language: Language | UnsetType = UNSET


class ListTemplates(Arguments):
    """Which templates."""

    search: str | None = None
    category: str | None = None
    type: EvaluatorType | None = None


@tool(TOOLS, "listEvaluators", "Evaluators with their newest definitions, newest first", is_read_only=True)
async def list_evaluators(call: Call, given: Paged) -> Any:
    found, total = await call.services.evaluators.page(call.project_id, given.page, given.limit)
    return page_of([of_evaluator(each) for each in found], given, total)


@tool(TOOLS, "getEvaluator", "One evaluator with its newest definition", is_read_only=True)
async def get_evaluator(call: Call, given: EvaluatorById) -> Any:
    return of_evaluator(await call.services.evaluators.get(call.project_id, given.evaluator_id))


@tool(
    TOOLS,
    "createEvaluator",
    "Make an evaluator: a prompt that a model answers, or code. It scores nothing until a rule uses it",
)
async def create_evaluator(call: Call, given: CreateEvaluator) -> Any:
    values = {name: value for name, value in msgspec.to_builtins(given).items() if value is not None}
    shape: type[Any] = CREATE[given.type]
    body = _converted(values, shape)
    return of_evaluator(await call.services.evaluators.create(call.project_id, body.to_domain()))


@tool(
    TOOLS,
    "updateEvaluator",
    "Change an evaluator; rules that use it take the new version",
    is_destructive=True,
)
async def update_evaluator(call: Call, given: UpdateEvaluator) -> Any:
    # What is not given is left out; null stays, for it takes something away.
    values = msgspec.to_builtins(given)
    del values["evaluatorId"]
    shape: type[Any] = UpdateMetadata
    if values.keys() - {"name", "description"}:
        type_ = EvaluatorType.CODE if "sourceCode" in values else EvaluatorType.LLM_AS_JUDGE
        shape = UPDATE[EvaluatorType(values.setdefault("type", type_.value))]
    change = _converted(values, shape).to_domain()
    return of_evaluator(await call.services.evaluators.update(call.project_id, given.evaluator_id, change))


@tool(
    TOOLS,
    "deleteEvaluator",
    "Delete an evaluator with all its versions; rules let go of it, scores stay",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_evaluator(call: Call, given: EvaluatorById) -> Any:
    await call.services.evaluators.delete(call.project_id, given.evaluator_id)
    return {"message": "Evaluator successfully deleted"}


@tool(
    TOOLS,
    "listManagedEvaluatorTemplates",
    "Ready-made evaluators to start from; this server brings none",
    is_read_only=True,
)
async def list_templates(call: Call, given: ListTemplates) -> Any:
    return {"data": []}


def _converted(values: dict[str, Any], shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        raise BadArguments(str(error)) from error
