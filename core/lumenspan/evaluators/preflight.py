"""Whether an evaluator could run with its model, asked before it is saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from lumenspan.evaluators.domain import JudgeDefinition, ModelChoice, PreflightFailed
from lumenspan.ids import ProjectId


class ModelCheck(Protocol):
    """Says of a model why a project cannot use it."""

    async def why_not(self, project_id: ProjectId, model: ModelChoice | None) -> str | None:
        """Why not, for people; None where it can be used. ``model`` None is the project's default."""


class EveryModel:
    """Takes every model: a wrong one is found when the evaluator runs."""

    async def why_not(self, project_id: ProjectId, model: ModelChoice | None) -> str | None:
        """Always None."""
        return None


class ConnectedModels:
    """Takes models of the providers that the project has a connection to, and any default.

    No provider is called: whether it answers shows when the evaluator runs.
    """

    def __init__(self, providers: Callable[[ProjectId], Awaitable[Collection[str]]]) -> None:
        self._providers = providers

    async def why_not(self, project_id: ProjectId, model: ModelChoice | None) -> str | None:
        """Why not, where the named provider is none of the project's."""
        if model is None or model.provider in await self._providers(project_id):
            return None
        return f"the project has no LLM connection of the provider '{model.provider}'"


async def check(models: ModelCheck, project_id: ProjectId, name: str, definition: object) -> None:
    """Raises PreflightFailed where a definition's model cannot be used; code needs none."""
    if not isinstance(definition, JudgeDefinition):
        return
    why = await models.why_not(project_id, definition.model)
    if why is not None:
        raise PreflightFailed(name, definition.model, why)
