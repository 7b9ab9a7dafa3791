"""Tools of datasets, their items and runs."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lumenspan.clock import nanos_to_datetime
from lumenspan.datasets.domain import Item, ItemChange, ItemStatus
from lumenspan.datasets.service import KEEP, DatasetChange, ItemFilter, RunItemGiven
from lumenspan.errors import NotFound
from lumenspan.filters import Condition
from lumenspan.observations.domain import ObservationParts
from lumenspan_server.datasets import media
from lumenspan_server.datasets.rows import to_item_row, to_row, to_run_item_row, to_run_row
from lumenspan_server.mcp.tools import (
    Arguments,
    BadArguments,
    Call,
    Instant,
    Paged,
    Tool,
    nanos,
    page_of,
    tool,
)

TOOLS: list[Tool] = []

_RUN_ITEMS = 100

_Id = Annotated[str, Meta(min_length=1)]
_Schema = dict[str, Any] | None | UnsetType


class ListDatasets(Paged):
    """Which datasets."""

    name: Annotated[str, Meta(description="Exactly this name")] | None = None


class DatasetById(Arguments):
    """Which dataset."""

    dataset_id: _Id


class UpsertDataset(Arguments):
    """A dataset to make, or to change where the name is taken; what is not given stays."""

    name: Annotated[str, Meta(min_length=1, max_length=255, description="Slashes make folders")]
    description: str | None = None
    metadata: Any = None
    input_schema: Annotated[_Schema, Meta(description="JSON Schema of inputs; null takes it away")] = UNSET
    expected_output_schema: Annotated[
        _Schema, Meta(description="JSON Schema of expected outputs; null takes it away")
    ] = UNSET


class ListItems(Paged):
    """Which items."""

    dataset_id: str | None = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    version: Annotated[Instant, Meta(description="As they were then; needs datasetId")] | None = None


class ItemById(Arguments):
    """Which item."""

    dataset_item_id: _Id


class UpsertItem(DatasetById):
    """An item to make, or to change where it has the id; what is not given stays."""

    id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    input: Any = None
    expected_output: Any = None
    metadata: Any = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    status: ItemStatus | None = None


class ListRuns(Paged, kw_only=True):
    """Runs of which dataset."""

    dataset_id: _Id


class RunById(DatasetById):
    """Which run."""

    dataset_run_id: _Id


class ListRunItems(Paged, kw_only=True):
    """Items of which run."""

    dataset_id: _Id
    run_name: _Id


class CreateRunItem(Arguments):
    """What a run did with an item: a trace, or one observation of it."""

    run_name: _Id
    dataset_item_id: _Id
    trace_id: str | None = None
    observation_id: str | None = None
    run_description: str | None = None
    metadata: Annotated[Any, Meta(description="Of the run, where this is its first item")] = None
    created_at: Instant | None = None


@tool(TOOLS, "listDatasets", "Datasets of the project, newest first", is_read_only=True)
async def list_datasets(call: Call, given: ListDatasets) -> Any:
    if given.name is None:
        found, total = await call.services.datasets.page(call.project_id, given.page, given.limit)
        return page_of([to_row(each) for each in found], given, total)
    try:
        named = [to_row(await call.services.datasets.get(call.project_id, given.name))]
    except NotFound:
        named = []
    return page_of(named if given.page == 1 else [], given, len(named))


@tool(TOOLS, "getDataset", "One dataset, without its items", is_read_only=True)
async def get_dataset(call: Call, given: DatasetById) -> Any:
    return to_row(await call.services.datasets.by_id(call.project_id, given.dataset_id))


@tool(
    TOOLS,
    "upsertDataset",
    "Make a dataset, or change the one of that name",
    is_destructive=True,
    is_idempotent=True,
)
async def upsert_dataset(call: Call, given: UpsertDataset) -> Any:
    schemas = [
        KEEP if each is UNSET else each for each in (given.input_schema, given.expected_output_schema)
    ]
    change = DatasetChange(given.name, given.description, given.metadata, *schemas)
    return to_row(await call.services.datasets.save(call.project_id, change))


@tool(TOOLS, "listDatasetItems", "Active items of datasets, newest version first", is_read_only=True)
async def list_items(call: Call, given: ListItems) -> Any:
    if given.version is not None and given.dataset_id is None:
        raise BadArguments("version needs datasetId")
    name = None
    if given.dataset_id is not None:
        name = (await call.services.datasets.by_id(call.project_id, given.dataset_id)).name
    at = nanos(given.version, "version")
    where = ItemFilter(
        dataset_name=name,
        source_trace_id=given.source_trace_id,
        source_observation_id=given.source_observation_id,
        at=None if at is None else nanos_to_datetime(at),
    )
    found, total = await call.services.datasets.items(call.project_id, where, given.page, given.limit)
    return page_of([await _item(call, each) for each in found], given, total)


async def _item(call: Call, item: Item) -> Any:
    return to_item_row(item, await media.rows_of(call.services, call.project_id, item))


@tool(TOOLS, "getDatasetItem", "One item of a dataset, archived or not", is_read_only=True)
async def get_item(call: Call, given: ItemById) -> Any:
    return await _item(call, await call.services.datasets.get_item(call.project_id, given.dataset_item_id))


@tool(
    TOOLS,
    "upsertDatasetItem",
    "Add an item to a dataset, or change the one of that id; earlier states are kept",
    is_destructive=True,
)
async def upsert_item(call: Call, given: UpsertItem) -> Any:
    dataset = await call.services.datasets.by_id(call.project_id, given.dataset_id)
    values = [given.input, given.expected_output, given.metadata]
    await media.check_known(call.services, call.project_id, values)
    change = ItemChange(
        dataset_name=dataset.name,
        id=given.id,
        input=given.input,
        expected_output=given.expected_output,
        metadata=given.metadata,
        source_trace_id=given.source_trace_id,
        source_observation_id=given.source_observation_id,
        status=given.status,
    )
    return await _item(call, await call.services.datasets.save_item(call.project_id, change))


@tool(TOOLS, "deleteDatasetItem", "Delete an item of a dataset", is_destructive=True, is_idempotent=True)
async def delete_item(call: Call, given: ItemById) -> Any:
    await call.services.datasets.delete_item(call.project_id, given.dataset_item_id)
    return {"message": "Dataset item successfully deleted"}


@tool(TOOLS, "listDatasetRuns", "Runs of a dataset, newest first", is_read_only=True)
async def list_runs(call: Call, given: ListRuns) -> Any:
    dataset = await call.services.datasets.by_id(call.project_id, given.dataset_id)
    found, total = await call.services.datasets.runs(call.project_id, dataset, given.page, given.limit)
    return page_of([to_run_row(each) for each in found], given, total)


@tool(
    TOOLS,
    "getDatasetRun",
    f"One run of a dataset with its newest items, {_RUN_ITEMS} at most: see listDatasetRunItems",
    is_read_only=True,
)
async def get_run(call: Call, given: RunById) -> Any:
    run = await call.services.datasets.run_by_id(call.project_id, given.dataset_id, given.dataset_run_id)
    items, total = await call.services.datasets.run_items(call.project_id, run, 1, _RUN_ITEMS)
    rows = [to_run_item_row(each) for each in items]
    return msgspec.to_builtins(to_run_row(run)) | {"datasetRunItems": rows, "totalDatasetRunItems": total}


@tool(
    TOOLS,
    "deleteDatasetRun",
    "Delete a run with its items; traces and scores stay",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_run(call: Call, given: RunById) -> Any:
    run = await call.services.datasets.run_by_id(call.project_id, given.dataset_id, given.dataset_run_id)
    await call.services.datasets.delete_run(call.project_id, run.dataset_name, run.name)
    return {"message": "Dataset run successfully deleted"}


@tool(TOOLS, "listDatasetRunItems", "What a run did, newest first", is_read_only=True)
async def list_run_items(call: Call, given: ListRunItems) -> Any:
    run = await call.services.datasets.run_of(call.project_id, given.dataset_id, given.run_name)
    items, total = await call.services.datasets.run_items(call.project_id, run, given.page, given.limit)
    return page_of([to_run_item_row(each) for each in items], given, total)


@tool(TOOLS, "createDatasetRunItem", "Note what a run did with an item; the run is made with its first")
async def create_run_item(call: Call, given: CreateRunItem) -> Any:
    trace_id = given.trace_id or await _trace_of(call, given.observation_id)
    created_ns = nanos(given.created_at, "createdAt")
    new = RunItemGiven(
        run_name=given.run_name,
        item_id=given.dataset_item_id,
        trace_id=trace_id,
        observation_id=given.observation_id,
        description=given.run_description,
        metadata=given.metadata,
        created_at=None if created_ns is None else nanos_to_datetime(created_ns),
    )
    return to_run_item_row(await call.services.datasets.add_run_item(call.project_id, new))


async def _trace_of(call: Call, observation_id: str | None) -> str:
    if not observation_id:
        raise BadArguments("traceId or observationId is required")
    by_id = [Condition("string", "id", "=", observation_id)]
    parts = ObservationParts(False, metadata_chars=0)
    page = await call.services.observations.search(call.project_id, by_id, 1, None, parts)
    if not page.observations:
        raise NotFound("Observation not found")
    return page.observations[0].trace_id
