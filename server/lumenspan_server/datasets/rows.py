"""Datasets as the routes answer them (contract, section 5)."""

from datetime import datetime
from typing import Any

from lumenspan.clock import datetime_to_nanos, nanos_to_iso
from lumenspan.datasets.domain import Dataset, Item, Run, RunItem


def _iso(at: datetime) -> str:
    return nanos_to_iso(datetime_to_nanos(at), 3)


def to_row(dataset: Dataset) -> dict[str, Any]:
    """A dataset without its items."""
    return {
        "id": dataset.id,
        "projectId": dataset.project_id,
        "name": dataset.name,
        "description": dataset.description,
        "metadata": dataset.metadata,
        "inputSchema": dataset.input_schema,
        "expectedOutputSchema": dataset.expected_output_schema,
        "createdAt": _iso(dataset.created_at),
        "updatedAt": _iso(dataset.updated_at),
    }


def to_item_row(item: Item, references: list[dict[str, Any]]) -> dict[str, Any]:
    """An item, with the files that it refers to."""
    return {
        "id": item.id,
        "status": item.status,
        "input": item.input,
        "expectedOutput": item.expected_output,
        "metadata": item.metadata,
        "sourceTraceId": item.source_trace_id,
        "sourceObservationId": item.source_observation_id,
        "datasetId": item.dataset_id,
        "datasetName": item.dataset_name,
        "createdAt": _iso(item.created_at),
        "updatedAt": _iso(item.valid_from),
        "mediaReferences": references,
    }


def to_run_row(run: Run) -> dict[str, Any]:
    """A run without its items."""
    return {
        "id": run.id,
        "name": run.name,
        "description": run.description,
        "metadata": run.metadata,
        "datasetId": run.dataset_id,
        "datasetName": run.dataset_name,
        "createdAt": _iso(run.created_at),
        "updatedAt": _iso(run.updated_at),
    }


def to_run_item_row(item: RunItem) -> dict[str, Any]:
    """What a run did with an item."""
    return {
        "id": item.id,
        "datasetRunId": item.run_id,
        "datasetRunName": item.run_name,
        "datasetItemId": item.item_id,
        "traceId": item.trace_id,
        "observationId": item.observation_id,
        "createdAt": _iso(item.created_at),
        "updatedAt": _iso(item.updated_at),
    }
