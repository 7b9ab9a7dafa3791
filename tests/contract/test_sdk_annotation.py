"""Annotation queues and comments through the generated client of the Python SDK, as it is published."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from langfuse.api import AnnotationQueueObjectType, AnnotationQueueStatus, AsyncLangfuseAPI, NotFoundError

from tests.conftest import ProjectAccess
from tests.contract.people import user_id
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer


@pytest.fixture
async def api(server: RunningServer, project: ProjectAccess) -> AsyncIterator[AsyncLangfuseAPI]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield AsyncLangfuseAPI(
            base_url=server.base_url,
            username=project.public_key,
            password=project.secret_key,
            httpx_client=client,
        )


async def test_a_queue_from_start_to_end(
    server: RunningServer, project: ProjectAccess, api: AsyncLangfuseAPI
) -> None:
    config = await api.score_configs.create(name="quality", data_type="NUMERIC")  # type: ignore[arg-type]
    queues, person = api.annotation_queues, await user_id(server, project)
    queue = await queues.create_queue(name="review", score_config_ids=[config.id])
    assert [each.id for each in (await queues.list_queues(page=1, limit=10)).data] == [queue.id]
    assert await queues.get_queue(queue.id) == queue
    item = await queues.create_queue_item(
        queue.id, object_id="t", object_type=AnnotationQueueObjectType.TRACE
    )
    assert (item.status, item.completed_at) == (AnnotationQueueStatus.PENDING, None)
    done = await queues.update_queue_item(queue.id, item.id, status=AnnotationQueueStatus.COMPLETED)
    assert done.completed_at is not None
    assert await queues.get_queue_item(queue.id, item.id) == done
    pending = await queues.list_queue_items(queue.id, status=AnnotationQueueStatus.PENDING)
    assert (pending.data, pending.meta.total_items) == ([], 0)
    assigned = await queues.create_queue_assignment(queue.id, user_id=person)
    assert (assigned.user_id, assigned.project_id) == (person, project.project_id)
    assert (await queues.delete_queue_assignment(queue.id, user_id=person)).success
    assert (await queues.delete_queue_item(queue.id, item.id)).success
    with pytest.raises(NotFoundError):
        await queues.get_queue_item(queue.id, item.id)


async def test_comments(server: RunningServer, project: ProjectAccess, api: AsyncLangfuseAPI) -> None:
    row = observation(project.project_id)
    await insert(server.services.clickhouse, [row])
    person = await user_id(server, project)
    made = await api.comments.create(
        project_id=project.project_id,
        object_type="OBSERVATION",
        object_id=row["id"],
        content="look",
        author_user_id=person,
    )
    found = await api.comments.get_by_id(made.id)
    assert (found.content, found.author_user_id, found.object_id) == ("look", person, row["id"])
    assert (await api.comments.get(object_type="OBSERVATION", object_id=row["id"])).data == [found]
    with pytest.raises(NotFoundError):
        await api.comments.create(
            project_id=project.project_id, object_type="TRACE", object_id="none", content="x"
        )
