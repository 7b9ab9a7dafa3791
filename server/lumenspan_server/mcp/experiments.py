"""Tools of experiments and their items."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from lumenspan.experiments.domain import Search
from lumenspan.experiments.filters import COLUMNS, ITEM_COLUMNS
from lumenspan.filters import Condition, any_of, without_overridden
from lumenspan_server.experiments.rest import ITEM_DEFAULT, to_item_row, to_meta, to_place, to_row
from lumenspan_server.mcp.conditions import Filter, conditions_of
from lumenspan_server.mcp.tools import (
    DEFAULT_DAYS,
    Arguments,
    Call,
    Instant,
    Limit,
    Tool,
    default_start,
    nanos,
    tool,
)

TOOLS: list[Tool] = []

_Texts = Annotated[tuple[str, ...], Meta(max_length=100, description="One of these")]


class _Range(Arguments):
    from_start_time: (
        Annotated[Instant, Meta(description=f"Without it, {DEFAULT_DAYS} days before the end")] | None
    ) = None
    to_start_time: Annotated[Instant, Meta(description="Exclusive; without it, now")] | None = None
    filter: Filter | None = None
    score_limit: Annotated[int, Meta(ge=1, le=50, description="How many scores each at most")] = 50
    limit: Limit = 50
    cursor: Annotated[str, Meta(description="meta.cursor of the page before")] | None = None


class ListExperiments(_Range):
    """Which experiments, and what of them; the filter knows id, name and datasetId."""

    id: _Texts | None = None
    name: _Texts | None = None
    dataset_id: _Texts | None = None
    fields: (
        Annotated[
            tuple[Literal["core", "metadata", "scores"], ...],
            Meta(description="Groups of fields to answer besides core"),
        ]
        | None
    ) = None


class ListItems(_Range):
    """Items of which experiments, and what of them.

    The filter knows experimentId, experimentName, experimentItemId and datasetId.
    """

    experiment_id: _Texts | None = None
    experiment_name: _Texts | None = None
    experiment_item_id: _Texts | None = None
    dataset_id: _Texts | None = None
    fields: (
        Annotated[
            tuple[
                Literal[
                    "core", "dataset", "io", "metadata", "itemMetadata", "experimentMetadata", "scores"
                ],
                ...,
            ],
            Meta(description="Groups of fields; core and dataset without it, core always"),
        ]
        | None
    ) = None


@tool(TOOLS, "listExperiments", "Experiments of the project, the latest activity first", is_read_only=True)
async def list_experiments(call: Call, given: ListExperiments) -> Any:
    lists = {"id": given.id, "name": given.name, "datasetId": given.dataset_id}
    groups = frozenset[str](given.fields or ())
    simple = without_overridden(_simple(lists), conditions_of(given.filter), COLUMNS)
    search = _search(given, tuple(simple), groups)
    found, place = await call.services.experiments.experiments(call.project_id, search)
    return {"data": [to_row(each, groups) for each in found], "meta": to_meta(place)}


@tool(
    TOOLS,
    "listExperimentItems",
    "What experiments did with items, newest first. Input, output and the expected output are in io",
    is_read_only=True,
)
async def list_items(call: Call, given: ListItems) -> Any:
    lists = {
        "experimentId": given.experiment_id,
        "experimentName": given.experiment_name,
        "experimentItemId": given.experiment_item_id,
        "datasetId": given.dataset_id,
    }
    groups = frozenset[str](given.fields or ()) or ITEM_DEFAULT
    simple = without_overridden(_simple(lists), conditions_of(given.filter), ITEM_COLUMNS)
    search = _search(given, tuple(simple), groups)
    found, place = await call.services.experiments.items(call.project_id, search)
    return {"data": [to_item_row(each, groups) for each in found], "meta": to_meta(place)}


def _simple(lists: dict[str, tuple[str, ...] | None]) -> list[Condition]:
    return [each for column, values in lists.items() for each in any_of(column, values or ())]


def _search(given: _Range, conditions: tuple[Condition, ...], groups: frozenset[str]) -> Search:
    from_ns, to_ns = (
        nanos(given.from_start_time, "fromStartTime"),
        nanos(given.to_start_time, "toStartTime"),
    )
    if from_ns is None:
        from_ns = default_start(to_ns)
    return Search(
        from_ns=from_ns,
        to_ns=to_ns,
        conditions=conditions,
        limit=given.limit,
        after=to_place(given.cursor),
        score_limit=given.score_limit if "scores" in groups else 0,
        has_texts="io" in groups,
        has_metadata="metadata" in groups,
    )
