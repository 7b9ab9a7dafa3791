"""REST routes of annotation queues, their items and assignments (contract, section 7)."""

from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from lumenspan.annotation.domain import ItemStatus, ObjectType
from lumenspan.identity.domain import KeyPrincipal
from lumenspan_server.access import require_project_key
from lumenspan_server.annotation.rows import (
    AssignmentAnswer,
    Deleted,
    ItemAnswer,
    ItemPage,
    QueueAnswer,
    QueuePage,
    Unassigned,
    to_assignment,
    to_item,
    to_queue,
)
from lumenspan_server.operations import (
    PageQuery,
    StrictWire,
    Wire,
    answer,
    operation,
    page_meta,
    read_body,
    read_query,
)
from lumenspan_server.services import Services

_QUEUES = "/api/public/annotation-queues"
_QUEUE = _QUEUES + "/{queue_id:str}"
_ITEMS, _ITEM = _QUEUE + "/items", _QUEUE + "/items/{item_id:str}"
_ASSIGNMENTS = _QUEUE + "/assignments"
_DELETED = "Annotation queue item deleted successfully"


class NoQuery(StrictWire):
    """No parameter is known."""


class QueuesQuery(PageQuery, forbid_unknown_fields=True):
    """A page of queues."""


class ItemsQuery(PageQuery, forbid_unknown_fields=True):
    """A page of items, of one status where given."""

    status: ItemStatus | None = None


class CreateQueue(Wire):
    """A queue to make."""

    name: str
    score_config_ids: tuple[str, ...]
    description: str | None = None


class CreateItem(Wire):
    """Something to look at."""

    object_id: str
    object_type: ObjectType
    status: ItemStatus | None = None


class UpdateItem(Wire):
    """What is to change of an item."""

    status: ItemStatus | None = None


class AssignmentBody(Wire):
    """Who."""

    user_id: str


async def _principal(request: Request[Any, Any, Any]) -> KeyPrincipal:
    """The key of a call that takes no parameters."""
    principal = await require_project_key(request)
    read_query(request, NoQuery)
    return principal


@post(
    _QUEUES,
    summary="Make an annotation queue",
    **operation(query=NoQuery, body=CreateQueue, answer=QueueAnswer, resource="annotation-queues"),
)
async def create_queue(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The queue."""
    principal = await _principal(request)
    body = await read_body(request, CreateQueue)
    services: Services = request.app.state.services
    made = await services.annotation.create(
        principal.project_id, body.name, body.description, body.score_config_ids
    )
    return answer(to_queue(made))


@get(
    _QUEUES,
    summary="Annotation queues of the project, newest first",
    **operation(query=QueuesQuery, answer=QueuePage, resource="annotation-queues"),
)
async def list_queues(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A page of queues."""
    principal = await require_project_key(request)
    query = read_query(request, QueuesQuery)
    services: Services = request.app.state.services
    found, total = await services.annotation.page(principal.project_id, query.page, query.limit)
    return answer(QueuePage(data=[to_queue(each) for each in found], meta=page_meta(query, total)))


@get(
    _QUEUE,
    summary="One annotation queue",
    **operation(query=NoQuery, answer=QueueAnswer, resource="annotation-queues"),
)
async def get_queue(request: Request[Any, Any, Any], queue_id: FromPath[str]) -> Response[bytes]:
    """The queue; 404 where there is none."""
    principal = await _principal(request)
    services: Services = request.app.state.services
    return answer(to_queue(await services.annotation.get(principal.project_id, queue_id)))


@post(
    _ITEMS,
    summary="Put a trace, an observation or a session into a queue",
    **operation(query=NoQuery, body=CreateItem, answer=ItemAnswer, resource="annotation-queues"),
)
async def create_item(request: Request[Any, Any, Any], queue_id: FromPath[str]) -> Response[bytes]:
    """The item; what it is about is not looked for."""
    principal = await _principal(request)
    body = await read_body(request, CreateItem)
    services: Services = request.app.state.services
    made = await services.annotation.add_item(
        principal.project_id,
        queue_id,
        body.object_type,
        body.object_id,
        body.status or ItemStatus.PENDING,
    )
    return answer(to_item(made))


@get(
    _ITEMS,
    summary="Items of a queue, newest first",
    **operation(query=ItemsQuery, answer=ItemPage, resource="annotation-queues"),
)
async def list_items(request: Request[Any, Any, Any], queue_id: FromPath[str]) -> Response[bytes]:
    """A page of items."""
    principal = await require_project_key(request)
    query = read_query(request, ItemsQuery)
    services: Services = request.app.state.services
    found, total = await services.annotation.items(
        principal.project_id, queue_id, query.status, query.page, query.limit
    )
    return answer(ItemPage(data=[to_item(each) for each in found], meta=page_meta(query, total)))


@get(
    _ITEM,
    summary="One item of a queue",
    **operation(query=NoQuery, answer=ItemAnswer, resource="annotation-queues"),
)
async def get_item(
    request: Request[Any, Any, Any], queue_id: FromPath[str], item_id: FromPath[str]
) -> Response[bytes]:
    """The item; 404 where there is no such queue or item."""
    principal = await _principal(request)
    services: Services = request.app.state.services
    return answer(to_item(await services.annotation.item(principal.project_id, queue_id, item_id)))


@patch(
    _ITEM,
    summary="Complete an item, or put it back",
    **operation(query=NoQuery, body=UpdateItem, answer=ItemAnswer, resource="annotation-queues"),
)
async def update_item(
    request: Request[Any, Any, Any], queue_id: FromPath[str], item_id: FromPath[str]
) -> Response[bytes]:
    """The item."""
    principal = await _principal(request)
    body = await read_body(request, UpdateItem)
    services: Services = request.app.state.services
    changed = await services.annotation.set_status(principal.project_id, queue_id, item_id, body.status)
    return answer(to_item(changed))


@delete(
    _ITEM,
    summary="Take an item out of a queue",
    **operation(query=NoQuery, answer=Deleted, resource="annotation-queues"),
)
async def delete_item(
    request: Request[Any, Any, Any], queue_id: FromPath[str], item_id: FromPath[str]
) -> Response[bytes]:
    """That it is gone; what it was about stays."""
    principal = await _principal(request)
    services: Services = request.app.state.services
    await services.annotation.delete_item(principal.project_id, queue_id, item_id)
    return answer(Deleted(success=True, message=_DELETED))


@post(
    _ASSIGNMENTS,
    summary="Let a person work on a queue",
    **operation(query=NoQuery, body=AssignmentBody, answer=AssignmentAnswer, resource="annotation-queues"),
)
async def create_assignment(request: Request[Any, Any, Any], queue_id: FromPath[str]) -> Response[bytes]:
    """The assignment; 404 where there is no such queue, or nobody of that id who may see the project."""
    principal = await _principal(request)
    body = await read_body(request, AssignmentBody)
    services: Services = request.app.state.services
    return answer(
        to_assignment(await services.annotation.assign(principal.project_id, queue_id, body.user_id))
    )


@delete(
    _ASSIGNMENTS,
    summary="Let a person no longer work on a queue",
    **operation(query=NoQuery, body=AssignmentBody, answer=Unassigned, resource="annotation-queues"),
)
async def delete_assignment(request: Request[Any, Any, Any], queue_id: FromPath[str]) -> Response[bytes]:
    """That it is so now, also where it was before."""
    principal = await _principal(request)
    body = await read_body(request, AssignmentBody)
    services: Services = request.app.state.services
    await services.annotation.unassign(principal.project_id, queue_id, body.user_id)
    return answer(Unassigned(success=True))


routes: list[ControllerRouterHandler] = [
    create_queue,
    list_queues,
    get_queue,
    create_item,
    list_items,
    get_item,
    update_item,
    delete_item,
    create_assignment,
    delete_assignment,
]
