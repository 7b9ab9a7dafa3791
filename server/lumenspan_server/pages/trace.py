"""The page of a trace: what it says of itself, its observations as a tree, and the one that was chosen."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from litestar import Response, get
from litestar.params import FromPath

from lumenspan.cursors import encode_cursor, number_and_id
from lumenspan.errors import NotFound
from lumenspan.ids import ObservationId
from lumenspan.observations.domain import Observation
from lumenspan.traces.domain import Trace, TraceSums, TraceTexts
from lumenspan_server.pages import access, tree
from lumenspan_server.pages.content import MAX_READ, Content, understand
from lumenspan_server.pages.files import files_of
from lumenspan_server.pages.rendering import AnyRequest, address, page, raw_text
from lumenspan_server.pages.tree_markup import kind, tree_markup
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


@dataclass(frozen=True, slots=True)
class Outline:
    """A part of the tree.

    Attributes:
        offset_ns: from the start of the trace to that of the first row.
        after: cursor of where it begins; empty for the start.
        next: cursor of where the next part begins; empty for the end.
    """

    rows: list[tree.Row]
    offset_ns: int
    after: str
    next: str


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
    outline, chosen, scores, sums = await asyncio.gather(
        _outline(services, trace, observation, number_and_id(request.query_params.get("after") or None)),
        _chosen(services, trace, observation),
        services.scores.by_traces(trace.project_id, [trace.id]),
        services.traces.sums(trace.project_id, [trace.key], has_ids=False),
    )
    files = await files_of(services, trace.project_id, chosen.contents)
    scored = Counter(score.observation_id for score in scores)
    own = [score for score in scores if score.observation_id == (observation.id if observation else "")]
    context = access.frame(
        services,
        visitor,
        is_member=is_member,
        project_id=trace.project_id,
        trace=trace,
        here=address("project", trace.project_id, "traces", trace.id),
        sums=sums.get(trace.id, TraceSums()),
        outline=outline,
        scored=scored[""],
        tree=tree_markup(outline.rows, observation.id if observation else "", scored, outline.after),
        kind=kind,
        chosen=chosen,
        scores=own[:_MAX_SCORES],
        has_more_scores=len(own) > _MAX_SCORES,
        files=files,
        desktop_url=_desktop_url(services, trace, observation),
    )
    return page("trace.html", context, media_urls=[each.url for each in files.values()])


async def _observation(services: Services, trace: Trace, id_: str) -> Observation | None:
    if not id_:
        return None
    found = await services.observations.get(trace.project_id, trace.key, access.checked_id(id_))
    if found is None:
        raise NotFound("The trace has no such observation")
    return found


async def _outline(
    services: Services, trace: Trace, observation: Observation | None, after: tuple[int, str] | None
) -> Outline:
    """A page of the tree; one that begins with the chosen observation where the link names no place."""
    reader = services.observations
    nodes, has_more = await reader.outline(trace.project_id, trace.key, MAX_ROWS, after)
    if after is None and observation is not None and has_more:
        last = nodes[-1]
        if (observation.start_ns, observation.id) > (last.start_ns, last.id):
            after = (observation.start_ns, "")
            nodes, has_more = await reader.outline(trace.project_id, trace.key, MAX_ROWS, after)
    span = (trace.start_ns, trace.end_ns)
    if nodes and (has_more or after is not None):
        # On the scale of the whole trace the bars of a part of it would be but dots.
        span = (nodes[0].start_ns, max(node.end_ns or node.start_ns for node in nodes))
    return Outline(
        tree.rows(nodes, *span),
        offset_ns=span[0] - trace.start_ns,
        after=encode_cursor(after) if after else "",
        next=encode_cursor([nodes[-1].start_ns, nodes[-1].id]) if has_more else "",
    )


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
