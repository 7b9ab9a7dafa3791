"""Reading experiments and their items, newest first; the caller has checked that the project may be read.

Two sources are merged: spans that say of which experiment they are, and the runs and run items that older
SDKs make over REST. An experiment that has such spans is read from these alone, so nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lumenspan.datasets.history import RunActivity, RunHistory, RunSearch
from lumenspan.experiments.domain import Experiment, ExperimentItem, Place, Search
from lumenspan.experiments.repository import Said, SpanExperiment, SpanExperiments
from lumenspan.experiments.run_items import RunItems
from lumenspan.filters import Condition, within
from lumenspan.ids import ProjectId
from lumenspan.observations.domain import Observation, ObservationParts, ObservationPosition
from lumenspan.observations.service import ObservationService
from lumenspan.scores.service import ScoreService
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.postgres import Postgres
from lumenspan.traces.service import TraceService

_RUN_COLUMNS = {
    "id": "runId",
    "name": "runName",
    "datasetId": "datasetId",
    "experimentId": "runId",
    "experimentName": "runName",
    "experimentItemId": "itemId",
}
_SPAN_COLUMNS = {"datasetId": "experimentDatasetId"}


class ExperimentService:
    """Everything that reads experiments."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        postgres: Postgres,
        observations: ObservationService,
        traces: TraceService,
        scores: ScoreService,
    ) -> None:
        self._spans = SpanExperiments(clickhouse)
        self._history = RunHistory(postgres)
        self._run_items = RunItems(self._history, observations, traces)
        self._observations = observations
        self._scores = scores

    async def experiments(
        self, project_id: ProjectId, search: Search
    ) -> tuple[list[Experiment], Place | None]:
        """At most ``limit`` experiments by their latest end, and the last one's place if there are more.

        Raises:
            InvalidInput: a condition does not fit its column.
            QueryTooExpensive: the time limit was reached.
        """
        wanted = search.limit + 1
        of_spans = await self._spans.page(project_id, search, wanted)
        runs = await self._history.runs(project_id, await self._run_search(project_id, search, wanted))
        merged: list[SpanExperiment | RunActivity] = [*of_spans, *runs]
        merged.sort(key=_activity, reverse=True)
        page = merged[: search.limit]
        said = await self._spans.said(project_id, [x.newest for x in page if isinstance(x, SpanExperiment)])
        scores = await self._scores.by_runs(project_id, [each.id for each in page], search.score_limit)
        found = [
            replace(
                _of_spans(each, said) if isinstance(each, SpanExperiment) else _of_run(each),
                scores=scores.get(each.id, ()),
            )
            for each in page
        ]
        if len(merged) <= search.limit:
            return found, None
        return found, Place(*_activity(page[-1]))

    async def items(
        self, project_id: ProjectId, search: Search
    ) -> tuple[list[ExperimentItem], Place | None]:
        """At most ``limit`` items, newest first, and the last one's place if there are more.

        Raises:
            InvalidInput: a condition does not fit its column.
            QueryTooExpensive: the time limit was reached.
        """
        of_spans = await self._span_items(project_id, search)
        runs = await self._run_search(project_id, search, search.limit + 1)
        merged = [*of_spans, *await self._run_items.page(project_id, runs, search)]
        # Sorting keeps the order of equals: spans stand before run items of the same instant.
        merged.sort(key=lambda item: item.place.time_ns, reverse=True)
        page = merged[: search.limit]
        spans = [(item.trace_id, item.id) for item in page]
        scores = await self._scores.by_spans(project_id, spans, search.score_limit)
        found = [replace(item, scores=scores.get((item.trace_id, item.id), ())) for item in page]
        return found, page[-1].place if len(merged) > search.limit else None

    async def _run_search(self, project_id: ProjectId, search: Search, limit: int) -> RunSearch:
        return RunSearch(
            from_ns=search.from_ns,
            to_ns=search.to_ns,
            conditions=_renamed(search.conditions, _RUN_COLUMNS),
            without=await self._spans.ids(project_id),
            limit=limit,
            after=_after_run(search.after),
        )

    async def _span_items(self, project_id: ProjectId, search: Search) -> list[ExperimentItem]:
        conditions = [
            Condition("boolean", "isExperimentItemRootSpan", "=", True),
            *within("startTime", search.from_ns, search.to_ns),
            *_renamed(search.conditions, _SPAN_COLUMNS),
        ]
        after = None
        if search.after is not None and search.after.trace_id:
            after = ObservationPosition(search.after.time_ns, search.after.trace_id, search.after.id)
        elif search.after is not None:
            conditions.append(Condition("datetime", "startTime", "<", search.after.time_ns))
        parts = ObservationParts(search.has_texts, metadata_chars=None if search.has_metadata else 0)
        page = await self._observations.search(project_id, conditions, search.limit + 1, after, parts)
        places = [(each.trace_id, each.id, each.start_ns) for each in page.observations]
        said = await self._spans.said(project_id, places)
        return [
            _item(each, said.get((each.trace_id, each.id), Said({})), search) for each in page.observations
        ]


def _activity(each: SpanExperiment | RunActivity) -> tuple[int, str]:
    return (each.end_ns if isinstance(each, SpanExperiment) else each.last_ns), each.id


def _after_run(after: Place | None) -> tuple[int, str] | None:
    """Behind the place among runs or run items."""
    if after is None:
        return None
    if after.trace_id:
        # A span: run items of the same instant follow it, and every id is smaller than this one.
        return after.time_ns, "\U0010ffff"
    return after.time_ns, after.id or after.experiment_id


def _renamed(conditions: Sequence[Condition], names: dict[str, str]) -> tuple[Condition, ...]:
    return tuple(replace(each, column=names.get(each.column, each.column)) for each in conditions)


def _of_spans(each: SpanExperiment, said: dict[tuple[str, str], Said]) -> Experiment:
    says = said.get(each.newest[:2], Said({}))
    return Experiment(
        id=each.id,
        name=says.text("name"),
        description=says.text("description") or None,
        start_ns=each.start_ns,
        end_ns=each.end_ns,
        item_count=each.item_count,
        dataset_id=says.text("dataset.id") or None,
        metadata=dict(says.under("metadata.")),
    )


def _of_run(run: RunActivity) -> Experiment:
    return Experiment(
        id=run.id,
        name=run.name,
        description=run.description,
        start_ns=run.first_ns,
        end_ns=run.last_ns,
        item_count=run.item_count,
        dataset_id=run.dataset_id,
        metadata=run.metadata or {},
    )


def _item(each: Observation, said: Said, search: Search) -> ExperimentItem:
    experiment_id = said.text("id")
    metadata: dict[str, Any] = dict(each.metadata)
    return ExperimentItem(
        id=each.id,
        trace_id=each.trace_id,
        start_ns=each.start_ns,
        end_ns=each.end_ns,
        level=each.level,
        environment=each.environment,
        experiment_id=experiment_id,
        experiment_name=said.text("name"),
        item_id=said.text("item.id"),
        dataset_id=said.text("dataset.id") or None,
        item_version_ns=said.item_version_ns,
        place=Place(each.start_ns, experiment_id, each.trace_id, each.id),
        input=each.input,
        output=each.output,
        expected_output=(said.text("item.expected_output") or None) if search.has_texts else None,
        metadata=metadata,
        item_metadata=dict(said.under("item.metadata.")),
        experiment_metadata=dict(said.under("metadata.")),
        experiment_description=said.text("description") or None,
    )
