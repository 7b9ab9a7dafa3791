"""REST routes of evaluators, first version, as SDKs before 5 call them (contract, section 10)."""

from typing import Any

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath

from lumenspan.clock import datetime_to_iso
from lumenspan.evaluators.domain import (
    CodeDefinition,
    Evaluator,
    EvaluatorType,
    JudgeDefinition,
    Language,
    Message,
    Output,
    OutputType,
    Role,
)
from lumenspan.evaluators.service import NewEvaluator
from lumenspan_server.access import require_project_key
from lumenspan_server.evaluators.errors import FIRST_HANDLERS
from lumenspan_server.evaluators.shapes import (
    MappingInput,
    ModelConfig,
    ReadMapping,
    Texts,
    of_mapping,
    of_model,
    read_kind,
    to_mapping,
    to_model,
)
from lumenspan_server.operations import (
    Instant,
    PageMeta,
    PageQuery,
    StrictWire,
    Wire,
    answer,
    operation,
    page_meta,
    read_query,
)
from lumenspan_server.operations import (
    Message as Sentence,
)
from lumenspan_server.services import Services

_PATH = "/api/public/unstable/evaluators"
_ONE = _PATH + "/{evaluator_id:str}"


class Described(StrictWire):
    """What a model is told about a part of its answer."""

    description: str


class NumericScore(StrictWire, omit_defaults=True):
    """A number, with bounds that are included."""

    description: str
    min_value: float | None = None
    max_value: float | None = None


class CategoricalScore(StrictWire):
    """Categories to choose from."""

    description: str
    categories: Texts
    should_allow_multiple_matches: bool


class NumericDefinition(StrictWire, tag_field="dataType", tag="NUMERIC"):
    """A number is asked for."""

    reasoning: Described
    score: NumericScore


class BooleanDefinition(StrictWire, tag_field="dataType", tag="BOOLEAN"):
    """True or false is asked for."""

    reasoning: Described
    score: Described


class CategoricalDefinition(StrictWire, tag_field="dataType", tag="CATEGORICAL"):
    """One of several categories is asked for, or more."""

    reasoning: Described
    score: CategoricalScore


NestedDefinition = NumericDefinition | BooleanDefinition | CategoricalDefinition


class SaveJudge(StrictWire, tag_field="type", tag="llm_as_judge"):
    """An evaluator that asks a model, or its next version."""

    name: str
    prompt: str
    output_definition: NestedDefinition
    model_config: ModelConfig | None = None
    mapping: tuple[MappingInput, ...] | None = None

    def to_domain(self) -> NewEvaluator:
        """The evaluator to make."""
        definition = JudgeDefinition(
            prompt=(Message(Role.USER, self.prompt),),
            output=_to_output(self.output_definition),
            mapping=to_mapping(self.mapping),
            model=to_model(self.model_config),
        )
        return NewEvaluator(self.name, definition)


class SaveCode(StrictWire, tag_field="type", tag="code"):
    """An evaluator that runs code, or its next version."""

    name: str
    source_code: str
    source_code_language: Language

    def to_domain(self) -> NewEvaluator:
        """The evaluator to make."""
        return NewEvaluator(self.name, CodeDefinition(self.source_code, self.source_code_language))


_SAVE = {EvaluatorType.LLM_AS_JUDGE: SaveJudge, EvaluatorType.CODE: SaveCode}


class _Base(Wire):
    id: str
    name: str
    version: int
    variables: Texts
    mapping: tuple[ReadMapping, ...] | None
    evaluation_rule_count: int
    created_at: Instant
    updated_at: Instant


class Judge(_Base, tag_field="type", tag="llm_as_judge"):
    """An evaluator that asks a model."""

    prompt: str
    output_definition: NestedDefinition
    model_config: ModelConfig | None


class Code(_Base, tag_field="type", tag="code"):
    """An evaluator that runs code."""

    source_code: str
    source_code_language: Language


class EvaluatorList(Wire):
    """One page of evaluators."""

    data: tuple[Judge | Code, ...]
    meta: PageMeta


def _to_output(given: NestedDefinition) -> Output:
    told = (given.reasoning.description, given.score.description)
    if isinstance(given, NumericDefinition):
        return Output(OutputType.NUMERIC, *told, least=given.score.min_value, most=given.score.max_value)
    if isinstance(given, BooleanDefinition):
        return Output(OutputType.BOOLEAN, *told)
    return Output(
        OutputType.CATEGORICAL,
        *told,
        categories=given.score.categories,
        takes_several=given.score.should_allow_multiple_matches,
    )


def _of_output(output: Output) -> NestedDefinition:
    reasoning, told = Described(description=output.reasoning or ""), output.value or ""
    if output.type is OutputType.NUMERIC:
        score = NumericScore(description=told, min_value=output.least, max_value=output.most)
        return NumericDefinition(reasoning=reasoning, score=score)
    if output.type is OutputType.BOOLEAN:
        return BooleanDefinition(reasoning=reasoning, score=Described(description=told))
    return CategoricalDefinition(
        reasoning=reasoning,
        score=CategoricalScore(
            description=told,
            categories=output.categories,
            should_allow_multiple_matches=output.takes_several,
        ),
    )


def _of_evaluator(evaluator: Evaluator) -> Judge | Code:
    definition = evaluator.version.definition
    mapping = evaluator.mapping
    base: dict[str, Any] = {
        "id": evaluator.id,
        "name": evaluator.name,
        "version": evaluator.version.number,
        "variables": evaluator.variables,
        "mapping": None if mapping is None else of_mapping(mapping),
        "evaluation_rule_count": len(evaluator.uses),
        "created_at": datetime_to_iso(evaluator.created_at),
        "updated_at": datetime_to_iso(evaluator.updated_at),
    }
    if isinstance(definition, CodeDefinition):
        return Code(**base, source_code=definition.source_code, source_code_language=definition.language)
    return Judge(
        **base,
        # Several messages, made through the second version, are one text here.
        prompt="\n\n".join(each.content for each in definition.prompt),
        output_definition=_of_output(definition.output),
        model_config=of_model(definition.model),
    )


@post(
    _PATH,
    summary="Make an evaluator, or the next version of the one of that name",
    **operation(body=SaveJudge | SaveCode, answer=Judge | Code),
)
async def save_evaluator(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The evaluator with its new version; its id stays."""
    principal = await require_project_key(request)
    given: Any = read_kind(await request.body(), _SAVE, EvaluatorType.LLM_AS_JUDGE)
    services: Services = request.app.state.services
    made = await services.evaluators.save_by_name(principal.project_id, given.to_domain())
    return answer(_of_evaluator(made))


@get(
    _PATH,
    summary="Evaluators of the project in pages",
    **operation(query=PageQuery, answer=EvaluatorList),
)
async def list_evaluators(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Evaluators with their newest definitions, the one made last first."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    found, total = await services.evaluators.page(principal.project_id, query.page, query.limit)
    rows = tuple(map(_of_evaluator, found))
    return answer(EvaluatorList(data=rows, meta=page_meta(query, total)))


@get(_ONE, summary="One evaluator with its newest definition", **operation(answer=Judge | Code))
async def get_evaluator(request: Request[Any, Any, Any], evaluator_id: FromPath[str]) -> Response[bytes]:
    """The evaluator."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(_of_evaluator(await services.evaluators.get(principal.project_id, evaluator_id)))


@delete(_ONE, summary="Delete an evaluator with all its versions", **operation(answer=Sentence))
async def delete_evaluator(request: Request[Any, Any, Any], evaluator_id: FromPath[str]) -> Response[bytes]:
    """A sentence. Rules let go of it; scores stay."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.evaluators.delete(principal.project_id, evaluator_id)
    return answer(Sentence(message="Evaluator successfully deleted"))


routes = Router(
    path="/",
    route_handlers=[save_evaluator, list_evaluators, get_evaluator, delete_evaluator],
    exception_handlers=FIRST_HANDLERS,
)
