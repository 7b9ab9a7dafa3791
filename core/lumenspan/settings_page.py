"""Writes docs/settings.md from the model: ``python -m lumenspan.settings_page``."""

from __future__ import annotations

import sys
import types
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from lumenspan.settings import Settings, secret_variables

# The variable that each group starts with.
_GROUPS = {
    "HOSTNAME": "The application",
    "AUTH_DISABLE_SIGNUP": "Sign-in",
    "LANGFUSE_INIT_ORG_ID": "Headless initialization",
    "DATABASE_URL": "PostgreSQL",
    "CLICKHOUSE_URL": "ClickHouse",
    "REDIS_CONNECTION_STRING": "Redis or Valkey",
    "LANGFUSE_S3_EVENT_UPLOAD_BUCKET": "Blob storage",
    "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET": "Media",
    "LUMENSPAN_INGEST_MAX_BODY_MIB": "Ingestion",
}
_EITHER = {
    "DATABASE_URL": "required, or DATABASE_HOST, DATABASE_USERNAME and DATABASE_NAME",
    "REDIS_CONNECTION_STRING": "required, or REDIS_HOST",
}
_INTRODUCTION = """\
# Settings

Settings are environment variables, or lines of a `.env` file in the folder that the server is started
from; the environment wins. `make up` makes every one that it needs. `lumenspan config check` shows what
is set (secrets masked), and names each variable that is wrong, what was read and what is allowed.
A variable that is set to nothing counts as not set. Numbers may be written as `1_000_000`.

Variables that Langfuse documents keep their names and defaults; those of Lumenspan start with
`LUMENSPAN_`. Server and workers read the same ones.
"""
_HEAD = "| variable | what it does | values | default |\n|---|---|---|---|\n"


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION]
    for field in Settings.model_fields.values():
        name = field.alias or ""
        if name in _GROUPS:
            parts.append(f"\n## {_GROUPS[name]}\n\n{_HEAD}")
        about = (field.description or "").replace("|", "\\|")
        parts.append(f"| `{name}` | {about} | {_values(name, field)} | {_default(name, field)} |\n")
    return "".join(parts)


def _values(name: str, field: FieldInfo) -> str:
    if name in secret_variables():
        return "secret"
    annotation = _without_none(field.annotation)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if annotation is bool:
        return "`true`, `false`"
    if annotation is str:
        return "text"
    if annotation is float:
        return "0 to 1"
    if get_origin(annotation) is dict:
        return "names with numbers from 0 to 1"
    return " ".join(["number", *_bounds(field)])


def _bounds(field: FieldInfo) -> list[str]:
    signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le")}
    return [
        f"{signs[type(item)][0]} {getattr(item, signs[type(item)][1])}"
        for item in field.metadata
        if type(item) in signs
    ]


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(item for item in get_args(annotation) if item is not type(None))
    return annotation


def _default(name: str, field: FieldInfo) -> str:
    if name in _EITHER:
        return _EITHER[name]
    if field.is_required():
        return "required"
    if field.default in (None, "", {}):
        return "none"
    value = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
