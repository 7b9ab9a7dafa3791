"""What the handlers work with: one object of services, made at start and closed at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from redis.asyncio import Redis

from lumenspan.annotation.service import AnnotationService
from lumenspan.blob_integrations.service import BlobIntegrationService
from lumenspan.comments.service import CommentService, Targets
from lumenspan.dashboards.service import DashboardService
from lumenspan.datasets.service import DatasetService
from lumenspan.evaluators.connections import EvaluatorsOfConnections
from lumenspan.evaluators.preflight import ConnectedModels
from lumenspan.evaluators.rule_service import EvaluationRuleService
from lumenspan.evaluators.service import EvaluatorService
from lumenspan.experiments.service import ExperimentService
from lumenspan.feedback.service import FeedbackService
from lumenspan.identity.members import Members
from lumenspan.identity.service import IdentityService
from lumenspan.ingest.accept import IngestGate
from lumenspan.ingest.backlog import BacklogService
from lumenspan.ingest.dead_letter_service import DeadLetterService
from lumenspan.ingest.events.intake import EventIntake
from lumenspan.ingest.explanations import ExplanationService
from lumenspan.ingest.replays import ReplayService
from lumenspan.llm_connections.service import LlmConnectionService
from lumenspan.media.service import MediaService
from lumenspan.metrics.service import MetricsService
from lumenspan.models.service import ModelService
from lumenspan.observations.service import ObservationService
from lumenspan.observations.values import ObservationValues
from lumenspan.outbound import Allowlist, Outbound
from lumenspan.prompts.cache import PromptCache
from lumenspan.prompts.service import PromptService
from lumenspan.rate_limits.service import RateLimiter
from lumenspan.scores.configs import ScoreConfigService
from lumenspan.scores.service import ScoreService
from lumenspan.sessions.service import SessionService
from lumenspan.settings import Settings
from lumenspan.skills.service import SkillService
from lumenspan.storage.blobs import Blobs
from lumenspan.storage.cache import connect_redis
from lumenspan.storage.clickhouse import ClickHouse
from lumenspan.storage.postgres import Postgres
from lumenspan.storage.queue import JobQueue
from lumenspan.storage.secrets import SecretBox
from lumenspan.traces.deletion import TraceDeletion
from lumenspan.traces.service import TraceService
from lumenspan.traces.tail import TailHub


@dataclass
class Lifecycle:
    """Where the process is in its life.

    Attributes:
        is_initialized: what ``LANGFUSE_INIT_*`` asks for exists; before, its keys would be refused.
        is_stopping: SIGTERM or SIGINT was received; `ready` says so while requests are still served.
    """

    is_initialized: bool = False
    is_stopping: bool = False


@dataclass
class Services:
    """Everything a handler may call; one a process."""

    settings: Settings
    postgres: Postgres
    redis: Redis
    clickhouse: ClickHouse
    blobs: Blobs
    queue: JobQueue
    annotation: AnnotationService
    comments: CommentService
    identity: IdentityService
    gate: IngestGate
    events: EventIntake
    backlog: BacklogService
    dead_letters: DeadLetterService
    replays: ReplayService
    scores: ScoreService
    sessions: SessionService
    score_configs: ScoreConfigService
    skills: SkillService
    traces: TraceService
    deletion: TraceDeletion
    observations: ObservationService
    observation_values: ObservationValues
    experiments: ExperimentService
    explanations: ExplanationService
    media: MediaService
    metrics: MetricsService
    prompts: PromptService
    dashboards: DashboardService
    datasets: DatasetService
    evaluators: EvaluatorService
    evaluation_rules: EvaluationRuleService
    models: ModelService
    blob_integrations: BlobIntegrationService
    feedback: FeedbackService
    llm_connections: LlmConnectionService
    rate_limits: RateLimiter
    tail: TailHub
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Services over the engines of ``settings``; nothing is contacted yet, so all may be down."""
        postgres = Postgres(settings.postgres_url)
        redis = connect_redis(settings)
        clickhouse = ClickHouse(settings)
        blobs = Blobs(settings)
        queue = JobQueue(redis, settings)
        traces = TraceService(clickhouse)
        media = MediaService(postgres, settings)
        gate = IngestGate(blobs, queue, settings)
        secrets = SecretBox(settings.encryption_key)
        outbound = Outbound(Allowlist.parse(settings.outbound_allowlist))
        datasets = DatasetService(postgres)
        llm_connections = LlmConnectionService(postgres, secrets, outbound, EvaluatorsOfConnections())
        evaluation_models = ConnectedModels(llm_connections.providers)
        score_configs = ScoreConfigService(postgres)
        observations = ObservationService(clickhouse, traces)
        sessions = SessionService(clickhouse)
        prompts = PromptService(postgres, PromptCache(redis, settings))
        members = Members(postgres)
        scores = ScoreService(clickhouse)
        return cls(
            settings=settings,
            postgres=postgres,
            redis=redis,
            clickhouse=clickhouse,
            blobs=blobs,
            queue=queue,
            annotation=AnnotationService(postgres, score_configs, members),
            comments=CommentService(postgres, members, Targets(traces, observations, sessions, prompts)),
            identity=IdentityService(postgres, redis, settings),
            gate=gate,
            events=EventIntake(gate, score_configs),
            backlog=BacklogService(queue),
            dead_letters=DeadLetterService(postgres, queue),
            replays=ReplayService(postgres, blobs, queue, settings),
            scores=scores,
            experiments=ExperimentService(clickhouse, postgres, observations, traces, scores),
            sessions=sessions,
            score_configs=score_configs,
            skills=SkillService(postgres),
            traces=traces,
            deletion=TraceDeletion(clickhouse, media, queue),
            observations=observations,
            observation_values=ObservationValues(clickhouse),
            explanations=ExplanationService(observations, blobs, settings),
            media=media,
            metrics=MetricsService(clickhouse),
            dashboards=DashboardService(postgres),
            datasets=datasets,
            evaluators=EvaluatorService(
                postgres, evaluation_models, takes_code=settings.takes_code_evaluators
            ),
            evaluation_rules=EvaluationRuleService(postgres, datasets, evaluation_models),
            prompts=prompts,
            models=ModelService(postgres, redis, settings),
            blob_integrations=BlobIntegrationService(postgres, secrets, outbound),
            feedback=FeedbackService(postgres),
            llm_connections=llm_connections,
            rate_limits=RateLimiter(redis, settings),
            tail=TailHub(redis, traces, settings),
        )

    async def close(self) -> None:
        """Let go of every connection; what was accepted is durable before."""
        await self.tail.close()
        await self.explanations.close()
        await self.gate.close()
        await self.blobs.close()
        await self.media.close()
        await self.clickhouse.close()
        await self.redis.aclose()
        await self.postgres.close()
