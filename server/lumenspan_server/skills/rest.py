"""REST routes of skills (contract, section 10)."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath

from lumenspan.clock import nanos_to_datetime
from lumenspan.skills.domain import SkillFilter
from lumenspan_server.access import require_project_key
from lumenspan_server.body_limits import SKILL_BODY_BYTES
from lumenspan_server.errors import STRUCTURED_HANDLERS
from lumenspan_server.operations import answer, operation, page_meta, read_body, read_query
from lumenspan_server.services import Services
from lumenspan_server.skills import bodies

_PATH = "/api/public/unstable/skills"
_ONE = _PATH + "/{skill_name:str}"
_VERSION = _ONE + "/versions/{skill_version:int}"


def _time(nanos: int | None) -> datetime | None:
    return None if nanos is None else nanos_to_datetime(nanos)


@get(
    _PATH,
    summary="Skills of the project by name",
    **operation(query=bodies.SkillQuery, answer=bodies.SkillList),
)
async def list_skills(request: Request[Any, Any, Any]) -> Response[bytes]:
    """One entry a skill, with what its newest version says."""
    principal = await require_project_key(request)
    query = read_query(request, bodies.SkillQuery)
    wanted = SkillFilter(
        name=query.name,
        search=query.search,
        tag=query.tag,
        since=_time(query.from_updated_at),
        until=_time(query.to_updated_at),
    )
    services: Services = request.app.state.services
    found, total = await services.skills.page(principal.project_id, wanted, query.page, query.limit)
    meta = page_meta(query, total)
    return answer(
        bodies.SkillList(
            data=tuple(map(bodies.of_summary, found)),
            meta=bodies.SkillPageMeta(
                page=meta.page,
                limit=meta.limit,
                total_items=meta.total_items,
                total_pages=meta.total_pages,
                has_next_page=query.page < meta.total_pages,
            ),
        )
    )


@post(
    _PATH,
    summary="Make a version of the skill that SKILL.md names",
    request_max_body_size=SKILL_BODY_BYTES,
    **operation(body=bodies.CreateSkillVersion, answer=bodies.SkillVersionAnswer),
)
async def create_skill_version(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The version with its files."""
    principal = await require_project_key(request)
    given = await read_body(request, bodies.CreateSkillVersion)
    services: Services = request.app.state.services
    made = await services.skills.create_version(
        principal.project_id, given.to_files(), given.commit_message
    )
    return answer(bodies.of_version(made))


@get(
    _PATH + "/files/content",
    summary="Texts of files by their hashes",
    **operation(query=bodies.ContentQuery, answer=bodies.FileContents),
)
async def get_file_contents(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The texts, in the order of the hashes."""
    principal = await require_project_key(request)
    # A client that did not encode a plus sent a blank.
    hashes = read_query(request, bodies.ContentQuery).sha256_hashes.strip().replace(" ", "+").split(",")
    services: Services = request.app.state.services
    found = await services.skills.contents(principal.project_id, hashes)
    return answer(
        bodies.FileContents(
            data=tuple(
                bodies.FileContent(sha256_hash=sha256, content=content) for sha256, content in found.items()
            )
        )
    )


@get(
    _ONE,
    summary="One version of a skill",
    **operation(query=bodies.VersionQuery, answer=bodies.SkillVersionAnswer),
)
async def get_skill(request: Request[Any, Any, Any], skill_name: FromPath[str]) -> Response[bytes]:
    """The version of the number or with the label, else the one in production."""
    principal = await require_project_key(request)
    query = read_query(request, bodies.VersionQuery)
    services: Services = request.app.state.services
    found = await services.skills.get(principal.project_id, unquote(skill_name), query.version, query.label)
    return answer(bodies.of_version(found))


@patch(
    _ONE,
    summary="Replace the tags of a skill",
    **operation(body=bodies.UpdateSkill, answer=bodies.SkillVersionAnswer),
)
async def update_skill(request: Request[Any, Any, Any], skill_name: FromPath[str]) -> Response[bytes]:
    """The newest version, with the tags that all versions have now."""
    principal = await require_project_key(request)
    given = await read_body(request, bodies.UpdateSkill)
    services: Services = request.app.state.services
    changed = await services.skills.set_tags(principal.project_id, unquote(skill_name), given.tags)
    return answer(bodies.of_version(changed))


@patch(
    _VERSION,
    summary="Replace the labels of a version",
    **operation(body=bodies.UpdateLabels, answer=bodies.SkillVersionAnswer),
)
async def set_labels(
    request: Request[Any, Any, Any], skill_name: FromPath[str], skill_version: FromPath[int]
) -> Response[bytes]:
    """The version; its labels leave other versions."""
    principal = await require_project_key(request)
    given = await read_body(request, bodies.UpdateLabels)
    services: Services = request.app.state.services
    changed = await services.skills.set_labels(
        principal.project_id, unquote(skill_name), skill_version, given.labels
    )
    return answer(bodies.of_version(changed))


@delete(_VERSION, summary="Delete a version of a skill", **operation(answer=bodies.VersionDeleted))
async def delete_version(
    request: Request[Any, Any, Any], skill_name: FromPath[str], skill_version: FromPath[int]
) -> Response[bytes]:
    """That it is gone; its number does not come again while the skill has other versions."""
    principal = await require_project_key(request)
    services: Services = request.app.state.services
    await services.skills.delete_version(principal.project_id, unquote(skill_name), skill_version)
    return answer(bodies.VersionDeleted(deleted=True))


routes = Router(
    path="/",
    route_handlers=[
        list_skills,
        create_skill_version,
        get_file_contents,
        get_skill,
        update_skill,
        set_labels,
        delete_version,
    ],
    exception_handlers=STRUCTURED_HANDLERS,
)
