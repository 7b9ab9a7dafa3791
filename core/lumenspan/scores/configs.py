"""Score configs: made, listed, changed and archived; what a change leads to is checked as a whole."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId, ScoreConfigId, new_id
from lumenspan.scores import repository
from lumenspan.scores.domain import (
    BOOLEAN_CATEGORIES,
    Category,
    DataType,
    ScoreConfig,
    ScoreConfigChange,
)
from lumenspan.storage.postgres import Postgres

_NAME = re.compile(r"[\w .()-]{1,35}\Z")
_NOT_FOUND = "Score config not found within authorized project"


class ScoreConfigService:
    """Everything about score configs; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def create(
        self,
        project_id: ProjectId,
        name: str,
        data_type: DataType,
        *,
        min_value: float | None = None,
        max_value: float | None = None,
        categories: Sequence[Category] | None = None,
        description: str | None = None,
    ) -> ScoreConfig:
        """A new config; InvalidInput when it contradicts itself. Names may repeat."""
        if data_type == DataType.BOOLEAN and categories is not None:
            raise InvalidInput("Categories of a boolean config are set by the server")
        now = utc_now()
        config = checked(
            ScoreConfig(
                id=ScoreConfigId(new_id()),
                project_id=project_id,
                name=name,
                data_type=data_type,
                is_archived=False,
                min_value=min_value,
                max_value=max_value,
                categories=BOOLEAN_CATEGORIES if data_type == DataType.BOOLEAN else tuple(categories or ()),
                description=description,
                created_at=now,
                updated_at=now,
            )
        )
        async with self._postgres.session() as session:
            await repository.insert_config(session, config)
        return config

    async def get(self, project_id: ProjectId, config_id: str) -> ScoreConfig:
        """One config; NotFound where the project has none of that id."""
        found = await self.by_ids(project_id, [config_id])
        if config_id not in found:
            raise NotFound(_NOT_FOUND)
        return found[config_id]

    async def by_ids(self, project_id: ProjectId, ids: Sequence[str]) -> dict[str, ScoreConfig]:
        """Configs of the project by id; absent ones are left out."""
        async with self._postgres.session() as session:
            found = await repository.configs_by_ids(session, project_id, ids)
        return {config.id: config for config in found}

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[ScoreConfig], int]:
        """Page ``page`` (from 1), newest first, and how many configs there are."""
        async with self._postgres.session() as session:
            return await repository.config_page(session, project_id, (page - 1) * limit, limit)

    async def update(self, project_id: ProjectId, config_id: str, change: ScoreConfigChange) -> ScoreConfig:
        """The changed config; archiving is a change, too.

        Raises:
            NotFound: the project has none of that id.
            InvalidInput: nothing to change, or the outcome would contradict itself.
        """
        given: dict[str, Any] = {
            name: value
            for name in ScoreConfigChange.__dataclass_fields__
            if (value := getattr(change, name)) is not None
        }
        if not given:
            raise InvalidInput("Request body cannot be empty. At least one field must be provided.")
        async with self._postgres.session() as session:
            found = await repository.lock_config(session, project_id, config_id)
            if found is None:
                raise NotFound(_NOT_FOUND)
            if found.data_type == DataType.BOOLEAN and change.categories is not None:
                raise InvalidInput("Categories of a boolean config are set by the server")
            changed = checked(replace(found, **given, updated_at=utc_now()))
            await repository.save_config(session, changed)
        return changed


def checked(config: ScoreConfig) -> ScoreConfig:
    """The same config; InvalidInput where it contradicts itself."""
    if not _NAME.match(config.name):
        raise InvalidInput("A name has 1 to 35 letters, digits, spaces or any of _ . ( ) -")
    if config.data_type == DataType.CORRECTION:
        raise InvalidInput("There are no configs of corrections")
    has_limits = config.min_value is not None or config.max_value is not None
    if has_limits and config.data_type != DataType.NUMERIC:
        raise InvalidInput("Only numeric configs have a minimum or maximum")
    if config.data_type == DataType.NUMERIC:
        _check_limits(config)
    if config.data_type == DataType.CATEGORICAL:
        _check_categories(config.categories)
    elif config.categories and config.data_type != DataType.BOOLEAN:
        raise InvalidInput("Only categorical configs have categories")
    return config


def _check_limits(config: ScoreConfig) -> None:
    limits = [each for each in (config.min_value, config.max_value) if each is not None]
    if not all(math.isfinite(each) for each in limits):
        raise InvalidInput("Minimum and maximum are finite numbers")
    if len(limits) == 2 and limits[0] >= limits[1]:
        raise InvalidInput("Maximum value must be greater than Minimum value")


def _check_categories(categories: Sequence[Category]) -> None:
    if not categories:
        raise InvalidInput("A categorical config needs categories")
    labels = [category.label for category in categories]
    values = [category.value for category in categories]
    if len(set(labels)) != len(labels) or not all(labels):
        raise InvalidInput("Labels of categories are unique and not empty")
    if len(set(values)) != len(values) or not all(math.isfinite(value) for value in values):
        raise InvalidInput("Values of categories are unique numbers")
