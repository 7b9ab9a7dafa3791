"""The application: routes, services and the rules that all routes share."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import structlog
from litestar import Litestar
from litestar.exceptions import NotFoundException
from litestar.types import (
    ControllerRouterHandler,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from lumenspan.errors import Unavailable
from lumenspan.settings import Settings
from lumenspan_server import errors
from lumenspan_server.annotation.rest import routes as annotation_routes
from lumenspan_server.blob_integrations.rest import routes as blob_integration_routes
from lumenspan_server.body_limits import MAX_BODY_BYTES
from lumenspan_server.comments.rest import routes as comment_routes
from lumenspan_server.cors import answer_any_origin
from lumenspan_server.dashboards.rest import routes as dashboard_routes
from lumenspan_server.datasets.rest import routes as dataset_routes
from lumenspan_server.evaluators.rest import routes as evaluator_routes
from lumenspan_server.evaluators.rules import routes as evaluation_rule_routes
from lumenspan_server.evaluators.unstable import routes as unstable_evaluator_routes
from lumenspan_server.evaluators.unstable_rules import routes as unstable_evaluation_rule_routes
from lumenspan_server.experiments.rest import routes as experiment_routes
from lumenspan_server.feedback.rest import routes as feedback_routes
from lumenspan_server.gql.controller import LumenspanGraphQL
from lumenspan_server.health.rest import routes as health_routes
from lumenspan_server.home import routes as home_routes
from lumenspan_server.identity.administration import routes as administration_routes
from lumenspan_server.identity.organizations import routes as organization_routes
from lumenspan_server.identity.rest import routes as identity_routes
from lumenspan_server.ingestion.rest import routes as ingestion_routes
from lumenspan_server.llm_connections.rest import routes as llm_connection_routes
from lumenspan_server.mcp.rest import mcp_endpoint
from lumenspan_server.mcp.rest import routes as mcp_routes
from lumenspan_server.media.rest import routes as media_routes
from lumenspan_server.metrics.rest import routes as metrics_routes
from lumenspan_server.models.rest import routes as model_routes
from lumenspan_server.observations.rest import routes as observation_routes
from lumenspan_server.observations.v1 import routes as observation_v1_routes
from lumenspan_server.openapi.rest import routes as openapi_routes
from lumenspan_server.otel.rest import otel_routes
from lumenspan_server.pages.errors import unknown_address
from lumenspan_server.pages.routes import routes as page_routes
from lumenspan_server.prompts.rest import routes as prompt_routes
from lumenspan_server.rate_limits import tell_standing
from lumenspan_server.scim.rest import routes as scim_routes
from lumenspan_server.scores.configs import routes as score_config_routes
from lumenspan_server.scores.lists import routes as score_list_routes
from lumenspan_server.scores.rest import routes as score_routes
from lumenspan_server.services import Services
from lumenspan_server.sessions.rest import routes as session_routes
from lumenspan_server.skills.rest import routes as skill_routes
from lumenspan_server.traces.rest import routes as trace_routes

_log = structlog.get_logger(__name__)
_INITIALIZE_RETRY_S = 1.0


class LumenspanApp(Litestar):
    """Litestar, open to every origin also where no route answers."""

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await answer_any_origin(super().__call__, scope, cast(Receive, receive), cast(Send, send))


def create_app(settings: Settings, extra_routes: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """The ASGI application. It starts while engines are down and answers 503 until they are there."""

    @asynccontextmanager
    async def services(app: Litestar) -> AsyncGenerator[None, None]:
        made = Services.connect(settings)
        app.state.services = made
        initializing = asyncio.create_task(_initialize(made), name="headless initialization")
        try:
            yield
        finally:
            initializing.cancel()
            with suppress(asyncio.CancelledError):
                await initializing
            await made.close()

    return LumenspanApp(
        route_handlers=[
            *home_routes,
            *health_routes,
            *identity_routes,
            *organization_routes,
            *administration_routes,
            *scim_routes,
            *otel_routes,
            *annotation_routes,
            *comment_routes,
            *mcp_routes,
            *media_routes,
            *trace_routes,
            *observation_routes,
            *observation_v1_routes,
            *metrics_routes,
            *dashboard_routes,
            *dataset_routes,
            *experiment_routes,
            *page_routes,
            evaluator_routes,
            evaluation_rule_routes,
            unstable_evaluator_routes,
            unstable_evaluation_rule_routes,
            *prompt_routes,
            *model_routes,
            *ingestion_routes,
            *openapi_routes,
            *score_routes,
            *score_list_routes,
            *score_config_routes,
            *session_routes,
            *blob_integration_routes,
            *feedback_routes,
            *llm_connection_routes,
            skill_routes,
            LumenspanGraphQL,
            *extra_routes,
        ],
        lifespan=[services, mcp_endpoint],
        exception_handlers={**errors.HANDLERS, NotFoundException: unknown_address},
        request_max_body_size=MAX_BODY_BYTES,
        before_send=[tell_standing] if settings.rate_limits else [],
        openapi_config=None,
        # Ours is configured for the whole process; the framework's would log each error a second time.
        logging_config=None,
    )


async def _initialize(services: Services) -> None:
    """Make what ``LANGFUSE_INIT_*`` asks for, as soon as PostgreSQL is there."""
    while True:
        try:
            await services.identity.initialize()
            services.lifecycle.is_initialized = True
            return
        except Unavailable as error:
            _log.warning("engine unavailable", engine=error.engine, operation="initialize")
            await asyncio.sleep(_INITIALIZE_RETRY_S)
