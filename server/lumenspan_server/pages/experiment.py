"""The pages of datasets and of what applications did with them: runs, and experiments sent as spans."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from litestar import Response, get
from litestar.params import FromPath

from lumenspan.datasets.domain import Run, RunItem
from lumenspan.errors import NotFound
from lumenspan.filters import Condition
from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.observations.domain import Observation, ObservationPosition, ObservationTexts
from lumenspan.scores.domain import Score
from lumenspan.traces.domain import Trace, TraceSums, TraceTexts
from lumenspan_server.pages import access
from lumenspan_server.pages.content import Content, of_value, understand
from lumenspan_server.pages.files import files_of
from lumenspan_server.pages.rendering import AnyRequest, page
from lumenspan_server.services import Services

ITEMS = 20
"""Items on one page."""
_RUNS = 50
_READ_CHARS = 60_000
_SHOWN_CHARS = 6_000
_MAX_SCORES = 50


@dataclass(slots=True)
class Outcome:
    """What became of an item.

    Attributes:
        trace: None where it is gone, or not there yet.
    """

    item_id: str
    trace_id: str
    observation_id: str
    trace: Trace | None
    input: Content = field(default_factory=Content)
    expected: Content = field(default_factory=Content)
    output: Content = field(default_factory=Content)
    latency_ns: int | None = None
    cost: Decimal | None = None
    scores: list[Score] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Title:
    """What is known of a run or experiment; texts are empty where nothing is."""

    id: str
    name: str
    description: str
    dataset_id: str
    dataset_name: str


@get("/project/{project_id:str}/datasets/{dataset_id:str}", summary="The page of a dataset")
async def show_dataset(
    request: AnyRequest, project_id: FromPath[str], dataset_id: FromPath[str]
) -> Response[bytes]:
    """Its runs, newest first; ``page`` counts from 1."""
    visitor, project = await access.require_member(request, project_id)
    services, number = access.services_of(request), access.page_number(request)
    dataset = await services.datasets.by_id(project.id, access.checked_id(dataset_id))
    runs, total = await services.datasets.runs(project.id, dataset, number, _RUNS)
    context = access.frame(
        services,
        visitor,
        project=project,
        dataset=dataset,
        runs=runs,
        total=total,
        page=number,
        pages=max(1, -(-total // _RUNS)),
    )
    return page("dataset.html", context)


@get("/project/{project_id:str}/datasets/{dataset_id:str}/runs/{run_id:str}", summary="The page of a run")
async def show_run(
    request: AnyRequest, project_id: FromPath[str], dataset_id: FromPath[str], run_id: FromPath[str]
) -> Response[bytes]:
    """The items of a run; ``page`` counts from 1."""
    return await _show(request, project_id, run_id, access.checked_id(dataset_id))


@get("/project/{project_id:str}/experiments/results", summary="The page of an experiment")
async def show_experiment(request: AnyRequest, project_id: FromPath[str]) -> Response[bytes]:
    """The items of the experiment ``baseline``."""
    return await _show(request, project_id, request.query_params.get("baseline", ""), "")


async def _show(request: AnyRequest, project_id: str, id_: str, dataset_id: str) -> Response[bytes]:
    visitor, project = await access.require_member(request, project_id)
    services, number = access.services_of(request), access.page_number(request)
    wanted = access.checked_id(id_)
    run = await services.datasets.find_run(project.id, wanted)
    if run is not None and dataset_id and run.dataset_id != dataset_id:
        run = None
    items: list[RunItem] = []
    total, following = 0, ""
    if run is not None:
        items, total = await services.datasets.run_items(project.id, run, number, ITEMS)
    if run is not None and total:
        title, outcomes = _title(run), await _of_items(services, project.id, items)
    else:
        title, outcomes, following = await _of_spans(request, services, project.id, wanted, run)
    is_about = [Condition("string", "datasetRunId", "=", title.id)]
    scores, _ = await services.scores.after(project.id, is_about, _MAX_SCORES, None)
    contents = [content for each in outcomes for content in (each.input, each.expected, each.output)]
    files = await files_of(services, project.id, contents)
    context = access.frame(
        services,
        visitor,
        project=project,
        title=title,
        outcomes=outcomes,
        scores=scores,
        files=files,
        total=total,
        page=number,
        pages=max(1, -(-total // ITEMS)),
        next=following,
        is_later="after" in request.query_params,
    )
    return page("experiment.html", context, media_urls=[each.url for each in files.values()])


def _title(run: Run) -> Title:
    return Title(run.id, run.name, run.description or "", run.dataset_id, run.dataset_name)


# --- a run: items noted one by one ----------------------------------------------------------------------


async def _of_items(services: Services, project_id: ProjectId, items: Sequence[RunItem]) -> list[Outcome]:
    trace_ids = list({item.trace_id for item in items})
    known, traces, scores = await asyncio.gather(
        services.datasets.items_by_id(project_id, list({item.item_id for item in items})),
        services.traces.by_ids(project_id, trace_ids),
        services.scores.by_traces(project_id, trace_ids, _MAX_SCORES),
    )
    by_id = {str(trace.id): trace for trace in traces}
    keys = [trace.key for trace in traces]
    observed = [item.observation_id for item in items if item.observation_id]
    texts, sums, of_observations = await asyncio.gather(
        services.traces.texts(project_id, keys, _READ_CHARS + 1),
        services.traces.sums(project_id, keys, has_ids=False),
        services.observations.texts(project_id, keys, observed, _READ_CHARS + 1),
    )
    found = []
    for item in items:
        trace = by_id.get(item.trace_id)
        outcome = Outcome(item.item_id, item.trace_id, item.observation_id or "", trace)
        if (asked := known.get(item.item_id)) is not None:
            outcome.input = of_value(asked.input, _SHOWN_CHARS)
            outcome.expected = of_value(asked.expected_output, _SHOWN_CHARS)
        if trace is not None:
            place = (trace.id, ObservationId(item.observation_id or ""))
            said: TraceTexts | ObservationTexts = of_observations.get(place) or texts.get(
                trace.id, TraceTexts()
            )
            outcome.output = understand(said.output, _SHOWN_CHARS)
            outcome.latency_ns = trace.latency_ns
            outcome.cost = sums.get(trace.id, TraceSums()).total_cost
        outcome.scores = _scores_of(scores, item.trace_id, item.observation_id or "")
        found.append(outcome)
    return found


def _scores_of(scores: Sequence[Score], trace_id: str, observation_id: str) -> list[Score]:
    """Of the trace as a whole, and of the observation that stands for the item."""
    return [
        score
        for score in scores
        if score.trace_id == trace_id and score.observation_id in ("", observation_id)
    ]


# --- an experiment: spans that say which item they are about --------------------------------------------


async def _of_spans(
    request: AnyRequest, services: Services, project_id: ProjectId, experiment_id: str, run: Run | None
) -> tuple[Title, list[Outcome], str]:
    """What is known of the experiment, a page of its items, and where the next begins.

    Raises:
        NotFound: no span names it, and there is no run of that id.
    """
    conditions = [
        Condition("string", "experimentId", "=", experiment_id),
        Condition("boolean", "isExperimentItemRootSpan", "=", True),
    ]
    found = await services.observations.search(project_id, conditions, ITEMS, _position(request))
    spans = found.observations
    if not spans:
        if run is None:
            raise NotFound("There is no such experiment")
        return _title(run), [], ""
    traces = {trace.id: trace for trace in await services.traces.by_ids(project_id, _trace_ids(spans))}
    keys, ids = [trace.key for trace in traces.values()], [span.id for span in spans]
    said, texts, scores = await asyncio.gather(
        services.observations.experiments(project_id, keys, ids),
        services.observations.texts(project_id, keys, ids, _READ_CHARS + 1),
        services.scores.by_traces(project_id, list(traces), _MAX_SCORES),
    )
    outcomes = []
    for span in spans:
        place = (span.trace_id, span.id)
        facts, both = said.get(place, {}), texts.get(place, ObservationTexts())
        outcomes.append(
            Outcome(
                facts.get("item.id", ""),
                span.trace_id,
                span.id,
                traces.get(span.trace_id),
                understand(both.input, _SHOWN_CHARS),
                understand(facts.get("item.expected_output", "")[: _READ_CHARS + 1], _SHOWN_CHARS),
                understand(both.output, _SHOWN_CHARS),
                span.latency_ns,
                span.total_cost,
                _scores_of(scores, span.trace_id, span.id),
            )
        )
    facts = said.get((spans[0].trace_id, spans[0].id), {})
    title = Title(
        experiment_id,
        facts.get("name", "") or (run.name if run else ""),
        facts.get("description", ""),
        facts.get("dataset.id", ""),
        "",
    )
    following = spans[-1].position.cursor if found.has_more else ""
    return title, outcomes, following


def _trace_ids(spans: Sequence[Observation]) -> list[TraceId]:
    return list({span.trace_id for span in spans})


def _position(request: AnyRequest) -> ObservationPosition | None:
    return ObservationPosition.of_cursor(request.query_params.get("after", ""))


routes = [show_dataset, show_run, show_experiment]
