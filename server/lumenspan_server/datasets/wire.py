"""Datasets, their items and runs on the wire: what the routes take and answer."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from lumenspan.datasets.domain import ItemStatus
from lumenspan_server.operations import Instant, Nanos, PageMeta, PageQuery, StrictWire, Wire


class DatasetBody(Wire):
    """A dataset to make or to change; a schema of null is taken away, one that is absent stays."""

    name: str
    description: str | None = None
    metadata: Any = None
    input_schema: Any | UnsetType = UNSET
    expected_output_schema: Any | UnsetType = UNSET


class DatasetItemBody(Wire):
    """An item to make or to change; what is absent or null stays as it is."""

    dataset_name: str | None = None
    id: str | None = None
    input: Any = None
    expected_output: Any = None
    metadata: Any = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    status: ItemStatus | None = None


class DatasetRunItemBody(StrictWire):
    """What a run did with an item: a trace, an observation, or both."""

    run_name: Annotated[str, Meta(min_length=1)]
    dataset_item_id: str
    run_description: str | None = None
    metadata: Any = None
    trace_id: str | None = None
    observation_id: str | None = None
    dataset_version: datetime | None = None
    created_at: datetime | None = None


class DatasetItemQuery(PageQuery):
    """What ``GET /dataset-items`` takes; with ``version`` items are as they were then."""

    dataset_name: str | None = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    version: Nanos | None = None


class RunItemQuery(PageQuery, kw_only=True):
    """Which run of which dataset."""

    dataset_id: str
    run_name: str


class DatasetRow(Wire):
    """A dataset without its items."""

    id: str
    name: str
    description: str | None
    metadata: Any
    input_schema: Any
    expected_output_schema: Any
    project_id: str
    created_at: Instant
    updated_at: Instant


class Datasets(Wire):
    """A page of datasets."""

    data: list[DatasetRow]
    meta: PageMeta


class MediaFile(Wire):
    """A file and where to read it until ``urlExpiry``."""

    media_id: str
    content_type: str
    content_length: int
    url: str
    url_expiry: str


class MediaReference(Wire):
    """A file that an item refers to, and where it does."""

    field: Literal["input", "expectedOutput", "metadata"]
    reference_string: str
    json_path: str
    media: MediaFile


class DatasetItemRow(Wire):
    """An item; ``version`` is the instant since which it is as shown."""

    id: str
    status: ItemStatus
    input: Any
    expected_output: Any
    metadata: Any
    source_trace_id: str | None
    source_observation_id: str | None
    dataset_id: str
    dataset_name: str
    created_at: Instant
    updated_at: Instant
    version: Instant
    media_references: list[MediaReference]


class DatasetItems(Wire):
    """A page of items."""

    data: list[DatasetItemRow]
    meta: PageMeta


class DatasetSummaryV1(DatasetRow):
    """A dataset with the ids of its active items and the names of its runs."""

    items: list[str]
    runs: list[str]


class DatasetsV1(Wire):
    """A page of datasets as of the first version."""

    data: list[DatasetSummaryV1]
    meta: PageMeta


class DatasetV1(DatasetRow):
    """A dataset with its active items and the names of its runs."""

    items: list[DatasetItemRow]
    runs: list[str]


class DatasetRunRow(Wire):
    """A run without its items."""

    id: str
    name: str
    description: str | None
    metadata: Any
    dataset_id: str
    dataset_name: str
    created_at: Instant
    updated_at: Instant


class DatasetRuns(Wire):
    """A page of runs."""

    data: list[DatasetRunRow]
    meta: PageMeta


class DatasetRunItemRow(Wire):
    """What a run did with an item."""

    id: str
    dataset_run_id: str
    dataset_run_name: str
    dataset_item_id: str
    trace_id: str
    observation_id: str | None
    created_at: Instant
    updated_at: Instant


class DatasetRunItems(Wire):
    """A page of run items."""

    data: list[DatasetRunItemRow]
    meta: PageMeta


class DatasetRunWithItems(DatasetRunRow):
    """A run and all that it did."""

    dataset_run_items: list[DatasetRunItemRow]
