"""DataLoaders: one query for all parents of a list. They live for one operation, within one project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from strawberry.dataloader import DataLoader

from lumenspan.identity.domain import Organization, Principal, Project, Role
from lumenspan.identity.service import IdentityService
from lumenspan.ids import ObservationId, OrganizationId, ProjectId, TraceId
from lumenspan.media.domain import TraceFile
from lumenspan.observations.domain import ObservationPage, ObservationTexts
from lumenspan.scores.domain import Score
from lumenspan.traces.domain import TraceKey, TraceSums, TraceTexts
from lumenspan_server.services import Services


@dataclass(frozen=True)
class ObservationsOf:
    """A page of the observations of one trace, as a loader key."""

    trace: TraceKey
    first: int
    after: tuple[int, str] | None


@dataclass(frozen=True)
class ObservationAt:
    """One observation and the trace it is in, as a loader key."""

    trace: TraceKey
    id: ObservationId


class ProjectLoaders:
    """Loaders of what one project holds."""

    def __init__(self, services: Services, project_id: ProjectId) -> None:
        self._traces = services.traces
        self._observations = services.observations
        self._media = services.media
        self._scores = services.scores
        self.project_id = project_id

    @cached_property
    def sums(self) -> DataLoader[TraceKey, TraceSums]:
        """Counts, cost and usage by trace."""
        return DataLoader(load_fn=self._load_sums)

    @cached_property
    def trace_previews(self) -> DataLoader[TraceKey, TraceTexts]:
        """The first characters of input and output by trace."""
        return DataLoader(load_fn=self._load_previews)

    @cached_property
    def trace_texts(self) -> DataLoader[TraceKey, TraceTexts]:
        """Input and output in full by trace."""
        return DataLoader(load_fn=self._load_texts)

    @cached_property
    def trace_metadata(self) -> DataLoader[TraceKey, dict[str, str]]:
        """Metadata of the root observation by trace."""
        return DataLoader(load_fn=self._load_metadata)

    @cached_property
    def observations(self) -> DataLoader[ObservationsOf, ObservationPage]:
        """Pages of observations by trace."""
        return DataLoader(load_fn=self._load_observations)

    @cached_property
    def observation_texts(self) -> DataLoader[ObservationAt, ObservationTexts]:
        """Input and output in full by observation."""
        return DataLoader(load_fn=self._load_observation_texts)

    @cached_property
    def files(self) -> DataLoader[TraceId, list[TraceFile]]:
        """Files that a trace and its observations refer to."""
        return DataLoader(load_fn=self._load_files)

    @cached_property
    def scores(self) -> DataLoader[TraceId, list[Score]]:
        """Scores of a trace and its observations, newest first."""
        return DataLoader(load_fn=self._load_scores)

    async def _load_scores(self, ids: list[TraceId]) -> Sequence[list[Score]]:
        found: dict[str, list[Score]] = defaultdict(list)
        for score in await self._scores.by_traces(self.project_id, ids):
            found[score.trace_id].append(score)
        return [found[id_] for id_ in ids]

    async def _load_files(self, ids: list[TraceId]) -> Sequence[list[TraceFile]]:
        found = await self._media.files_by_trace(self.project_id, ids)
        return [found.get(id_, []) for id_ in ids]

    async def _load_sums(self, keys: list[TraceKey]) -> Sequence[TraceSums]:
        found = await self._traces.sums(self.project_id, keys)
        return [found.get(key.id, TraceSums()) for key in keys]

    async def _load_previews(self, keys: list[TraceKey]) -> Sequence[TraceTexts]:
        found = await self._traces.previews(self.project_id, keys)
        return [found.get(key.id, TraceTexts()) for key in keys]

    async def _load_texts(self, keys: list[TraceKey]) -> Sequence[TraceTexts]:
        found = await self._traces.texts(self.project_id, keys)
        return [found.get(key.id, TraceTexts()) for key in keys]

    async def _load_metadata(self, keys: list[TraceKey]) -> Sequence[dict[str, str]]:
        found = await self._traces.metadata(self.project_id, keys)
        return [found.get(key.id, {}) for key in keys]

    async def _load_observations(self, keys: list[ObservationsOf]) -> Sequence[ObservationPage]:
        # Pages that begin alike are read together: all first pages of a list of traces are one query.
        groups: dict[tuple[int, tuple[int, str] | None], list[TraceKey]] = defaultdict(list)
        for key in keys:
            groups[(key.first, key.after)].append(key.trace)
        found: dict[ObservationsOf, ObservationPage] = {}
        for (first, after), traces in groups.items():
            pages = await self._observations.pages(self.project_id, traces, first, after)
            for trace in traces:
                found[ObservationsOf(trace, first, after)] = pages.get(trace.id, ObservationPage([]))
        return [found[key] for key in keys]

    async def _load_observation_texts(self, keys: list[ObservationAt]) -> Sequence[ObservationTexts]:
        traces = list({key.trace: None for key in keys})
        found = await self._observations.texts(self.project_id, traces, [key.id for key in keys])
        return [found.get((key.trace.id, key.id), ObservationTexts()) for key in keys]


class IdentityLoaders:
    """Loaders of organizations, projects and roles for one caller."""

    def __init__(self, identity: IdentityService, principal: Principal) -> None:
        self._identity = identity
        self._principal = principal

    @cached_property
    def organizations(self) -> DataLoader[OrganizationId, Organization | None]:
        """Organizations by id."""
        return DataLoader(load_fn=self._load_organizations)

    @cached_property
    def projects_by_organization(self) -> DataLoader[OrganizationId, list[Project]]:
        """Projects that the caller may see, by organization."""
        return DataLoader(load_fn=self._load_projects)

    @cached_property
    def roles_by_project(self) -> DataLoader[ProjectId, Role]:
        """The caller's role by project."""
        return DataLoader(load_fn=self._load_roles)

    @cached_property
    def roles_by_organization(self) -> DataLoader[OrganizationId, Role]:
        """The caller's role by organization."""
        return DataLoader(load_fn=self._load_organization_roles)

    async def _load_organization_roles(self, ids: list[OrganizationId]) -> Sequence[Role]:
        found = await self._identity.roles_by_organization(self._principal, ids)
        return [found.get(id_, Role.NONE) for id_ in ids]

    async def _load_organizations(self, ids: list[OrganizationId]) -> Sequence[Organization | None]:
        found = await self._identity.organizations_by_id(self._principal, ids)
        return [found.get(id_) for id_ in ids]

    async def _load_projects(self, ids: list[OrganizationId]) -> Sequence[list[Project]]:
        found = await self._identity.projects.by_organization(self._principal, ids)
        return [found.get(id_, []) for id_ in ids]

    async def _load_roles(self, ids: list[ProjectId]) -> Sequence[Role]:
        found = await self._identity.roles_by_project(self._principal, ids)
        return [found.get(id_, Role.NONE) for id_ in ids]
