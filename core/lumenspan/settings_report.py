"""What ``lumenspan config check`` says about the settings of this environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches

from dotenv import dotenv_values

from lumenspan.settings import Settings, load_settings, mask

FAMILIES = ("LANGFUSE_", "LUMENSPAN_", "CLICKHOUSE_", "DATABASE_", "REDIS_", "AUTH_", "NEXTAUTH_")
# Read by the command line and not by the model.
_ELSEWHERE = frozenset({"LUMENSPAN_DATA_DIR"})

_WELL_KNOWN = {
    "SALT": {"mysalt", "salt"},
    "NEXTAUTH_SECRET": {"mysecret", "secret"},
    "ENCRYPTION_KEY": {"0" * 64},
}
# These do something only together.
_TOGETHER = (
    ("LANGFUSE_INIT_PROJECT_PUBLIC_KEY", "LANGFUSE_INIT_PROJECT_SECRET_KEY"),
    ("LANGFUSE_INIT_PROJECT_PUBLIC_KEY", "LANGFUSE_INIT_PROJECT_ID"),
    ("LANGFUSE_INIT_USER_EMAIL", "LANGFUSE_INIT_USER_PASSWORD"),
    ("LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID", "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_ACCESS_KEY_ID", "LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY"),
)


def check() -> list[str]:
    """A line for each setting that is set, secrets masked, then a line for each thing to look at.

    Raises:
        SettingsError: the settings cannot be used; the message has a line for each reason.
    """
    load_settings()
    environment = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return report({**environment, **os.environ})


def report(environment: Mapping[str, str]) -> list[str]:
    """``check`` for an environment that is known to be usable."""
    known = [field.alias or "" for field in Settings.model_fields.values()]
    given = {name: value for name, value in environment.items() if value.strip()}
    lines = [f"{name} = {mask(name, given[name])}" for name in known if name in given]
    return lines + [f"Warning: {warning}" for warning in _warnings(given, frozenset(known))]


def _warnings(given: Mapping[str, str], known: frozenset[str]) -> list[str]:
    found = [
        f"{name} has a value that is printed in public documentation; make one of your own"
        for name, values in _WELL_KNOWN.items()
        if given.get(name) in values
    ]
    for one, other in _TOGETHER:
        if (one in given) != (other in given):
            lacking, there = (other, one) if one in given else (one, other)
            found.append(f"{there} does nothing without {lacking}")
    if (prefix := given.get("REDIS_KEY_PREFIX")) and not prefix.endswith(":"):
        found.append("REDIS_KEY_PREFIX should end with ':'")
    for name in sorted(given):
        if name.startswith(FAMILIES) and name not in known | _ELSEWHERE:
            close = get_close_matches(name, known, 1, 0.9)
            hint = f"; did you mean {close[0]}?" if close else ""
            found.append(f"{name} is not used by this version{hint}")
    return found
