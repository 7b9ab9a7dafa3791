"""Files that items of datasets refer to: they have to be there, and are named in answers."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from lumenspan.clock import datetime_to_iso
from lumenspan.datasets.domain import Item
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId
from lumenspan.media import references
from lumenspan.media.domain import Download, MediaDisabled, MediaId
from lumenspan_server.datasets.wire import MediaFile, MediaReference
from lumenspan_server.services import Services

_FIELDS: tuple[tuple[str, Literal["input", "expectedOutput", "metadata"]], ...] = (
    ("input", "input"),
    ("expected_output", "expectedOutput"),
    ("metadata", "metadata"),
)


async def check_known(services: Services, project_id: ProjectId, values: Sequence[Any]) -> None:
    """InvalidInput where a value refers to a file that was not uploaded."""
    ids = {found.media_id for value in values for _, found in _references(value, "$")}
    for id_ in sorted(ids):
        if await _download(services, project_id, id_) is None:
            raise InvalidInput(f"The dataset item references unknown media: {id_}")


async def rows_of(services: Services, project_id: ProjectId, item: Item) -> list[MediaReference]:
    """The files of an item as its answer names them; those that are gone are left out."""
    rows = []
    for attribute, field in _FIELDS:
        for path, found in _references(getattr(item, attribute), "$"):
            file = await _download(services, project_id, found.media_id)
            if file is not None:
                rows.append(
                    MediaReference(
                        field=field, reference_string=str(found), json_path=path, media=_file(file)
                    )
                )
    return rows


def _file(file: Download) -> MediaFile:
    return MediaFile(
        media_id=file.media_id,
        content_type=file.content_type,
        content_length=file.size_bytes,
        url=file.url,
        url_expiry=datetime_to_iso(file.expires_at),
    )


def _references(value: Any, path: str) -> Iterator[tuple[str, references.Reference]]:
    if isinstance(value, str):
        for found in references.find(value):
            yield path, found
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _references(each, f"{path}[{key!r}]")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _references(each, f"{path}[{number}]")


async def _download(services: Services, project_id: ProjectId, media_id: MediaId) -> Download | None:
    try:
        return await services.media.download(project_id, media_id)
    except (NotFound, MediaDisabled):
        return None
