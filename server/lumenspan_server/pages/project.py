"""The projects of a person, and the newest traces of one."""

import asyncio

from litestar import Response, get
from litestar.params import FromPath

from lumenspan.cursors import encode_cursor, number_and_id
from lumenspan.traces.domain import TraceFilter, TraceOrder, TraceSums, TraceTexts
from lumenspan_server.pages import access
from lumenspan_server.pages.rendering import AnyRequest, page

_TRACES = 50
_MAX_SEARCH = 200


@get("/project", summary="The projects of who signed in")
async def show_projects(request: AnyRequest) -> Response[bytes]:
    """Projects by organization."""
    services = access.services_of(request)
    visitor = await access.visitor_of(request)
    if visitor is None:
        raise access.SignInNeeded
    projects, organizations = await asyncio.gather(
        services.identity.projects.within_reach(visitor.principal),
        services.identity.organizations(visitor.principal),
    )
    names = {each.id: each.name for each in organizations}
    context = access.frame(services, visitor, projects=projects, organizations=names)
    return page("projects.html", context)


@get(["/project/{project_id:str}", "/project/{project_id:str}/traces"], summary="Traces, newest first")
async def show_project(request: AnyRequest, project_id: FromPath[str]) -> Response[bytes]:
    """A page of traces; ``search`` is part of an id or name, ``after`` where the page begins."""
    visitor, project = await access.require_member(request, project_id)
    services = access.services_of(request)
    search = request.query_params.get("search", "").replace("\0", "")[:_MAX_SEARCH]
    after = number_and_id(request.query_params.get("after") or None)
    found = await services.traces.page(project.id, TraceFilter(search=search), TraceOrder(), _TRACES, after)
    keys = [trace.key for trace in found.traces]
    sums, texts = await asyncio.gather(
        services.traces.sums(project.id, keys, has_ids=False), services.traces.previews(project.id, keys)
    )
    last = found.traces[-1] if found.traces else None
    context = access.frame(
        services,
        visitor,
        project=project,
        search=search,
        is_later=after is not None,
        is_cut=found.is_cut,
        next=encode_cursor([last.start_ns, last.id]) if last and found.has_more else "",
        traces=[
            (trace, sums.get(trace.id, TraceSums()), texts.get(trace.id, TraceTexts()))
            for trace in found.traces
        ],
    )
    return page("project.html", context)


routes = [show_projects, show_project]
