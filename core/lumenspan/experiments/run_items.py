"""Items of experiments that were made as run items over REST, with what is known of their spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from lumenspan.clock import datetime_to_nanos
from lumenspan.datasets.history import RunHistory, RunItemActivity, RunSearch
from lumenspan.experiments.domain import ExperimentItem, Place, Search
from lumenspan.ids import ProjectId, TraceId
from lumenspan.observations.domain import Level, Observation, ObservationParts
from lumenspan.observations.service import ObservationService
from lumenspan.traces.domain import Trace, TraceTexts
from lumenspan.traces.service import TraceService

_Span = Trace | Observation


class RunItems:
    """Reads run items and looks up their spans."""

    def __init__(self, history: RunHistory, observations: ObservationService, traces: TraceService) -> None:
        self._history = history
        self._observations = observations
        self._traces = traces

    async def page(self, project_id: ProjectId, runs: RunSearch, search: Search) -> list[ExperimentItem]:
        """Run items by the time they were made, newest first; their traces may be missing."""
        found = await self._history.items(project_id, runs)
        traces = {each.id: each for each in await self._traces_of(project_id, found)}
        spans = await self._spans_of(project_id, found, list(traces.values()), search)
        keys = [trace.key for trace in traces.values()]
        texts = await self._traces.texts(project_id, keys) if search.has_texts else {}
        metadata = await self._traces.metadata(project_id, keys) if search.has_metadata else {}
        made = []
        for each in found:
            trace_id = TraceId(each.item.trace_id)
            span = spans.get((trace_id, each.item.observation_id or ""))
            texts_of, metadata_of = texts.get(trace_id, TraceTexts()), metadata.get(trace_id, {})
            if each.item.observation_id:
                texts_of = TraceTexts(span.input, span.output) if span else TraceTexts()
                metadata_of = span.metadata if span else {}
            made.append(_item(each, span or traces.get(trace_id), texts_of, metadata_of, search))
        return made

    async def _traces_of(self, project_id: ProjectId, found: Sequence[RunItemActivity]) -> list[Trace]:
        ids = sorted({each.item.trace_id for each in found})
        return await self._traces.by_ids(project_id, ids)

    async def _spans_of(
        self,
        project_id: ProjectId,
        found: Sequence[RunItemActivity],
        traces: Sequence[Trace],
        search: Search,
    ) -> dict[tuple[str, str], Observation]:
        """The observation that each names by trace and id; the root of each trace under an empty id."""
        keys = [trace.key for trace in traces]
        ids = sorted({each.item.observation_id for each in found if each.item.observation_id})
        parts = ObservationParts(search.has_texts, metadata_chars=None if search.has_metadata else 0)
        named = await self._observations.by_ids(project_id, keys, ids, parts)
        roots = await self._observations.roots(project_id, keys)
        spans = {(str(each.trace_id), str(each.id)): each for each in named}
        return spans | {(str(trace_id), ""): root for trace_id, root in roots.items()}


def _item(
    each: RunItemActivity,
    span: _Span | None,
    texts: TraceTexts,
    metadata: dict[str, str],
    search: Search,
) -> ExperimentItem:
    item, created_ns = each.item, datetime_to_nanos(each.item.created_at)
    return ExperimentItem(
        id=span.id if isinstance(span, Observation) else item.observation_id or item.trace_id,
        trace_id=item.trace_id,
        start_ns=span.start_ns if span else created_ns,
        end_ns=span.end_ns if span else None,
        level=span.level if span else Level.DEFAULT,
        environment=span.environment if span else "default",
        experiment_id=item.run_id,
        experiment_name=item.run_name,
        item_id=item.item_id,
        dataset_id=each.dataset_id,
        item_version_ns=each.version_ns,
        place=Place(created_ns, item.run_id, "", item.id),
        input=texts.input,
        output=texts.output,
        expected_output=_text(each.expected_output) if search.has_texts else None,
        metadata=dict(metadata),
        item_metadata=_object(each.item_metadata),
        experiment_metadata=_object(each.metadata),
        experiment_description=each.description,
    )


def _text(value: Any) -> str | None:
    """As spans carry it: a text itself, all else as JSON."""
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"metadata": value}
