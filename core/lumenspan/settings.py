"""All configuration: one model, read from the environment (and ``.env``).

Documented names of Langfuse keep their names and defaults so that an existing ``.env`` carries over; ours
start with ``LUMENSPAN_``. A wrong value stops the start with a message that names the variable, what was
read (never a secret's value) and what is allowed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Self
from urllib.parse import quote, urlsplit

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import SettingsConfigDict

from lumenspan.settings_application import ApplicationSettings
from lumenspan.settings_engines import EngineSettings
from lumenspan.settings_ingestion import IngestionSettings
from lumenspan.settings_types import is_blank

_MAY_BE_BLANK = frozenset({"CLICKHOUSE_PASSWORD", "REDIS_KEY_PREFIX", "LANGFUSE_S3_EVENT_UPLOAD_PREFIX"})


def _incomplete(given: dict[str, Any]) -> list[tuple[str, str]]:
    """Variables that others need, and why."""
    found = []
    parts = ("DATABASE_HOST", "DATABASE_USERNAME", "DATABASE_NAME")
    if "DATABASE_URL" not in given and not all(name in given for name in parts):
        found.append(("DATABASE_URL", f"is required (or {', '.join(parts)}) and not set"))
    if "REDIS_CONNECTION_STRING" not in given and "REDIS_HOST" not in given:
        found.append(("REDIS_CONNECTION_STRING", "is required (or REDIS_HOST) and not set"))
    for name in ("LANGFUSE_INIT_PROJECT_ID", "LANGFUSE_INIT_USER_EMAIL"):
        if name in given and "LANGFUSE_INIT_ORG_ID" not in given:
            found.append(("LANGFUSE_INIT_ORG_ID", f"is required by {name} and not set"))
    for name in ("LANGFUSE_S3_EVENT_UPLOAD_SSE", "LANGFUSE_S3_MEDIA_UPLOAD_SSE"):
        if given.get(name) == "aws:kms" and f"{name}_KMS_KEY_ID" not in given:
            found.append((f"{name}_KMS_KEY_ID", f"is required by {name}=aws:kms and not set"))
    return found


class Settings(IngestionSettings, EngineSettings, ApplicationSettings):
    """Every setting, by the environment variable it is read from; see docs/settings.md."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        case_sensitive=True,
        populate_by_name=False,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _complete(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Also what depends on several variables, reported together with what is wrong in each."""
        # Compose files pass every variable on, blank where nobody set it; only a password may be blank.
        given = {
            name: value for name, value in data.items() if not is_blank(value) or name in _MAY_BE_BLANK
        }
        missing: list[InitErrorDetails] = [
            InitErrorDetails(
                type=PydanticCustomError("incomplete", "{why}", {"why": why}), loc=(name,), input=None
            )
            for name, why in _incomplete(given)
        ]
        try:
            settings = handler(given)
        except ValidationError as error:
            wrong: list[InitErrorDetails] = [
                InitErrorDetails(type=e["type"], loc=e["loc"], input=e["input"], ctx=e.get("ctx", {}))
                for e in error.errors(include_url=False)
            ]
            raise ValidationError.from_exception_data(cls.__name__, wrong + missing) from None
        if missing:
            raise ValidationError.from_exception_data(cls.__name__, missing)
        return settings

    @property
    def postgres_url(self) -> str:
        """The connection string, assembled where only its parts are given. Holds the password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        password = (
            f":{quote(self.database_password.get_secret_value(), safe='')}"
            if self.database_password
            else ""
        )
        args = f"?{self.database_args}" if self.database_args else ""
        user = quote(self.database_username or "", safe="")
        return f"postgresql://{user}{password}@{self.database_host}/{self.database_name}{args}"

    @property
    def redis_url(self) -> str:
        """The connection string, assembled where only its parts are given. Holds the password."""
        if self.redis_connection_string is not None:
            return self.redis_connection_string.get_secret_value()
        password = f":{quote(self.redis_auth.get_secret_value(), safe='')}" if self.redis_auth else ""
        user = quote(self.redis_username or "", safe="")
        sign_in = f"{user}{password}@" if user or password else ""
        scheme = "rediss" if self.is_redis_tls else "redis"
        return f"{scheme}://{sign_in}{self.redis_host}:{self.redis_port}/0"


class SettingsError(Exception):
    """The environment cannot be used; the message lists each variable, a line each."""


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        SettingsError: some are missing or wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(explain(error)) from None


def secret_variables() -> frozenset[str]:
    """Names of the variables whose values are never shown."""
    return frozenset(
        field.alias or ""
        for field in Settings.model_fields.values()
        if "SecretStr" in str(field.annotation)
    )


def mask(name: str, value: str) -> str:
    """A value as it may be shown: nothing of a secret, no password within a URL."""
    if name in secret_variables():
        return "********"
    try:
        parts = urlsplit(value)
    except ValueError:
        return value
    if parts.password is None:
        return value
    return value.replace(f":{parts.password}@", ":********@", 1)


def explain(error: ValidationError) -> str:
    """One line per wrong variable: its name, what was read (secrets masked), what is allowed."""
    lines = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "incomplete":
            lines.append(f"{name} {reason}")
        elif problem["type"] == "missing":
            lines.append(f"{name} is required and not set")
        else:
            lines.append(f"{name} is {mask(name, str(problem['input']))!r}: {reason}")
    return "\n".join(dict.fromkeys(lines))
