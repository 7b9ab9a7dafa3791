"""The page of a session: its traces in the order in which they happened."""

import asyncio

from litestar import Response, get
from litestar.params import FromPath

from lumenspan.filters import Condition
from lumenspan.traces.domain import TraceFilter, TraceOrder, TraceOrderField, TraceSums, TraceTexts
from lumenspan_server.pages import access
from lumenspan_server.pages.content import understand
from lumenspan_server.pages.files import files_of
from lumenspan_server.pages.rendering import AnyRequest, page

TRACES = 20
"""Traces on one page."""
_READ_CHARS = 60_000
_SHOWN_CHARS = 8_000
_MAX_SCORES = 50
_OLDEST_FIRST = TraceOrder(TraceOrderField.TIMESTAMP, is_descending=False)


@get("/project/{project_id:str}/sessions/{session_id:path}", summary="The page of a session")
async def show_session(
    request: AnyRequest, project_id: FromPath[str], session_id: FromPath[str]
) -> Response[bytes]:
    """Its traces with input, output, scores and cost; ``page`` counts from 1."""
    visitor, project = await access.require_member(request, project_id)
    services, number = access.services_of(request), access.page_number(request)
    session = await services.sessions.get(project.id, access.checked_id(session_id))
    where = TraceFilter(session_ids=(session.id,))
    (traces, total), (of_session, _) = await asyncio.gather(
        services.traces.numbered_page(project.id, where, _OLDEST_FIRST, number, TRACES),
        services.scores.after(
            project.id, [Condition("string", "sessionId", "=", session.id)], _MAX_SCORES, None
        ),
    )
    keys = [trace.key for trace in traces]
    texts, sums, scores = await asyncio.gather(
        services.traces.texts(project.id, keys, _READ_CHARS + 1),
        services.traces.sums(project.id, keys, has_ids=False),
        services.scores.by_traces(project.id, [trace.id for trace in traces], _MAX_SCORES),
    )
    turns = []
    for trace in traces:
        said = texts.get(trace.id, TraceTexts())
        both = understand(said.input, _SHOWN_CHARS), understand(said.output, _SHOWN_CHARS)
        own = [score for score in scores if score.trace_id == trace.id]
        turns.append((trace, *both, sums.get(trace.id, TraceSums()), own))
    contents = [content for _, input_, output, _, _ in turns for content in (input_, output)]
    files = await files_of(services, project.id, contents)
    context = access.frame(
        services,
        visitor,
        project=project,
        session=session,
        turns=turns,
        scores=of_session,
        files=files,
        total=total,
        page=number,
        pages=max(1, -(-total // TRACES)),
    )
    return page("session.html", context, media_urls=[each.url for each in files.values()])


routes = [show_session]
