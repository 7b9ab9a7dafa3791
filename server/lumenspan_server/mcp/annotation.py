"""Tools of annotation queues."""

from typing import Annotated, Any

from msgspec import Meta

from lumenspan.annotation.domain import ItemStatus, ObjectType
from lumenspan_server.annotation.rows import to_assignment, to_item, to_queue
from lumenspan_server.mcp.tools import Arguments, Call, Paged, Tool, page_of, tool

TOOLS: list[Tool] = []

_Id = Annotated[str, Meta(min_length=1)]


class QueueById(Arguments):
    """Which queue."""

    queue_id: _Id


class CreateQueue(Arguments):
    """A queue to make."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    score_config_ids: Annotated[
        tuple[str, ...], Meta(min_length=1, max_length=100, description="What its items are scored on")
    ]
    description: str | None = None


class ListItems(Paged, kw_only=True):
    """Items of which queue."""

    queue_id: _Id
    status: ItemStatus | None = None


class ItemById(QueueById):
    """Which item."""

    item_id: _Id


class CreateItem(QueueById):
    """Something to look at."""

    object_id: Annotated[str, Meta(min_length=1, max_length=1_000)]
    object_type: ObjectType
    status: ItemStatus | None = None


class UpdateItem(ItemById):
    """What is to change."""

    status: ItemStatus


class Assign(QueueById):
    """Whom."""

    user_id: _Id


@tool(TOOLS, "listAnnotationQueues", "Annotation queues of the project, newest first", is_read_only=True)
async def list_queues(call: Call, given: Paged) -> Any:
    found, total = await call.services.annotation.page(call.project_id, given.page, given.limit)
    return page_of([to_queue(each) for each in found], given, total)


@tool(TOOLS, "getAnnotationQueue", "One annotation queue", is_read_only=True)
async def get_queue(call: Call, given: QueueById) -> Any:
    return to_queue(await call.services.annotation.get(call.project_id, given.queue_id))


@tool(TOOLS, "createAnnotationQueue", "Make a queue of things that people are to look at")
async def create_queue(call: Call, given: CreateQueue) -> Any:
    made = await call.services.annotation.create(
        call.project_id, given.name, given.description, given.score_config_ids
    )
    return to_queue(made)


@tool(TOOLS, "listAnnotationQueueItems", "Items of an annotation queue, newest first", is_read_only=True)
async def list_items(call: Call, given: ListItems) -> Any:
    found, total = await call.services.annotation.items(
        call.project_id, given.queue_id, given.status, given.page, given.limit
    )
    return page_of([to_item(each) for each in found], given, total)


@tool(TOOLS, "getAnnotationQueueItem", "One item of an annotation queue", is_read_only=True)
async def get_item(call: Call, given: ItemById) -> Any:
    return to_item(await call.services.annotation.item(call.project_id, given.queue_id, given.item_id))


@tool(TOOLS, "createAnnotationQueueItem", "Put a trace, an observation or a session into a queue")
async def create_item(call: Call, given: CreateItem) -> Any:
    made = await call.services.annotation.add_item(
        call.project_id,
        given.queue_id,
        given.object_type,
        given.object_id,
        given.status or ItemStatus.PENDING,
    )
    return to_item(made)


@tool(
    TOOLS,
    "updateAnnotationQueueItem",
    "Complete an item of a queue, or put it back",
    is_destructive=True,
    is_idempotent=True,
)
async def update_item(call: Call, given: UpdateItem) -> Any:
    changed = await call.services.annotation.set_status(
        call.project_id, given.queue_id, given.item_id, given.status
    )
    return to_item(changed)


@tool(
    TOOLS,
    "deleteAnnotationQueueItem",
    "Take an item out of a queue; what it is about and its scores stay",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_item(call: Call, given: ItemById) -> Any:
    await call.services.annotation.delete_item(call.project_id, given.queue_id, given.item_id)
    return {"success": True, "message": "Annotation queue item deleted successfully"}


@tool(TOOLS, "createAnnotationQueueAssignment", "Let a person work on a queue", is_idempotent=True)
async def create_assignment(call: Call, given: Assign) -> Any:
    return to_assignment(
        await call.services.annotation.assign(call.project_id, given.queue_id, given.user_id)
    )


@tool(
    TOOLS,
    "deleteAnnotationQueueAssignment",
    "Let a person no longer work on a queue",
    is_destructive=True,
    is_idempotent=True,
)
async def delete_assignment(call: Call, given: Assign) -> Any:
    await call.services.annotation.unassign(call.project_id, given.queue_id, given.user_id)
    return {"success": True}
