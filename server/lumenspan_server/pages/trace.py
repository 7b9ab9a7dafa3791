"""The page of a trace: what it says of itself, its observations as a tree, and the one that was chosen."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from litestar import Response, get
from litestar.params import FromPath

from lumenspan.cursors import decode_cursor, encode_cursor
from lumenspan.errors import NotFound
from lumenspan.ids import ObservationId
from lumenspan.observations.domain import Observation, ObservationOutline
from lumenspan.scores.domain import Score
from lumenspan.traces.domain import Trace, TraceSums, TraceTexts
from lumenspan_server.pages import access, tree
from lumenspan_server.pages.content import MAX_READ, Content, understand
from lumenspan_server.pages.files import files_of
from lumenspan_server.pages.rendering import AnyRequest, address, page, raw_text
from lumenspan_server.services import Services

MAX_ROWS = 1_000
"""Observations on one page of the tree."""
_MAX_SCORES = 200
_MAX_METADATA = 200
_MAX_METADATA_CHARS = 20_000
_PARTS = ("input", "output", "metadata")


@dataclass(slots=True)
class Chosen:
    """What the details show: the trace, or one observation of it."""

    observation: Observation | None
    input: Content
    output: Content
    metadata: list[tuple[str, Content]]
    has_more_metadata: bool
    parameters: Content = field(default_factory=Content)

    @property
    def contents(self) -> list[Content]:
        return [self.input, self.output, *(content for _, content in self.metadata)]


@get("/project/{project_id:str}/traces/{trace_id:path}", summary="The page of a trace")
async def show_trace(
    request: AnyRequest, project_id: FromPath[str], trace_id: FromPath[str]
) -> Response[bytes]:
    """The trace, with ``observation`` chosen; with ``raw`` one of its texts as it is.

    ``after`` is where the tree goes on when it does not fit one page.
    """
    visitor, trace, is_member = await access.open_trace(request, project_id, trace_id)
    services = access.services_of(request)
    observation = await _observation(services, trace, request.query_params.get("observation", ""))
    raw = request.query_params.get("raw", "")
    if raw:
        return raw_text(await _raw(services, trace, observation, raw))
    after = _position(request.query_params.get("after", ""))
    (nodes, has_more), after = await _outline(services, trace, observation, after)
    chosen, scores, sums = await asyncio.gather(
        _chosen(services, trace, observation),
        services.scores.by_traces(trace.project_id, [trace.id]),
        services.traces.sums(trace.project_id, [trace.key]),
    )
    files = await files_of(services, trace.project_id, chosen.contents)
    context = {
        "is_member": is_member,
        "project_id": trace.project_id,
        "trace": trace,
        "sums": sums.get(trace.id, TraceSums()),
        "rows": tree.rows(nodes, trace.start_ns, trace.end_ns),
        "scored": _scored(scores),
        "is_later": after is not None,
        "first_offset_ns": nodes[0].start_ns - trace.start_ns if nodes else 0,
        "after": encode_cursor(after) if after else "",
        "next": encode_cursor([nodes[-1].start_ns, nodes[-1].id]) if has_more else "",
        "chosen": chosen,
        "scores": _scores_of(scores, observation)[:_MAX_SCORES],
        "has_more_scores": len(_scores_of(scores, observation)) > _MAX_SCORES,
        "files": files,
        "desktop_url": _desktop_url(services, trace, observation),
        "here": address("project", trace.project_id, "traces", trace.id),
    }
    context = access.frame(services, visitor, **context)
    return page("trace.html", context, media_urls=[each.url for each in files.values()])


async def _observation(services: Services, trace: Trace, id_: str) -> Observation | None:
    if not id_:
        return None
    found = await services.observations.get(trace.project_id, trace.key, access.checked_id(id_))
    if found is None:
        raise NotFound("The trace has no such observation")
    return found


def _position(cursor: str) -> tuple[int, str] | None:
    if not cursor:
        return None
    start_ns, id_ = decode_cursor(cursor, [int, str])
    return int(start_ns), str(id_)


async def _outline(
    services: Services, trace: Trace, observation: Observation | None, after: tuple[int, str] | None
) -> tuple[tuple[list[ObservationOutline], bool], tuple[int, str] | None]:
    """A page of the tree and where it begins: with the chosen observation, where the link says no place."""
    reader = services.observations
    found = await reader.outline(trace.project_id, trace.key, MAX_ROWS, after)
    if after is None and observation is not None and found[1]:
        last = found[0][-1]
        if (observation.start_ns, observation.id) > (last.start_ns, last.id):
            after = (observation.start_ns, "")
            found = await reader.outline(trace.project_id, trace.key, MAX_ROWS, after)
    return found, after


async def _chosen(services: Services, trace: Trace, observation: Observation | None) -> Chosen:
    if observation is None:
        texts, metadata = await asyncio.gather(
            services.traces.texts(trace.project_id, [trace.key], MAX_READ + 1),
            services.traces.metadata(trace.project_id, [trace.key]),
        )
        found = texts.get(trace.id, TraceTexts())
        shown, has_more = _metadata(metadata.get(trace.id, {}))
        return Chosen(None, understand(found.input), understand(found.output), shown, has_more)
    of_observation = await services.observations.texts(
        trace.project_id, [trace.key], [observation.id], MAX_READ + 1
    )
    both = of_observation.get((trace.id, observation.id))
    shown, has_more = _metadata(observation.metadata)
    return Chosen(
        observation,
        understand(both.input if both else None),
        understand(both.output if both else None),
        shown,
        has_more,
        understand(observation.model_parameters, _MAX_METADATA_CHARS),
    )


def _metadata(metadata: Mapping[str, str]) -> tuple[list[tuple[str, Content]], bool]:
    """Its entries in order of their names, and whether something is left out."""
    left, found, is_cut = _MAX_METADATA_CHARS, [], len(metadata) > _MAX_METADATA
    for key in sorted(metadata)[:_MAX_METADATA]:
        content = understand(metadata[key][: MAX_READ + 1], max(200, left))
        left -= min(len(metadata[key]), left)
        is_cut = is_cut or content.is_cut or len(key) > 200
        found.append((key[:200], content))
    return found, is_cut


async def _raw(services: Services, trace: Trace, observation: Observation | None, part: str) -> str:
    if part not in _PARTS:
        raise NotFound("There is no such part")
    project_id = trace.project_id
    if part == "metadata":
        metadata = (
            observation.metadata
            if observation
            else (await services.traces.metadata(project_id, [trace.key])).get(trace.id, {})
        )
        return orjson.dumps(metadata, option=orjson.OPT_INDENT_2).decode()
    if observation is None:
        texts = (await services.traces.texts(project_id, [trace.key])).get(trace.id, TraceTexts())
        return getattr(texts, part) or ""
    found = await services.observations.texts(project_id, [trace.key], [observation.id])
    both = found.get((trace.id, ObservationId(observation.id)))
    return (getattr(both, part) or "") if both else ""


def _scores_of(scores: list[Score], observation: Observation | None) -> list[Score]:
    wanted = observation.id if observation else ""
    return [score for score in scores if score.observation_id == wanted]


def _scored(scores: list[Score]) -> dict[str, int]:
    """How many scores each observation has."""
    found: dict[str, int] = {}
    for score in scores:
        found[score.observation_id] = found.get(score.observation_id, 0) + 1
    return found


def _desktop_url(services: Services, trace: Trace, observation: Observation | None) -> str:
    """What the desktop application opens."""
    query = address(
        "open",
        server=str(services.settings.public_url).rstrip("/"),
        project=trace.project_id,
        trace=trace.id,
        observation=observation.id if observation else None,
    )
    return "lumenspan:/" + query


routes = [show_trace]
