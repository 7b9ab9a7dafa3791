"""Tools of evaluation rules, in the shapes of the second version of the REST routes."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lumenspan.evaluators.rules import MAX_ASSIGNMENTS, Chosen, NewAssignment, NewRule, RuleChange
from lumenspan.filters import Condition
from lumenspan_server.evaluators.rules import AssignmentInput, of_rule, to_assignments
from lumenspan_server.evaluators.shapes import MappingInput, RuleFilter, to_conditions, to_mapping
from lumenspan_server.mcp.conditions import Filter
from lumenspan_server.mcp.tools import Arguments, BadArguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []

_Id = Annotated[str, Meta(min_length=1)]
_Name = Annotated[str, Meta(min_length=1, max_length=500)]
_Sampling = Annotated[
    float, Meta(gt=0, le=1, description="The part of what the filter takes that is scored")
]
_Assignments = Annotated[tuple[AssignmentInput, ...], Meta(max_length=MAX_ASSIGNMENTS)]
_Filter = Annotated[Filter, Meta(description="Conditions on observations that must all hold; [] takes all")]


class CreateRule(Arguments):
    """A rule to make."""

    name: _Name
    enabled: Annotated[bool, Meta(description="Needs an evaluator")]
    evaluator_assignments: _Assignments = ()
    sampling: _Sampling = 1.0
    filter: _Filter = ()


class RuleById(Arguments):
    """Which rule."""

    evaluation_rule_id: _Id


class UpdateRule(RuleById):
    """What is to change; lists replace what is there."""

    name: _Name | None = None
    enabled: bool | None = None
    evaluator_assignments: _Assignments | None = None
    sampling: _Sampling | None = None
    filter: _Filter | None = None


class Detach(RuleById):
    """Which evaluator of which rule."""

    evaluator_id: _Id


class Attach(Detach):
    """An evaluator to use besides the others."""

    variable_mapping: (
        Annotated[
            tuple[MappingInput, ...],
            Meta(description="In this rule; without it, that of the evaluator. Code takes none"),
        ]
        | None
    ) = None


@tool(TOOLS, "listEvaluationRules", "Evaluation rules of the project, newest first", is_read_only=True)
async def list_rules(call: Call, given: Paged) -> Any:
    found, total = await call.services.evaluation_rules.page(call.project_id, given.page, given.limit)
    return page_of([of_rule(each) for each in found], given, total)


@tool(TOOLS, "getEvaluationRule", "One evaluation rule", is_read_only=True)
async def get_rule(call: Call, given: RuleById) -> Any:
    return of_rule(await call.services.evaluation_rules.get(call.project_id, given.evaluation_rule_id))


@tool(TOOLS, "createEvaluationRule", "Say which observations are scored, and with which evaluators")
async def create_rule(call: Call, given: CreateRule) -> Any:
    new = NewRule(
        name=given.name,
        is_enabled=given.enabled,
        assignments=to_assignments(given.evaluator_assignments),
        conditions=_conditions(given.filter),
        sampling=given.sampling,
    )
    return of_rule(await call.services.evaluation_rules.create(call.project_id, new))


@tool(
    TOOLS,
    "updateEvaluationRule",
    "Change, enable or disable an evaluation rule",
    is_destructive=True,
    is_idempotent=True,
)
async def update_rule(call: Call, given: UpdateRule) -> Any:
    assigned = given.evaluator_assignments
    change = RuleChange(
        name=given.name,
        is_enabled=given.enabled,
        sampling=given.sampling,
        conditions=None if given.filter is None else _conditions(given.filter),
        assignments=None if assigned is None else to_assignments(assigned),
    )
    changed = await call.services.evaluation_rules.update(call.project_id, given.evaluation_rule_id, change)
    return of_rule(changed)


@tool(
    TOOLS,
    "deleteEvaluationRule",
    "Delete an evaluation rule; evaluators and scores stay",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_rule(call: Call, given: RuleById) -> Any:
    await call.services.evaluation_rules.delete(call.project_id, given.evaluation_rule_id)
    return {"message": "Evaluation rule successfully deleted"}


@tool(TOOLS, "attachEvaluatorToEvaluationRule", "Let a rule score with one more evaluator")
async def attach(call: Call, given: Attach) -> Any:
    new = NewAssignment(Chosen(given.evaluator_id), to_mapping(given.variable_mapping))
    changed = await call.services.evaluation_rules.attach(call.project_id, given.evaluation_rule_id, new)
    return of_rule(changed)


@tool(
    TOOLS,
    "detachEvaluatorFromEvaluationRule",
    "Take an evaluator from a rule; without another the rule is disabled",
    is_destructive=True,
    is_idempotent=True,
)
async def detach(call: Call, given: Detach) -> Any:
    changed = await call.services.evaluation_rules.detach(
        call.project_id, given.evaluation_rule_id, given.evaluator_id
    )
    return of_rule(changed)


def _conditions(given: Filter) -> tuple[Condition, ...]:
    try:
        return to_conditions(msgspec.convert(msgspec.to_builtins(given), tuple[RuleFilter, ...]))
    except msgspec.ValidationError as error:
        raise BadArguments(f"filter: {error}") from error
