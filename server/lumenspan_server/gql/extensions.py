"""Schema extensions: how errors look outside, how long an operation took, how large it may be."""

import time
from collections.abc import Iterator
from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.extensions import (
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    SchemaExtension,
    ValidationCache,
)

from lumenspan.errors import LumenspanError, RateLimited, Unavailable

_log = structlog.get_logger(__name__)
MAX_DEPTH = 12
MAX_ALIASES = 30
MAX_TOKENS = 2_000
_CACHED_DOCUMENTS = 256


def render_error(error: GraphQLError) -> GraphQLError:
    """The error as callers see it: a code in ``extensions``, and never the text of a cause."""
    if error.extensions and "code" in error.extensions:
        return error
    cause = _cause(error)
    extensions: dict[str, Any]
    if isinstance(cause, LumenspanError):
        message, extensions = cause.message, {"code": cause.code}
        if isinstance(cause, Unavailable | RateLimited):
            extensions["retryAfterSeconds"] = cause.retry_after_s
    elif _is_input_error(error, cause):
        message, extensions = error.message, {"code": "INVALID_INPUT"}
    else:
        message, extensions = "Internal error", {"code": "INTERNAL"}
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _cause(error: GraphQLError) -> BaseException | None:
    """What was raised first: the library wraps errors more than once."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _is_input_error(error: GraphQLError, cause: BaseException | None) -> bool:
    """Whether the document or a variable was wrong: no resolver ran, so there is no path or no cause."""
    return cause is None or (error.path is None and isinstance(cause, ValueError | TypeError))


class ErrorRendering(SchemaExtension):
    """Renders every error of an operation, streamed results included."""

    def on_operation(self) -> Iterator[None]:
        yield
        self._render(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        self._render(result)
        yield None

    @staticmethod
    def _render(result: Any) -> None:
        errors = getattr(result, "errors", None)
        if errors:
            result.errors = [render_error(error) for error in errors]


class Timing(SchemaExtension):
    """``extensions.timing.durationMs``: what the operation took on the server."""

    def on_operation(self) -> Iterator[None]:
        self._started = time.perf_counter()
        yield

    def get_results(self) -> dict[str, Any]:
        duration_ms = (time.perf_counter() - self._started) * 1_000
        return {"timing": {"durationMs": round(duration_ms, 2)}}


def log_errors(errors: list[GraphQLError], operation: str | None) -> None:
    """One line for what operators must know: our bugs with their cause, engines that are down."""
    for error in errors:
        cause = _cause(error)
        if isinstance(cause, Unavailable):
            _log.warning("engine unavailable", engine=cause.engine, operation=operation)
        elif not isinstance(cause, LumenspanError) and not _is_input_error(error, cause):
            _log.error("resolver failed", operation=operation, path=error.path, exc_info=cause)


def extensions() -> list[Any]:
    """The extensions of the schema, outermost first."""
    return [
        ErrorRendering,
        Timing,
        lambda **_: QueryDepthLimiter(max_depth=MAX_DEPTH),
        lambda **_: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda **_: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda **_: ParserCache(maxsize=_CACHED_DOCUMENTS),
        lambda **_: ValidationCache(maxsize=_CACHED_DOCUMENTS),
    ]
