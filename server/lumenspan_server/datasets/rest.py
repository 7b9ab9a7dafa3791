"""REST routes of datasets, items, runs and run items (contract, section 5)."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from lumenspan.clock import nanos_to_datetime
from lumenspan.datasets.domain import Dataset, Item, ItemChange, ItemStatus
from lumenspan.datasets.service import KEEP, DatasetChange, ItemFilter, RunItemGiven
from lumenspan.errors import NotFound
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import ObservationParts
from lumenspan_server.access import require_project_key
from lumenspan_server.body_limits import LARGE_BODY_BYTES
from lumenspan_server.datasets import media
from lumenspan_server.datasets.rows import to_item_row, to_row, to_run_item_row, to_run_row
from lumenspan_server.errors import invalid_query, json_response
from lumenspan_server.json_body import read_json
from lumenspan_server.params import QueryParams
from lumenspan_server.services import Services

_V1, _V2 = "/api/public/datasets", "/api/public/v2/datasets"
_ITEMS, _RUN_ITEMS = "/api/public/dataset-items", "/api/public/dataset-run-items"
_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**6
_ALL = 1_000_000
_RUNS = "/runs"


class _Dataset(BaseModel):
    name: StrictStr
    description: StrictStr | None = None
    metadata: Any = None
    input_schema: Any = Field(KEEP, alias="inputSchema")
    expected_output_schema: Any = Field(KEEP, alias="expectedOutputSchema")


class _Item(BaseModel):
    dataset_name: StrictStr | None = Field(None, alias="datasetName")
    id: StrictStr | None = None
    input: Any = None
    expected_output: Any = Field(None, alias="expectedOutput")
    metadata: Any = None
    source_trace_id: StrictStr | None = Field(None, alias="sourceTraceId")
    source_observation_id: StrictStr | None = Field(None, alias="sourceObservationId")
    status: ItemStatus | None = None


class _RunItem(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run_name: Annotated[StrictStr, Field(alias="runName", min_length=1)]
    run_description: StrictStr | None = Field(None, alias="runDescription")
    metadata: Any = None
    dataset_item_id: StrictStr = Field(alias="datasetItemId")
    trace_id: StrictStr | None = Field(None, alias="traceId")
    observation_id: StrictStr | None = Field(None, alias="observationId")
    dataset_version: datetime | None = Field(None, alias="datasetVersion")
    created_at: datetime | None = Field(None, alias="createdAt")


def _paging(params: QueryParams) -> tuple[int, int]:
    return params.number("page", 1, 1, _MAX_PAGE), params.number("limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)


def _meta(page: int, limit: int, total: int) -> dict[str, int]:
    return {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}


async def _item_row(services: Services, project_id: ProjectId, item: Item) -> dict[str, Any]:
    return to_item_row(item, await media.rows_of(services, project_id, item))


@post([_V1, _V2], status_code=200, summary="Make a dataset, or change the one of that name")
async def save_dataset(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The dataset; of the first version with ``items`` and ``runs``."""
    principal = await require_project_key(request)
    body = await read_json(request, _Dataset)
    services: Services = request.app.state.services
    change = DatasetChange(
        body.name, body.description, body.metadata, body.input_schema, body.expected_output_schema
    )
    made = await services.datasets.save(principal.project_id, change)
    row = to_row(made)
    if request.url.path == _V1:
        row |= await _summary(services, made)
    return json_response(row)


@get([_V1, _V2], summary="Datasets of the project, newest first")
async def list_datasets(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [dataset], meta}``; of the first version with ids of items and names of runs."""
    principal = await require_project_key(request)
    page, limit = _paging(QueryParams(request))
    services: Services = request.app.state.services
    found, total = await services.datasets.page(principal.project_id, page, limit)
    is_first = request.url.path == _V1
    rows = [to_row(each) | (await _summary(services, each) if is_first else {}) for each in found]
    return json_response({"data": rows, "meta": _meta(page, limit, total)})


async def _summary(services: Services, dataset: Dataset) -> dict[str, Any]:
    where = ItemFilter(dataset.name)
    items, _ = await services.datasets.items(dataset.project_id, where, 1, _ALL)
    runs, _ = await services.datasets.runs(dataset.project_id, dataset, 1, _ALL)
    return {"items": [each.id for each in items], "runs": [each.name for each in runs]}


@get(_V2 + "/{dataset_name:path}", summary="One dataset")
async def get_dataset(request: Request[Any, Any, Any], dataset_name: FromPath[str]) -> Response[bytes]:
    """The dataset; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    return json_response(
        to_row(await services.datasets.get(principal.project_id, dataset_name.removeprefix("/")))
    )


@get(_V1 + "/{place:path}", summary="One dataset with its items, its runs, or one of these")
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
        return json_response(to_run_row(run) | {"datasetRunItems": rows})
    dataset = await services.datasets.get(project_id, place)
    found, _ = await services.datasets.items(project_id, ItemFilter(dataset.name), 1, _ALL)
    runs, _ = await services.datasets.runs(project_id, dataset, 1, _ALL)
    whole = {
        "items": [await _item_row(services, project_id, each) for each in found],
        "runs": [each.name for each in runs],
    }
    return json_response(to_row(dataset) | whole)


async def _runs(request: Request[Any, Any, Any], project_id: ProjectId, name: str) -> Response[bytes]:
    page, limit = _paging(QueryParams(request))
    services: Services = request.app.state.services
    dataset = await services.datasets.get(project_id, name)
    runs, total = await services.datasets.runs(project_id, dataset, page, limit)
    return json_response({"data": [to_run_row(each) for each in runs], "meta": _meta(page, limit, total)})


@delete(_V1 + "/{place:path}", status_code=200, summary="Delete a run: DELETE …/{name}/runs/{run}")
async def delete_run(request: Request[Any, Any, Any], place: FromPath[str]) -> Response[bytes]:
    """A message; traces and scores of the run stay."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    name, separator, run_name = place.removeprefix("/").partition(f"{_RUNS}/")
    if not separator:
        raise NotFound("Not found")
    await services.datasets.delete_run(principal.project_id, name, run_name)
    return json_response({"message": "Dataset run successfully deleted"})


@post(
    _ITEMS,
    status_code=200,
    request_max_body_size=LARGE_BODY_BYTES,
    summary="Make an item, or change the one of that id",
)
async def save_item(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The item; what is not said, or null, stays as it is."""
    principal = await require_project_key(request)
    body = await read_json(request, _Item)
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
    return json_response(await _item_row(services, project_id, made))


@get(_ITEMS, summary="Active items, newest version first")
async def list_items(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [item], meta}``; with ``version`` as they were then."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page, limit = _paging(params)
    at = params.time_ns("version")
    where = ItemFilter(
        dataset_name=params.text("datasetName") or None,
        source_trace_id=params.text("sourceTraceId") or None,
        source_observation_id=params.text("sourceObservationId") or None,
        at=None if at is None else nanos_to_datetime(at),
    )
    services: Services = request.app.state.services
    found, total = await services.datasets.items(principal.project_id, where, page, limit)
    rows = [await _item_row(services, principal.project_id, each) for each in found]
    return json_response({"data": rows, "meta": _meta(page, limit, total)})


@get(_ITEMS + "/{item_id:path}", summary="One item, archived or not")
async def get_item(request: Request[Any, Any, Any], item_id: FromPath[str]) -> Response[bytes]:
    """The item; 404 where there is none."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    found = await services.datasets.get_item(principal.project_id, item_id.removeprefix("/"))
    return json_response(await _item_row(services, principal.project_id, found))


@delete(_ITEMS + "/{item_id:path}", status_code=200, summary="Delete an item")
async def delete_item(request: Request[Any, Any, Any], item_id: FromPath[str]) -> Response[bytes]:
    """A message; in the past it stays."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.datasets.delete_item(principal.project_id, item_id.removeprefix("/"))
    return json_response({"message": "Dataset item successfully deleted"})


@post(_RUN_ITEMS, status_code=200, summary="Note what a run did with an item")
async def add_run_item(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The run item; the run is made with its first."""
    principal = await require_project_key(request)
    body = await read_json(request, _RunItem)
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
    return json_response(to_run_item_row(await services.datasets.add_run_item(principal.project_id, given)))


async def _trace_of(services: Services, project_id: ProjectId, observation_id: str | None) -> str:
    if not observation_id:
        raise invalid_query("traceId", "traceId or observationId is required")
    by_id = Condition("string", "id", "=", observation_id)
    parts = ObservationParts(False, metadata_chars=0)
    page = await services.observations.search(project_id, [by_id], 1, None, parts)
    if not page.observations:
        raise NotFound("Observation not found")
    return page.observations[0].trace_id


@get(_RUN_ITEMS, summary="What a run did, newest first")
async def list_run_items(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [run item], meta}`` of ``datasetId`` and ``runName``."""
    principal = await require_project_key(request)
    params = QueryParams(request)
    page, limit = _paging(params)
    for name in ("datasetId", "runName"):
        if not params.text(name):
            raise invalid_query(name, "Required", "invalid_type")
    services: Services = request.app.state.services
    project_id = principal.project_id
    run = await services.datasets.run_of(project_id, params.text("datasetId"), params.text("runName"))
    items, total = await services.datasets.run_items(project_id, run, page, limit)
    return json_response(
        {"data": [to_run_item_row(each) for each in items], "meta": _meta(page, limit, total)}
    )


routes: list[ControllerRouterHandler] = [
    save_dataset,
    list_datasets,
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
