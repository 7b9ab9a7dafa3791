"""REST routes of experiments and of their items (contract, section 5)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from lumenspan.clock import LAST_NANOS, iso_to_nanos, nanos_to_iso
from lumenspan.errors import InvalidInput
from lumenspan.experiments.domain import Experiment, ExperimentItem, Place, Search
from lumenspan.experiments.filters import COLUMNS, ITEM_COLUMNS
from lumenspan.filters import Column, any_of, parse_conditions, without_overridden
from lumenspan.scores.domain import Score
from lumenspan_server.access import require_project_key
from lumenspan_server.errors import invalid_query
from lumenspan_server.experiments.bodies import (
    ExperimentItemRow,
    ExperimentItemsAnswer,
    ExperimentItemsQuery,
    ExperimentRow,
    ExperimentsAnswer,
    ExperimentsQuery,
)
from lumenspan_server.operations import CursorMeta, answer, operation, read_query
from lumenspan_server.rows import iso, iso_or_none, listed, parsed_metadata
from lumenspan_server.scores.rows import to_v3_row
from lumenspan_server.scores.wire import ScoreV3
from lumenspan_server.services import Services

GROUPS = frozenset({"core", "metadata", "scores"})
ITEM_GROUPS = frozenset(
    {"core", "dataset", "io", "metadata", "itemMetadata", "experimentMetadata", "scores"}
)
ITEM_DEFAULT = frozenset({"core", "dataset"})
_SCORE_GROUPS = frozenset({"subject"})
_CURSOR_VERSION = 1
_MAX_CURSOR_CHARS = 4096


@get(
    "/api/public/experiments",
    summary="Experiments of the project, latest activity first",
    **operation(query=ExperimentsQuery, answer=ExperimentsAnswer),
)
async def list_experiments(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [experiment], meta: {cursor?}}``; a missing cursor means that this is the last page."""
    principal = await require_project_key(request)
    query = read_query(request, ExperimentsQuery)
    groups = _groups(query.fields, GROUPS) or frozenset({"core"})
    search = _search(query, COLUMNS, groups)
    services: Services = request.app.state.services
    found, place = await services.experiments.experiments(principal.project_id, search)
    rows = [to_row(each, groups) for each in found]
    return answer(ExperimentsAnswer(data=rows, meta=to_meta(place)))


@get(
    "/api/public/experiment-items",
    summary="Items of experiments, newest first",
    **operation(query=ExperimentItemsQuery, answer=ExperimentItemsAnswer),
)
async def list_experiment_items(request: Request[Any, Any, Any]) -> Response[bytes]:
    """``{data: [item], meta: {cursor?}}``; a missing cursor means that this is the last page."""
    principal = await require_project_key(request)
    query = read_query(request, ExperimentItemsQuery)
    groups = _groups(query.fields, ITEM_GROUPS) or ITEM_DEFAULT
    search = _search(query, ITEM_COLUMNS, groups)
    services: Services = request.app.state.services
    found, place = await services.experiments.items(principal.project_id, search)
    rows = [to_item_row(each, groups) for each in found]
    return answer(ExperimentItemsAnswer(data=rows, meta=to_meta(place)))


routes: list[ControllerRouterHandler] = [list_experiments, list_experiment_items]


def _groups(text: str | None, known: frozenset[str]) -> frozenset[str]:
    asked = listed(text)
    for name in asked:
        if name not in known:
            raise invalid_query("fields", f"Unknown field {name}: there are {', '.join(sorted(known))}")
    return frozenset(asked)


def _search(
    query: ExperimentsQuery | ExperimentItemsQuery, columns: Mapping[str, Column], groups: frozenset[str]
) -> Search:
    given = {each.encode_name: getattr(query, each.name) for each in msgspec.structs.fields(query)}
    simple = [each for name in columns for each in any_of(name, listed(given.get(name)))]
    return Search(
        from_ns=query.from_start_time,
        to_ns=query.to_start_time,
        conditions=tuple(without_overridden(simple, parse_conditions(query.filter or ""), columns)),
        limit=query.limit,
        after=to_place(query.cursor),
        score_limit=query.score_limit if "scores" in groups else 0,
        has_texts="io" in groups,
        has_metadata="metadata" in groups,
    )


def to_meta(place: Place | None) -> CursorMeta:
    """The cursor that leads past a place; none where there is no more."""
    if place is None:
        return CursorMeta()
    parts = {
        "v": _CURSOR_VERSION,
        "lastTime": nanos_to_iso(place.time_ns),
        "lastTraceId": place.trace_id,
        "lastId": place.id,
        "lastExperimentId": place.experiment_id,
    }
    return CursorMeta(cursor=base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("="))


class _Cursor(msgspec.Struct, rename="camel"):
    v: int
    last_time: str
    last_trace_id: str
    last_id: str
    last_experiment_id: str


def to_place(text: str | None) -> Place | None:
    """The place that a cursor names; InvalidInput where it is none of ours."""
    if not text:
        return None
    try:
        if len(text) > _MAX_CURSOR_CHARS:
            raise ValueError("longer than any cursor")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(raw, type=_Cursor)
        nanos = iso_to_nanos(cursor.last_time)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidInput("Invalid cursor") from None
    if cursor.v != _CURSOR_VERSION or not 0 <= nanos <= LAST_NANOS:
        raise InvalidInput("Invalid cursor")
    return Place(nanos, cursor.last_experiment_id, cursor.last_trace_id, cursor.last_id)


def _scores(scores: tuple[Score, ...]) -> list[ScoreV3]:
    """In the shape of the third version with its subject."""
    return [to_v3_row(score, _SCORE_GROUPS) for score in scores]


def to_row(each: Experiment, groups: frozenset[str]) -> ExperimentRow:
    """An experiment in answers, with what ``GROUPS`` name of it."""
    row = ExperimentRow(
        id=each.id,
        name=each.name,
        description=each.description,
        start_time=iso(each.start_ns),
        end_time=iso(each.end_ns),
        item_count=each.item_count,
        dataset_id=each.dataset_id,
    )
    if "metadata" in groups:
        row.metadata = _parsed(each.metadata)
    if "scores" in groups:
        row.scores = _scores(each.scores)
    return row


def to_item_row(each: ExperimentItem, groups: frozenset[str]) -> ExperimentItemRow:
    """An item in answers, with what ``ITEM_GROUPS`` name of it."""
    row = ExperimentItemRow(
        id=each.id,
        trace_id=each.trace_id,
        start_time=iso(each.start_ns),
        end_time=iso_or_none(each.end_ns),
        level=each.level,
        environment=each.environment,
        experiment_id=each.experiment_id,
        experiment_name=each.experiment_name,
        experiment_item_id=each.item_id,
    )
    if "dataset" in groups:
        row.experiment_dataset_id = each.dataset_id
        row.experiment_item_version = iso_or_none(each.item_version_ns)
    if "io" in groups:
        row.input, row.output, row.expected_output = each.input, each.output, each.expected_output
    if "metadata" in groups:
        row.metadata = _parsed(each.metadata)
    if "itemMetadata" in groups:
        row.experiment_item_metadata = _parsed(each.item_metadata)
    if "experimentMetadata" in groups:
        row.experiment_metadata = _parsed(each.experiment_metadata)
        row.experiment_description = each.experiment_description
    if "scores" in groups:
        row.scores = _scores(each.scores)
    return row


def _parsed(metadata: dict[str, Any]) -> dict[str, Any]:
    """Texts of spans as the JSON that they are; what a run item's run holds is JSON already."""
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    return metadata | parsed_metadata(texts)
