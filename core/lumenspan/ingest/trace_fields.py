"""The fields of a trace that any of its spans may carry (contract 2.7), and the keys they are under."""

from __future__ import annotations

import re

from lumenspan.ingest.attributes import Value, first_present, first_truthy, parse_json, to_text
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.rules import TM, O, T

USER_KEYS = (
    "langfuse.user.id",
    "user.id",
    O + "metadata.langfuse_user_id",
    T + "metadata.langfuse_user_id",
    TM + "userId",
)
SESSION_KEYS = (
    "langfuse.session.id",
    "session.id",
    "gen_ai.conversation.id",
    O + "metadata.langfuse_session_id",
    T + "metadata.langfuse_session_id",
    TM + "sessionId",
)
TAG_KEYS = (
    T + "tags",
    "langfuse.tags",
    O + "metadata.langfuse_tags",
    T + "metadata.langfuse_tags",
    TM + "tags",
    "tag.tags",
)
ENVIRONMENT_KEYS = ("langfuse.environment", "deployment.environment.name", "deployment.environment")
_ENVIRONMENT_PREFIX = re.compile(r"(?:langfuse[-_]?)+")
_ENVIRONMENT = re.compile(r"[a-z0-9_-]+\Z")


def tags(span: Span) -> list[str]:
    """Tags as a list of texts, whatever form they came in."""
    value = first_truthy(span.attributes, TAG_KEYS)
    if isinstance(value, list):
        return [to_text(tag) for tag in value]
    if not isinstance(value, str):
        return []
    parsed = parse_json(value) if value.startswith("[") else None
    if isinstance(parsed, list):
        return [to_text(tag) for tag in parsed]
    if "," in value:
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return [value]


def environment(span: Span) -> str:
    """The environment of the span, else of its resource; ``default`` where there is no usable one."""
    resource = span.origin.resource
    for key in ENVIRONMENT_KEYS:
        value = first_truthy(span.attributes, (key,)) or first_truthy(resource, (key,))
        if value is not None:
            return normal_environment(value)
    return "default"


def normal_environment(value: Value) -> str:
    """An environment as it is stored: lower case, without the reserved prefix; else ``default``."""
    if not isinstance(value, str):
        return "default"
    name = (
        _ENVIRONMENT_PREFIX.sub("", value.strip().lower(), count=1)
        if value[:8].lower() == "langfuse"
        else value
    )
    name = name.strip().lower()[:40]
    return name if _ENVIRONMENT.match(name) else "default"


def is_public(span: Span) -> bool | None:
    """Whether the span says that its trace is public; None when it says nothing."""
    value = first_present(span.attributes, (T + "public", "langfuse.public"))
    return None if value is None else value is True or value == "true"
