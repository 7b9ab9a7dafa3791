"""Datasets of a project: made, filled with items whose every state is kept, and run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from lumenspan.clock import utc_now
from lumenspan.datasets import repository
from lumenspan.datasets.domain import (
    Dataset,
    Item,
    ItemChange,
    ItemStatus,
    Run,
    RunItem,
    check_item_id,
    check_name,
    normalized,
    run_id,
)
from lumenspan.datasets.schemas import ItemSchemas, check_schema
from lumenspan.datasets.tables import DatasetItemRow
from lumenspan.errors import Conflict, InvalidInput, NotFound
from lumenspan.ids import ProjectId, new_id
from lumenspan.storage.postgres import Postgres

_NO_DATASET, _NO_ITEM, _NO_RUN = "Dataset not found", "Dataset item not found", "Dataset run not found"
_STEP = timedelta(milliseconds=1)
_MAX_ITEMS = 1_000_000
# Distinguishes what was not said from null.
KEEP: Any = object()


@dataclass(frozen=True, slots=True)
class DatasetChange:
    """What is said of a dataset; ``KEEP`` leaves a schema as it is, None takes it away."""

    name: str
    description: str | None = None
    metadata: Any = None
    input_schema: Any = KEEP
    expected_output_schema: Any = KEEP


@dataclass(frozen=True, slots=True)
class RunItemGiven:
    """What a run did with an item; ``trace_id`` may be empty where the observation says it."""

    run_name: str
    item_id: str
    trace_id: str
    observation_id: str | None = None
    description: str | None = None
    metadata: Any = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Items of a dataset, or made from a trace or observation; ``at`` as they were then."""

    dataset_name: str | None = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    at: datetime | None = None


class DatasetService:
    """Everything about datasets; the caller has checked that the project may be used."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def save(self, project_id: ProjectId, given: DatasetChange) -> Dataset:
        """Make the dataset, or change the one of that name.

        Raises:
            InvalidInput: name or schema cannot be one, or an item does not fit the schema.
        """
        name, now = check_name(given.name), utc_now()
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            known = await repository.find(session, project_id, name)
            base = known or Dataset(new_id(), project_id, name, None, None, None, None, now, now)
            input_schema, output_schema = base.input_schema, base.expected_output_schema
            if given.input_schema is not KEEP:
                input_schema = check_schema(given.input_schema, "inputSchema")
            if given.expected_output_schema is not KEEP:
                output_schema = check_schema(given.expected_output_schema, "expectedOutputSchema")
            dataset = replace(
                base,
                description=given.description if given.description is not None else base.description,
                metadata=normalized(given.metadata) if given.metadata is not None else base.metadata,
                input_schema=input_schema,
                expected_output_schema=output_schema,
                updated_at=now,
            )
            if known and (input_schema, output_schema) != (
                known.input_schema,
                known.expected_output_schema,
            ):
                await self._check_items(session, dataset)
            await repository.save(session, dataset)
        return dataset

    async def get(self, project_id: ProjectId, name: str) -> Dataset:
        """NotFound where there is no such dataset; its name may be encoded for URLs once too often."""
        async with self._postgres.session() as session:
            return await self._addressed(session, project_id, name)

    async def by_id(self, project_id: ProjectId, dataset_id: str) -> Dataset:
        """The same by the id of the dataset."""
        async with self._postgres.session() as session:
            return await self._of_id(session, project_id, dataset_id)

    async def known_ids(self, project_id: ProjectId, ids: Iterable[str]) -> set[str]:
        """Those of ``ids`` that are datasets of the project."""
        async with self._postgres.session() as session:
            return await repository.known_ids(session, project_id, ids)

    async def page(self, project_id: ProjectId, page: int, limit: int) -> tuple[list[Dataset], int]:
        """Page ``page`` (from 1), newest first, and how many there are."""
        async with self._postgres.session() as session:
            return await repository.page(session, project_id, (page - 1) * limit, limit)

    async def save_item(self, project_id: ProjectId, given: ItemChange) -> Item:
        """Make an item, or change the one of that id; what is not said of it stays.

        Raises:
            InvalidInput: it does not fit the schemas, or lacks what a new one needs.
            NotFound: there is no such dataset.
            Conflict: the id is that of another dataset's item.
        """
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            known = await repository.item(session, project_id, given.id) if given.id else None
            dataset = await self._dataset_of(session, project_id, given, known)
            item = await self._changed(session, project_id, dataset, given, known)
            schemas = ItemSchemas(dataset.input_schema, dataset.expected_output_schema)
            schemas.check([(item.id, item.input, item.expected_output)])
            await repository.add_version(session, project_id, item)
        return item

    async def get_item(self, project_id: ProjectId, item_id: str) -> Item:
        """An item, archived or not; NotFound where there is none."""
        async with self._postgres.session() as session:
            found = await repository.item(session, project_id, item_id)
        if found is None:
            raise NotFound(_NO_ITEM)
        return found

    async def delete_item(self, project_id: ProjectId, item_id: str) -> None:
        """It is there no more, but in the past; NotFound where there is none."""
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            known = await repository.item(session, project_id, item_id)
            if known is None:
                raise NotFound(_NO_ITEM)
            gone = replace(known, valid_from=max(_now(), known.valid_from + _STEP))
            await repository.add_version(session, project_id, gone, is_deleted=True)

    async def items(
        self, project_id: ProjectId, where: ItemFilter, page: int, limit: int
    ) -> tuple[list[Item], int]:
        """Page ``page`` (from 1) of active items, newest version first, and how many there are.

        Raises:
            InvalidInput: a time without a dataset.
            NotFound: there is no such dataset.
        """
        if where.at is not None and where.dataset_name is None:
            raise InvalidInput("version needs datasetName")
        row = DatasetItemRow
        conditions: list[ColumnElement[bool]] = [col(row.status) == ItemStatus.ACTIVE]
        async with self._postgres.session() as session:
            if where.dataset_name is not None:
                dataset = await self._dataset(session, project_id, where.dataset_name)
                conditions.append(col(row.dataset_id) == dataset.id)
            if where.source_trace_id:
                conditions.append(col(row.source_trace_id) == where.source_trace_id)
            if where.source_observation_id:
                conditions.append(col(row.source_observation_id) == where.source_observation_id)
            return await repository.items(
                session, project_id, conditions, where.at, (page - 1) * limit, limit
            )

    async def add_run_item(self, project_id: ProjectId, given: RunItemGiven) -> RunItem:
        """Note what a run did with an item; the run is made with its first.

        Raises:
            NotFound: there is no such active item.
        """
        async with self._postgres.session() as session:
            await repository.lock(session, project_id)
            item = await repository.item(session, project_id, given.item_id)
            if item is None or item.status is not ItemStatus.ACTIVE:
                raise NotFound(_NO_ITEM)
            now = utc_now()
            run = await repository.run(session, project_id, item.dataset_id, given.run_name)
            if run is None:
                metadata = normalized(given.metadata)
                run = Run(
                    id=run_id(project_id, item.dataset_id, given.run_name),
                    project_id=project_id,
                    dataset_id=item.dataset_id,
                    dataset_name=item.dataset_name,
                    name=given.run_name,
                    description=given.description,
                    metadata=metadata
                    if metadata is None or isinstance(metadata, dict)
                    else {"metadata": metadata},
                    created_at=now,
                    updated_at=now,
                )
                await repository.add_run(session, run)
            made = RunItem(
                id=new_id(),
                run_id=run.id,
                run_name=run.name,
                item_id=item.id,
                trace_id=given.trace_id,
                observation_id=given.observation_id,
                created_at=given.created_at or now,
                updated_at=now,
            )
            await repository.add_run_item(session, project_id, made)
        return made

    async def runs(
        self, project_id: ProjectId, dataset: Dataset, page: int, limit: int
    ) -> tuple[list[Run], int]:
        """Page ``page`` (from 1) of the dataset's runs, newest first, and how many there are."""
        async with self._postgres.session() as session:
            return await repository.runs(session, project_id, dataset.id, (page - 1) * limit, limit)

    async def run(self, project_id: ProjectId, dataset_name: str, name: str) -> Run:
        """NotFound where there is no such dataset or run. Names as those of ``get``."""
        async with self._postgres.session() as session:
            dataset = await self._addressed(session, project_id, dataset_name)
            try:
                return await self._run(session, dataset, name)
            except NotFound:
                return await self._run(session, dataset, unquote(name))

    async def run_of(self, project_id: ProjectId, dataset_id: str, name: str) -> Run:
        """The same by the id of the dataset."""
        async with self._postgres.session() as session:
            dataset = await self._of_id(session, project_id, dataset_id)
            return await self._run(session, dataset, name)

    async def run_by_id(self, project_id: ProjectId, dataset_id: str, run_id: str) -> Run:
        """The same by the ids of both."""
        found = await self.find_run(project_id, run_id)
        if found is None or found.dataset_id != dataset_id:
            raise NotFound(_NO_RUN)
        return found

    async def find_run(self, project_id: ProjectId, run_id: str) -> Run | None:
        """The run of that id, None where the project has none."""
        async with self._postgres.session() as session:
            return await repository.run_by_id(session, project_id, run_id)

    async def items_by_id(self, project_id: ProjectId, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the ids as they are now, archived or not; one query."""
        async with self._postgres.session() as session:
            found = await repository.items_by_id(session, project_id, ids) if ids else []
        return {item.id: item for item in found}

    async def run_items(
        self, project_id: ProjectId, run: Run, page: int = 1, limit: int = _MAX_ITEMS
    ) -> tuple[list[RunItem], int]:
        """What a run did, newest first, and how much that is."""
        async with self._postgres.session() as session:
            return await repository.run_items(session, project_id, run, (page - 1) * limit, limit)

    async def delete_run(self, project_id: ProjectId, dataset_name: str, name: str) -> None:
        """Delete a run and its items; traces and scores stay. NotFound where there is none."""
        run = await self.run(project_id, dataset_name, name)
        async with self._postgres.session() as session:
            await repository.remove_run(session, run.id)

    async def _dataset(self, session: AsyncSession, project_id: ProjectId, name: str) -> Dataset:
        found = await repository.find(session, project_id, name)
        if found is None:
            raise NotFound(_NO_DATASET)
        return found

    async def _of_id(self, session: AsyncSession, project_id: ProjectId, dataset_id: str) -> Dataset:
        found = await repository.by_id(session, project_id, dataset_id)
        if found is None:
            raise NotFound(_NO_DATASET)
        return found

    async def _addressed(self, session: AsyncSession, project_id: ProjectId, name: str) -> Dataset:
        """By the name as it is, else by what it is the encoding of: some clients encode twice."""
        try:
            return await self._dataset(session, project_id, name)
        except NotFound:
            return await self._dataset(session, project_id, unquote(name))

    async def _run(self, session: AsyncSession, dataset: Dataset, name: str) -> Run:
        found = await repository.run(session, dataset.project_id, dataset.id, name)
        if found is None:
            raise NotFound(_NO_RUN)
        return found

    async def _dataset_of(
        self, session: AsyncSession, project_id: ProjectId, given: ItemChange, known: Item | None
    ) -> Dataset:
        """Of the name that is given; a known item need not say it."""
        if given.dataset_name is None:
            if known is None:
                raise InvalidInput("datasetName is required")
            return await self._dataset(session, project_id, known.dataset_name)
        dataset = await self._dataset(session, project_id, given.dataset_name)
        if known is not None and known.dataset_id != dataset.id:
            raise Conflict(f"The dataset item {known.id!r} is in another dataset")
        return dataset

    async def _changed(
        self,
        session: AsyncSession,
        project_id: ProjectId,
        dataset: Dataset,
        given: ItemChange,
        known: Item | None,
    ) -> Item:
        now = _now()
        input_, output, details = (
            normalized(value) for value in (given.input, given.expected_output, given.metadata)
        )
        if known is None and given.id is None and input_ is None:
            raise InvalidInput("Dataset item input cannot be null")
        id_ = check_item_id(given.id) if given.id is not None else new_id()
        # An item of that id may have been deleted: its past stays, and what is new follows it.
        before = await repository.newest_version(session, project_id, id_)
        base = known or Item(
            id_, dataset.id, dataset.name, ItemStatus.ACTIVE, None, None, None, None, None, now, now
        )
        return replace(
            base,
            input=base.input if input_ is None else input_,
            expected_output=base.expected_output if output is None else output,
            metadata=base.metadata if details is None else details,
            source_trace_id=given.source_trace_id or base.source_trace_id,
            source_observation_id=given.source_observation_id or base.source_observation_id,
            status=given.status or base.status,
            valid_from=now if before is None else max(now, before + _STEP),
        )

    async def _check_items(self, session: AsyncSession, dataset: Dataset) -> None:
        schemas = ItemSchemas(dataset.input_schema, dataset.expected_output_schema)
        of_dataset: Sequence[ColumnElement[bool]] = [col(DatasetItemRow.dataset_id) == dataset.id]
        found, _ = await repository.items(session, dataset.project_id, of_dataset, None, 0, _MAX_ITEMS)
        schemas.check((each.id, each.input, each.expected_output) for each in found)


def _now() -> datetime:
    """Now in whole milliseconds, as versions are told: an item is found by the version it names."""
    now = utc_now()
    return now.replace(microsecond=now.microsecond // 1_000 * 1_000)
