"""Dead letters, replays and the backlog over GraphQL."""

from __future__ import annotations

from typing import Any

from lumenspan.clock import now_nanos
from lumenspan.ids import BlobKey, ProjectId
from lumenspan.ingest.dead_letters import Dead, DeadLetters, Stage
from lumenspan.ingest.keys import make_key
from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

LIST = """query Q($id: ID!, $first: Int!, $after: String, $reason: String) { project(id: $id) {
  backlog { payloads oldestAgeSeconds }
  deadLetters(first: $first, after: $after, reason: $reason) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { id stage reason position spanId attempts excerpt } } } } }"""
ONE = "query Q($id: ID!, $letter: ID!) { project(id: $id) { deadLetter(id: $letter) { excerpt reason } } }"
REPLAYS = "query Q($id: ID!) { project(id: $id) { replays { id state payloads } } }"
REPLAY = "mutation M($input: DeadLettersInput!) { replayDeadLetters(input: $input) }"
DISCARD = "mutation M($input: DeadLettersInput!) { discardDeadLetters(input: $input) }"
START = "mutation M($input: StartReplayInput!) { startReplay(input: $input) { id state } }"
CANCEL = "mutation M($input: ReplayInput!) { cancelReplay(input: $input) { id state } }"
RANGE = {"fromTimestamp": "2026-01-01T00:00:00Z", "toTimestamp": "2026-01-02T00:00:00Z"}


async def letters(server: RunningServer, access: ProjectAccess, count: int) -> BlobKey:
    key = make_key("", ProjectId(access.project_id), now_nanos())
    dead = [
        Dead(at, Stage.INSERT, f"reason {at}", b'{"name":"a span"}', "t", f"{at:016x}")
        for at in range(count)
    ]
    await DeadLetters(server.services.postgres).settle(key, access.project_id, dead)
    return key


async def page(
    server: RunningServer, access: ProjectAccess, first: int = 10, **more: Any
) -> dict[str, Any]:
    data = await server.data(access, LIST, id=access.project_id, first=first, **more)
    found: dict[str, Any] = data["project"]["deadLetters"]
    return found


async def test_letters_are_listed_shown_and_discarded(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    await letters(server, project, 3)
    first = await page(server, project, 2)
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    rest = await page(server, project, 2, after=first["pageInfo"]["endCursor"])
    ids = [edge["node"]["id"] for edge in first["edges"] + rest["edges"]]
    assert len(set(ids)) == 3
    (found,) = (await page(server, project, reason="reason 1"))["edges"]
    assert (found["node"]["stage"], found["node"]["position"], found["node"]["excerpt"]) == (
        "INSERT",
        1,
        None,
    )
    shown = await server.data(project, ONE, id=project.project_id, letter=found["node"]["id"])
    assert shown["project"]["deadLetter"]["excerpt"] == '{\n  "name": "a span"\n}'
    strange = await server.data(other_project, ONE, id=other_project.project_id, letter=ids[0])
    assert strange["project"]["deadLetter"] is None
    theirs = {"projectId": other_project.project_id, "ids": ids}
    refused = await server.graphql(other_project, REPLAY, input=theirs)
    assert refused["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    foreign = await server.graphql(other_project, DISCARD, input=theirs | {"projectId": project.project_id})
    assert foreign["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    mine = {"projectId": project.project_id, "ids": ids[1:]}
    assert (await server.data(project, DISCARD, input=mine))["discardDeadLetters"] == 2
    assert [edge["node"]["id"] for edge in (await page(server, project))["edges"]] == ids[:1]
    # Whether a worker is there to do it or not.
    assert (await server.data(project, REPLAY, input=mine | {"ids": ids[:1]}))["replayDeadLetters"] == 1


async def test_replays_are_started_listed_and_cancelled(
    server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    made = (await server.data(project, START, input={"projectId": project.project_id} | RANGE))[
        "startReplay"
    ]
    listed = await server.data(project, REPLAYS, id=project.project_id)
    (replay,) = listed["project"]["replays"]
    # A worker, where one is there, has nothing to replay and is done at once.
    assert (replay["id"], replay["payloads"]) == (made["id"], 0)
    assert replay["state"] in ("RUNNING", "DONE")
    foreign = {"projectId": other_project.project_id, "id": made["id"]}
    answer = await server.graphql(other_project, CANCEL, input=foreign)
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    stopped = await server.data(project, CANCEL, input=foreign | {"projectId": project.project_id})
    assert stopped["cancelReplay"]["state"] in ("CANCELLED", "DONE")
    empty = {"projectId": project.project_id} | RANGE | {"toTimestamp": RANGE["fromTimestamp"]}
    answer = await server.graphql(project, START, input=empty)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
