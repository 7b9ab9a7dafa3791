"""Datasets as the routes answer them (contract, section 5)."""

from typing import Any

from lumenspan.clock import datetime_to_iso
from lumenspan.datasets.domain import Dataset, Item, Run, RunItem
from lumenspan_server.datasets.wire import (
    DatasetItemRow,
    DatasetRow,
    DatasetRunItemRow,
    DatasetRunRow,
    MediaReference,
)


def to_row(dataset: Dataset) -> DatasetRow:
    """A dataset without its items."""
    return DatasetRow(**fields(dataset))


def fields(dataset: Dataset) -> dict[str, Any]:
    """The fields that every answer with a dataset has."""
    return {
        "id": dataset.id,
        "project_id": dataset.project_id,
        "name": dataset.name,
        "description": dataset.description,
        "metadata": dataset.metadata,
        "input_schema": dataset.input_schema,
        "expected_output_schema": dataset.expected_output_schema,
        "created_at": datetime_to_iso(dataset.created_at),
        "updated_at": datetime_to_iso(dataset.updated_at),
    }


def to_item_row(item: Item, references: list[MediaReference]) -> DatasetItemRow:
    """An item, with the files that it refers to."""
    return DatasetItemRow(
        id=item.id,
        status=item.status,
        input=item.input,
        expected_output=item.expected_output,
        metadata=item.metadata,
        source_trace_id=item.source_trace_id,
        source_observation_id=item.source_observation_id,
        dataset_id=item.dataset_id,
        dataset_name=item.dataset_name,
        created_at=datetime_to_iso(item.created_at),
        updated_at=datetime_to_iso(item.valid_from),
        version=datetime_to_iso(item.valid_from),
        media_references=references,
    )


def to_run_row(run: Run) -> DatasetRunRow:
    """A run without its items."""
    return DatasetRunRow(**run_fields(run))


def run_fields(run: Run) -> dict[str, Any]:
    """The fields that every answer with a run has."""
    return {
        "id": run.id,
        "name": run.name,
        "description": run.description,
        "metadata": run.metadata,
        "dataset_id": run.dataset_id,
        "dataset_name": run.dataset_name,
        "created_at": datetime_to_iso(run.created_at),
        "updated_at": datetime_to_iso(run.updated_at),
    }


def to_run_item_row(item: RunItem) -> DatasetRunItemRow:
    """What a run did with an item."""
    return DatasetRunItemRow(
        id=item.id,
        dataset_run_id=item.run_id,
        dataset_run_name=item.run_name,
        dataset_item_id=item.item_id,
        trace_id=item.trace_id,
        observation_id=item.observation_id,
        created_at=datetime_to_iso(item.created_at),
        updated_at=datetime_to_iso(item.updated_at),
    )
