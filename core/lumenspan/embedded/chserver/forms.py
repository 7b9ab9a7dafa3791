"""Query parameters as multipart/form-data, which clients choose when they are too long for a URL."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

from lumenspan.embedded.chserver import codecs
from lumenspan.embedded.chserver.errors import (
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    ClickHouseError,
)
from lumenspan.embedded.chserver.wire import Request

_LIMIT_BYTES = 64 * 1024 * 1024


def read_form(request: Request) -> dict[str, str]:
    """The form's fields. Raises ClickHouseError for external tables, which are not supported."""
    body = bytearray()
    for piece in codecs.decode(iter(request.body), request.headers.get("content-encoding", "")):
        body += piece
        if len(body) > _LIMIT_BYTES:
            raise ClickHouseError(QUERY_IS_TOO_LARGE, f"Form is longer than {_LIMIT_BYTES} bytes")
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + bytes(body))
    if not message.is_multipart():
        raise ClickHouseError(BAD_ARGUMENTS, "Malformed multipart/form-data")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise ClickHouseError(NOT_IMPLEMENTED, "External tables are not supported")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode()
    return fields
