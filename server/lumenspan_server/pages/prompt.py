"""The page of a prompt: one version, and which others there are."""

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from lumenspan.errors import NotFound
from lumenspan.ids import ProjectId
from lumenspan.prompts.domain import LATEST, Prompt, PromptFilter
from lumenspan_server.pages import access
from lumenspan_server.pages.content import of_value
from lumenspan_server.pages.rendering import AnyRequest, page
from lumenspan_server.services import Services

_MAX_VERSION = 2**31
_MAX_VERSIONS = 100


@get("/project/{project_id:str}/prompts/{name:path}", summary="The page of a prompt")
async def show_prompt(
    request: AnyRequest, project_id: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """``version`` or ``label`` choose; else the version in production, else the newest."""
    visitor, project = await access.require_member(request, project_id)
    services = access.services_of(request)
    prompt = await _prompt(request, services, project.id, access.checked_id(name))
    summaries, _ = await services.prompts.page(project.id, PromptFilter(prompt.name), None, 1, 1)
    versions = sorted(summaries[0].versions if summaries else [prompt.version], reverse=True)
    context = access.frame(
        services,
        visitor,
        project=project,
        prompt=prompt,
        body=of_value(_body(prompt.prompt)),
        config=of_value(prompt.config or None),
        versions=versions[:_MAX_VERSIONS],
        version_count=len(versions),
    )
    return page("prompt.html", context)


async def _prompt(request: AnyRequest, services: Services, project_id: ProjectId, name: str) -> Prompt:
    version, label = request.query_params.get("version", ""), request.query_params.get("label", "")
    if version:
        is_number = version.isascii() and version.isdecimal() and len(version) <= 10
        if not is_number or not 0 < int(version) < _MAX_VERSION:
            raise NotFound("There is no such version")
        return await services.prompts.get(project_id, name, int(version))
    if label:
        return await services.prompts.get(project_id, name, label=access.checked_id(label))
    try:
        return await services.prompts.get(project_id, name)
    except NotFound:
        return await services.prompts.get(project_id, name, label=LATEST)


def _body(prompt: Any) -> Any:
    """The messages; a placeholder, which stands for some, as one of them."""
    if not isinstance(prompt, list):
        return prompt
    return [
        {"role": "placeholder", "content": each["name"]} if each.get("type") == "placeholder" else each
        for each in prompt
    ]


routes = [show_prompt]
