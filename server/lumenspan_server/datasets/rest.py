"""REST routes of datasets, items, runs and run items (contract, section 5)."""

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import UNSET

from lumenspan.clock import nanos_to_datetime
from lumenspan.datasets.domain import Dataset, Item, ItemChange
from lumenspan.datasets.service import KEEP, DatasetChange, ItemFilter, RunItemGiven
from lumenspan.errors import NotFound
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import ObservationParts
from lumenspan_server.access import require_project_key
from lumenspan_server.body_limits import LARGE_BODY_BYTES
from lumenspan_server.datasets import media, wire
from lumenspan_server.datasets.rows import (
    fields,
    run_fields,
    to_item_row,
    to_row,
    to_run_item_row,
    to_run_row,
)
from lumenspan_server.errors import invalid_query
from lumenspan_server.operations import (
    Documented,
    Message,
    PageQuery,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_V1, _V2 = "/api/public/datasets", "/api/public/v2/datasets"
_ITEMS, _RUN_ITEMS = "/api/public/dataset-items", "/api/public/dataset-run-items"
_ALL = 1_000_000
_RUNS = "/runs"


async def _item_row(services: Services, project_id: ProjectId, item: Item) -> wire.DatasetItemRow:
    return to_item_row(item, await media.rows_of(services, project_id, item))


async def _save(request: Request[Any, Any, Any]) -> Dataset:
    principal = await require_project_key(request)
    body = await read_body(request, wire.DatasetBody)
    services: Services = request.app.state.services
    change = DatasetChange(
        body.name,
        body.description,
        body.metadata,
        KEEP if body.input_schema is UNSET else body.input_schema,
        KEEP if body.expected_output_schema is UNSET else body.expected_output_schema,
    )
    return await services.datasets.save(principal.project_id, change)


@post(
    _V2,
    summary="Make a dataset, or change the one of that name",
    **operation(body=wire.DatasetBody, answer=wire.DatasetRow, resource="datasets"),
)
async def save_dataset(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The dataset."""
    return answer(to_row(await _save(request)))


@post(
    _V1,
    summary="Make a dataset, or change the one of that name, as of the first version",
    **operation(body=wire.DatasetBody, answer=wire.DatasetSummaryV1, resource="datasets"),
)
async def save_dataset_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The dataset with ``items`` and ``runs``."""
    return answer(await _summary(request.app.state.services, await _save(request)))


@get(
    _V2,
    summary="Datasets of the project, newest first",
    **operation(query=PageQuery, answer=wire.Datasets, resource="datasets"),
)
async def list_datasets(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [dataset], meta}``."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    found, total = await services.datasets.page(principal.project_id, query.page, query.limit)
    return answer(wire.Datasets(data=[to_row(each) for each in found], meta=page_meta(query, total)))


@get(
    _V1,
    summary="Datasets of the project, newest first, as of the first version",
    **operation(query=PageQuery, answer=wire.DatasetsV1, resource="datasets"),
)
async def list_datasets_v1(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [dataset], meta}`` with ids of items and names of runs."""
    principal = await require_project_key(request)
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    found, total = await services.datasets.page(principal.project_id, query.page, query.limit)
    rows = [await _summary(services, each) for each in found]
    return answer(wire.DatasetsV1(data=rows, meta=page_meta(query, total)))


async def _summary(services: Services, dataset: Dataset) -> wire.DatasetSummaryV1:
    where = ItemFilter(dataset.name)
    items, _ = await services.datasets.items(dataset.project_id, where, 1, _ALL)
    runs, _ = await services.datasets.runs(dataset.project_id, dataset, 1, _ALL)
    return wire.DatasetSummaryV1(
        **fields(dataset), items=[each.id for each in items], runs=[each.name for each in runs]
    )


@get(
    _V2 + "/{dataset_name:path}",
    summary="One dataset",
    **operation(answer=wire.DatasetRow, resource="datasets"),
)
async def get_dataset(request: Request[Any, Any, Any], dataset_name: FromPath[str]) -> Response[bytes]:
    """The dataset; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return answer(to_row(await services.datasets.get(principal.project_id, dataset_name.removeprefix("/"))))


@get(
    _V1 + "/{place:path}",
    summary="One dataset with its items and the names of its runs",
    **operation(
        path=_V1 + "/{datasetName}",
        answer=wire.DatasetV1,
        resource="datasets",
        also=[
            Documented(
                path=_V1 + "/{datasetName}/runs",
                summary="Runs of a dataset, newest first",
                query=PageQuery,
                answers={200: wire.DatasetRuns},
                resource="datasets",
            ),
            Documented(
                path=_V1 + "/{datasetName}/runs/{runName}",
                summary="One run with its items",
                answers={200: wire.DatasetRunWithItems},
                resource="datasets",
            ),
        ],
    ),
)
async def get_dataset_v1(request: Request[Any, Any, Any], place: FromPath[str]) -> Response[bytes]:
    """Of ``{name}`` the dataset with items and names of runs, of ``{name}/runs`` these, of one more it."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    project_id, place = principal.project_id, place.removeprefix("/")
    if place.endswith(_RUNS):
        return await _runs(request, project_id, place.removesuffix(_RUNS))
    name, separator, run_name = place.partition(f"{_RUNS}/")
    if separator:
        run = await services.datasets.run(project_id, name, run_name)
        items, _ = await services.datasets.run_items(project_id, run)
        rows = [to_run_item_row(each) for each in items]
        return answer(wire.DatasetRunWithItems(**run_fields(run), dataset_run_items=rows))
    dataset = await services.datasets.get(project_id, place)
    found, _ = await services.datasets.items(project_id, ItemFilter(dataset.name), 1, _ALL)
    runs, _ = await services.datasets.runs(project_id, dataset, 1, _ALL)
    return answer(
        wire.DatasetV1(
            **fields(dataset),
            items=[await _item_row(services, project_id, each) for each in found],
            runs=[each.name for each in runs],
        )
    )


async def _runs(request: Request[Any, Any, Any], project_id: ProjectId, name: str) -> Response[bytes]:
    query = read_query(request, PageQuery)
    services: Services = request.app.state.services
    dataset = await services.datasets.get(project_id, name)
    runs, total = await services.datasets.runs(project_id, dataset, query.page, query.limit)
    return answer(wire.DatasetRuns(data=[to_run_row(each) for each in runs], meta=page_meta(query, total)))


@delete(
    _V1 + "/{place:path}",
    summary="Delete a run",
    **operation(path=_V1 + "/{datasetName}/runs/{runName}", answer=Message, resource="datasets"),
)
async def delete_run(request: Request[Any, Any, Any], place: FromPath[str]) -> Response[bytes]:
    """A message; traces and scores of the run stay."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    name, separator, run_name = place.removeprefix("/").partition(f"{_RUNS}/")
    if not separator:
        raise NotFound("Not found")
    await services.datasets.delete_run(principal.project_id, name, run_name)
    return answer(Message(message="Dataset run successfully deleted"))


@post(
    _ITEMS,
    summary="Make an item, or change the one of that id",
    request_max_body_size=LARGE_BODY_BYTES,
    **operation(body=wire.DatasetItemBody, answer=wire.DatasetItemRow, resource="datasets"),
)
async def save_item(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The item; what is not said, or null, stays as it is."""
    principal = await require_project_key(request)
    body = await read_body(request, wire.DatasetItemBody)
    services: Services = request.app.state.services
    project_id = principal.project_id
    await media.check_known(services, project_id, [body.input, body.expected_output, body.metadata])
    change = ItemChange(
        dataset_name=body.dataset_name,
        id=body.id,
        input=body.input,
        expected_output=body.expected_output,
        metadata=body.metadata,
        source_trace_id=body.source_trace_id,
        source_observation_id=body.source_observation_id,
        status=body.status,
    )
    made = await services.datasets.save_item(project_id, change)
    return answer(await _item_row(services, project_id, made))


@get(
    _ITEMS,
    summary="Active items, newest version first",
    **operation(query=wire.DatasetItemQuery, answer=wire.DatasetItems, resource="datasets"),
)
async def list_items(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [item], meta}``; with ``version`` as they were then."""
    principal = await require_project_key(request)
    query = read_query(request, wire.DatasetItemQuery)
    where = ItemFilter(
        dataset_name=query.dataset_name,
        source_trace_id=query.source_trace_id,
        source_observation_id=query.source_observation_id,
        at=None if query.version is None else nanos_to_datetime(query.version),
    )
    services: Services = request.app.state.services
    found, total = await services.datasets.items(principal.project_id, where, query.page, query.limit)
    rows = [await _item_row(services, principal.project_id, each) for each in found]
    return answer(wire.DatasetItems(data=rows, meta=page_meta(query, total)))


@get(
    _ITEMS + "/{item_id:path}",
    summary="One item, archived or not",
    **operation(answer=wire.DatasetItemRow, resource="datasets"),
)
async def get_item(request: Request[Any, Any, Any], item_id: FromPath[str]) -> Response[bytes]:
    """The item; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    found = await services.datasets.get_item(principal.project_id, item_id.removeprefix("/"))
    return answer(await _item_row(services, principal.project_id, found))


@delete(
    _ITEMS + "/{item_id:path}", summary="Delete an item", **operation(answer=Message, resource="datasets")
)
async def delete_item(request: Request[Any, Any, Any], item_id: FromPath[str]) -> Response[bytes]:
    """A message; in the past it stays."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.datasets.delete_item(principal.project_id, item_id.removeprefix("/"))
    return answer(Message(message="Dataset item successfully deleted"))


@post(
    _RUN_ITEMS,
    summary="Note what a run did with an item",
    **operation(body=wire.DatasetRunItemBody, answer=wire.DatasetRunItemRow, resource="datasets"),
)
async def add_run_item(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The run item; the run is made with its first."""
    principal = await require_project_key(request)
    body = await read_body(request, wire.DatasetRunItemBody)
    services: Services = request.app.state.services
    trace_id = body.trace_id or await _trace_of(services, principal.project_id, body.observation_id)
    given = RunItemGiven(
        run_name=body.run_name,
        item_id=body.dataset_item_id,
        trace_id=trace_id,
        observation_id=body.observation_id,
        description=body.run_description,
        metadata=body.metadata,
        created_at=body.created_at,
    )
    return answer(to_run_item_row(await services.datasets.add_run_item(principal.project_id, given)))


async def _trace_of(services: Services, project_id: ProjectId, observation_id: str | None) -> str:
    if not observation_id:
        raise invalid_query("traceId", "traceId or observationId is required")
    by_id = Condition("string", "id", "=", observation_id)
    parts = ObservationParts(False, metadata_chars=0)
    page = await services.observations.search(project_id, [by_id], 1, None, parts)
    if not page.observations:
        raise NotFound("Observation not found")
    return page.observations[0].trace_id


@get(
    _RUN_ITEMS,
    summary="What a run did, newest first",
    **operation(query=wire.RunItemQuery, answer=wire.DatasetRunItems, resource="datasets"),
)
async def list_run_items(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [run item], meta}`` of ``datasetId`` and ``runName``."""
    principal = await require_project_key(request)
    query = read_query(request, wire.RunItemQuery)
    services: Services = request.app.state.services
    project_id = principal.project_id
    run = await services.datasets.run_of(project_id, query.dataset_id, query.run_name)
    items, total = await services.datasets.run_items(project_id, run, query.page, query.limit)
    rows = [to_run_item_row(each) for each in items]
    return answer(wire.DatasetRunItems(data=rows, meta=page_meta(query, total)))


routes: list[ControllerRouterHandler] = [
    save_dataset,
    save_dataset_v1,
    list_datasets,
    list_datasets_v1,
    get_dataset,
    get_dataset_v1,
    delete_run,
    save_item,
    list_items,
    get_item,
    delete_item,
    add_run_item,
    list_run_items,
]
