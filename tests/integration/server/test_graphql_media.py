"""Files of traces over GraphQL."""

from __future__ import annotations

import os
from typing import Any

import httpx

from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.media.domain import Field, FileMark, TraceLink
from lumenspan.media.extract import File
from tests.conftest import ProjectAccess
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer

MEDIA = (
    "{ observationId field media { id contentType contentLength uploadedAt address { url expiresAt } } }"
)
TRACE = f"""query Q($project: ID!, $trace: ID!) {{ project(id: $project) {{ trace(id: $trace) {{
  media {MEDIA} observations {{ edges {{ node {{ id media {MEDIA} }} }} }} }} }} }}"""
ONE = "query Q($project: ID!, $id: ID!) { project(id: $project) { media(id: $id) { id address { url } } } }"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def keep(server: RunningServer, access: ProjectAccess, *places: tuple[str, Field]) -> File:
    data = os.urandom(200)
    file = File(FileMark.of("image/png", data), data)
    await server.services.media.keep(
        ProjectId(access.project_id),
        [file],
        [
            (file.mark.media_id, TraceLink(TraceId(TRACE_ID), ObservationId(at), part))
            for at, part in places
        ],
    )
    return file


async def test_files_are_listed_where_they_are_referred_to_and_can_be_read(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    spans = [
        observation(project.project_id, trace_id=TRACE_ID, id="1" * 16),
        observation(project.project_id, trace_id=TRACE_ID, id="2" * 16, parent_id="1" * 16),
    ]
    await insert(server.services.clickhouse, spans)
    await keep(server, other_project, ("1" * 16, Field.INPUT))
    shared = await keep(server, project, ("1" * 16, Field.INPUT), ("2" * 16, Field.OUTPUT))
    whole = await keep(server, project, ("", Field.METADATA))
    data = await server.data(project, TRACE, project=project.project_id, trace=TRACE_ID)
    trace = data["project"]["trace"]

    def told(references: list[dict[str, Any]]) -> set[tuple[str | None, str, str]]:
        return {(each["observationId"], each["field"], each["media"]["id"]) for each in references}

    of_first = ("1" * 16, "INPUT", shared.mark.media_id)
    of_second = ("2" * 16, "OUTPUT", shared.mark.media_id)
    assert told(trace["media"]) == {(None, "METADATA", whole.mark.media_id), of_first, of_second}
    by_id = {edge["node"]["id"]: edge["node"]["media"] for edge in trace["observations"]["edges"]}
    assert told(by_id["1" * 16]) == {of_first}
    assert told(by_id["2" * 16]) == {of_second}
    media = by_id["1" * 16][0]["media"]
    assert (media["contentType"], media["contentLength"]) == ("image/png", 200)
    async with httpx.AsyncClient() as http:
        assert (await http.get(media["address"]["url"])).content == shared.data


async def test_one_file_by_its_id(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    file = await keep(server, project, ("1" * 16, Field.INPUT))
    found = await server.data(project, ONE, project=project.project_id, id=file.mark.media_id)
    assert found["project"]["media"]["id"] == file.mark.media_id
    strange = await server.data(other_project, ONE, project=other_project.project_id, id=file.mark.media_id)
    assert strange["project"]["media"] is None
