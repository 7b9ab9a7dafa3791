"""The worker's side of media: files within observations go to the store before the rows are written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from lumenspan.errors import LumenspanError
from lumenspan.ids import ObservationId, ProjectId, TraceId
from lumenspan.media.domain import Field, MediaId, TraceLink
from lumenspan.media.extract import Extraction, File, Limits
from lumenspan.media.service import MediaService
from lumenspan.observations.rows import COLUMNS, ObservationColumns
from lumenspan.settings import Settings

_log = structlog.get_logger(__name__)
# Files in memory at once, besides the payload itself; one text's files always go together.
_BATCH_BYTES = 16 << 20
_BATCHES_AT_ONCE = 2

_OF_TRACE = ObservationId("")
_TRACE_ID = COLUMNS.index("trace_id")
_ID = COLUMNS.index("id")
_SIZE = COLUMNS.index("event_bytes")
_METADATA = COLUMNS.index("metadata")
# Column, the field it is, and whether it is the trace's own.
_TEXTS = (
    (COLUMNS.index("input"), Field.INPUT, False),
    (COLUMNS.index("output"), Field.OUTPUT, False),
    (COLUMNS.index("trace_input"), Field.INPUT, True),
    (COLUMNS.index("trace_output"), Field.OUTPUT, True),
)


@dataclass(slots=True)
class _Batch:
    """Files of some rows, who refers to them, and the values that will: column, row, value."""

    files: dict[str, File] = field(default_factory=dict)
    links: set[tuple[MediaId, TraceLink]] = field(default_factory=set)
    values: list[tuple[int, int, Any]] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, found: list[File], link: TraceLink, column: int, row: int, value: Any) -> None:
        for file in found:
            media_id = file.mark.media_id
            if media_id not in self.files:
                self.files[media_id] = file
                self.size_bytes += len(file.data)
            self.links.add((media_id, link))
        self.values.append((column, row, value))


class PayloadMedia:
    """Takes the files out of batches of observations."""

    def __init__(self, media: MediaService, settings: Settings) -> None:
        self._media = media
        self._is_on = settings.is_media_extracted and media.is_enabled
        self._limits = Limits(settings.media_extract_min_bytes, settings.media_max_bytes)
        self._turn = asyncio.Semaphore(_BATCHES_AT_ONCE)

    async def extract(self, project_id: ProjectId, columns: ObservationColumns) -> int:
        """Store the files within ``columns`` and put references in their place; returns their number.

        It never fails: what cannot be stored now stays in the payload, whole. Repeating it stores nothing
        twice.
        """
        if not self._is_on:
            return 0
        rows = [row for row, size in enumerate(columns.values[_SIZE]) if size >= self._limits.min_bytes]
        if not rows:
            return 0
        count = 0
        try:
            async with self._turn:
                batches = _batches(columns.values, rows, self._limits)
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    await self._media.keep(project_id, list(batch.files.values()), sorted(batch.links))
                    for column, row, value in batch.values:
                        columns.values[column][row] = value
                    count += len(batch.files)
        except LumenspanError as error:
            _log.warning("media_left_in_payload", project_id=project_id, error=error.message)
        except Exception:
            _log.exception("media_left_in_payload", project_id=project_id)
        return count


def _batches(values: list[list[Any]], rows: list[int], limits: Limits) -> Iterator[_Batch]:
    """The files of the rows in batches of bounded size."""
    batch = _Batch()
    for row in rows:
        _scan(values, row, limits, batch)
        if batch.size_bytes >= _BATCH_BYTES:
            yield batch
            batch = _Batch()
    if batch.values:
        yield batch


def _scan(values: list[list[Any]], row: int, limits: Limits, batch: _Batch) -> None:
    trace_id: TraceId = values[_TRACE_ID][row]
    own_id: ObservationId = values[_ID][row]
    for column, name, is_of_trace in _TEXTS:
        text = values[column][row]
        if len(text) < limits.min_bytes:
            continue
        extraction = Extraction(limits)
        new = extraction.text(text)
        if new is not text:
            place = TraceLink(trace_id, _OF_TRACE if is_of_trace else own_id, name)
            batch.add(extraction.take(), place, column, row, new)
    metadata = values[_METADATA][row]
    if max(map(len, metadata.values()), default=0) < limits.min_bytes:
        return
    extraction = Extraction(limits)
    changed = extraction.flat(metadata)
    if changed:
        place = TraceLink(trace_id, own_id, Field.METADATA)
        batch.add(extraction.take(), place, _METADATA, row, {**metadata, **changed})
