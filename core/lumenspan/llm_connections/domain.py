"""Connections to providers of language models, and what of them contradicts itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from lumenspan.errors import InvalidInput
from lumenspan.ids import ProjectId

# A header name by RFC 9110, and a value that cannot begin another header.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff\t]{0,8192}")
_SHOWN_CHARS = 4
# Of a shorter key even four characters would tell too much.
_SHOWN_FROM_CHARS = 12


class Adapter(StrEnum):
    """Whose API a connection speaks."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    AZURE = "azure"
    BEDROCK = "bedrock"
    GOOGLE_VERTEX_AI = "google-vertex-ai"
    GOOGLE_AI_STUDIO = "google-ai-studio"


@dataclass(frozen=True, slots=True)
class LlmConnection:
    """A connection without its secrets.

    Attributes:
        provider: its name within the project.
        base_url: where its API is; None where the provider's own is.
        config: what only its adapter knows: ``region``, ``useResponsesApi`` or ``location``.
    """

    id: str
    project_id: ProjectId
    provider: str
    adapter: Adapter
    display_secret_key: str
    base_url: str | None
    custom_models: tuple[str, ...]
    with_default_models: bool
    extra_header_keys: tuple[str, ...]
    config: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class NewLlmConnection:
    """What a connection is to be, with its secrets in the clear; never printed."""

    provider: str
    adapter: Adapter
    secret_key: str
    base_url: str | None = None
    custom_models: tuple[str, ...] = ()
    with_default_models: bool = True
    extra_headers: Mapping[str, str] | None = None
    config: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class OpenLlmConnection:
    """A connection with its secrets in the clear, for a call; never printed."""

    connection: LlmConnection
    secret_key: str
    extra_headers: Mapping[str, str]


def check(given: NewLlmConnection) -> None:
    """Return when nothing contradicts itself.

    Raises:
        InvalidInput: the configuration is not one of the adapter, or a header could not be sent.
    """
    _check_config(given)
    for name, value in (given.extra_headers or {}).items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidInput("extraHeaders: a name has letters, digits and hyphens")
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(f"extraHeaders: the value of {name} cannot be sent in a header")


def display_secret_key(secret_key: str) -> str:
    """What may be shown of a secret: the end of it, of credentials in JSON the end of the last value."""
    shown = secret_key.rstrip('"} \n\r\t')
    return "..." + (shown[-_SHOWN_CHARS:] if len(shown) >= _SHOWN_FROM_CHARS else "")


def _check_config(given: NewLlmConnection) -> None:
    config, adapter = given.config, given.adapter
    if adapter == Adapter.BEDROCK:
        if config is None or not _is_only(config, "region"):
            raise InvalidInput('config: Bedrock requires {"region": "<aws-region>"}')
        _check_bedrock_key(given.secret_key)
    elif config is None:
        return
    elif adapter == Adapter.OPENAI:
        if set(config) != {"useResponsesApi"} or not isinstance(config["useResponsesApi"], bool):
            raise InvalidInput('config: OpenAI takes {"useResponsesApi": true} or false')
    elif adapter == Adapter.GOOGLE_VERTEX_AI:
        if not _is_only(config, "location"):
            raise InvalidInput('config: Vertex AI takes {"location": "<gcp-location>"}')
    else:
        raise InvalidInput(f"config: the adapter {adapter.value} takes none")


def _is_only(config: Mapping[str, Any], name: str) -> bool:
    """Whether the configuration is one short text of that name."""
    value = config.get(name)
    return set(config) == {name} and isinstance(value, str) and value.strip() != "" and len(value) <= 100


def _check_bedrock_key(secret_key: str) -> None:
    try:
        found = orjson.loads(secret_key)
    except orjson.JSONDecodeError:
        found = None
    names = ("accessKeyId", "secretAccessKey")
    if not isinstance(found, dict) or not all(
        isinstance(found.get(each), str) and found[each] for each in names
    ):
        raise InvalidInput(
            'secretKey: Bedrock requires {"accessKeyId": "...", "secretAccessKey": "..."} as JSON'
        )
