"""Which attributes become which field: ordered, named rows; the first row that yields decides.

A row says for which spans it holds, which keys it reads and how. Other instrumentations are more rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lumenspan.ingest.attributes import (
    Value,
    first_truthy,
    is_truthy,
    parse_json,
    to_text,
)
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.shapes import Pick, watched

O = "langfuse.observation."  # noqa: E741 - the prefix is read dozens of times
T = "langfuse.trace."
TM = "ai.telemetry.metadata."


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: ``pick`` yields the value, or None when the row does not hold; ``keys`` is what it reads."""

    name: str
    pick: Pick
    keys: tuple[str, ...] = ()


def decide(rules: Sequence[Rule], span: Span) -> tuple[str, Value]:
    """Name of the first row that yields and its value; ``("", None)`` when none does."""
    for rule in rules:
        value = rule.pick(span)
        if value is not None:
            return rule.name, value
    return "", None


class Decided:
    """The value that a table of rules yields, finished by ``finish``; narrowed to what may hold."""

    def __init__(self, rules: Sequence[Rule], finish: Callable[[Value], Value]) -> None:
        self.rules = tuple(rules)
        self._finish = finish

    def __call__(self, span: Span) -> Value:
        return self._finish(decide(self.rules, span)[1])

    def narrowed(self, span: Span) -> Pick:
        """The same without rows that yield nothing, or are never reached, for spans of this shape."""
        kept = []
        for rule in self.rules:
            value, watch = watched(rule.pick, span)
            if value is not None or not watch.is_idle:
                kept.append(rule)
            if value is not None and watch.is_idle:
                break
        return Decided(kept, self._finish)


class FirstTruthy:
    """The text of the first truthy attribute among ``keys``; narrowed to those that are there."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def __call__(self, span: Span) -> str:
        return to_text(first_truthy(span.attributes, self._keys))

    def narrowed(self, span: Span) -> Pick:
        """The same for spans that have the same names of attributes."""
        return FirstTruthy([key for key in self._keys if key in span.attributes])


def _lookup(name: str, key: str, table: Mapping[str, str]) -> Rule:
    def pick(span: Span) -> Value:
        value = span.attributes.get(key)
        return table.get(value) if isinstance(value, str) else None

    return Rule(name, pick, (key,))


def _any_filled(name: str, keys: tuple[str, ...], result: str) -> Rule:
    def pick(span: Span) -> Value:
        return result if any(is_filled(span.attributes.get(key)) for key in keys) else None

    return Rule(name, pick, keys)


def _truthy(name: str, *keys: str) -> Rule:
    return Rule(name, lambda span: first_truthy(span.attributes, keys), keys)


def is_filled(value: Value) -> bool:
    """Whether a value says anything: not null, not empty."""
    return value is not None and value not in ("", [], {})


# --- type (contract 2.3) ---

_OBSERVATION_TYPES = {
    name: name.upper()
    for name in (
        "span",
        "generation",
        "event",
        "embedding",
        "agent",
        "tool",
        "chain",
        "retriever",
        "guardrail",
        "evaluator",
    )
}
_OPENINFERENCE_KINDS = {
    "CHAIN": "CHAIN",
    "RETRIEVER": "RETRIEVER",
    "LLM": "GENERATION",
    "EMBEDDING": "EMBEDDING",
    "AGENT": "AGENT",
    "TOOL": "TOOL",
    "GUARDRAIL": "GUARDRAIL",
    "EVALUATOR": "EVALUATOR",
}
_OPERATIONS = {
    **dict.fromkeys(
        ("chat", "completion", "text_completion", "generate_content", "generate"), "GENERATION"
    ),
    "embeddings": "EMBEDDING",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "execute_tool": "TOOL",
}
_GENERATION_KEYS = tuple(
    O + key
    for key in (
        "model.name",
        "cost_details",
        "usage_details",
        "completion_start_time",
        "model.parameters",
        "prompt.name",
        "prompt.version",
    )
)
_OLD_SCOPE = re.compile(r"v?(\d+)\.(\d+)")


def _old_python_generation(span: Span) -> Value:
    attributes, origin = span.attributes, span.origin
    if attributes.get(O + "type") != "span" or origin.scope_name != "langfuse-sdk":
        return None
    if origin.resource.get("telemetry.sdk.language") != "python":
        return None
    version = _OLD_SCOPE.match(origin.scope_version)
    if origin.scope_version and (version is None or (int(version[1]), int(version[2])) > (3, 3)):
        return None
    return "GENERATION" if any(key in attributes for key in _GENERATION_KEYS) else None


_GENKIT = {
    **dict.fromkeys(("model", "background-model"), "GENERATION"),
    **dict.fromkeys(("tool", "tool.v2"), "TOOL"),
    "embedder": "EMBEDDING",
    "retriever": "RETRIEVER",
    "evaluator": "EVALUATOR",
}
_AI_OPERATIONS = {
    "ai.generateText.doGenerate": "GENERATION",
    "ai.generateObject.doGenerate": "GENERATION",
    "ai.streamText.doStream": "GENERATION",
    "ai.streamObject.doStream": "GENERATION",
    "ai.embed.doEmbed": "EMBEDDING",
    "ai.embedMany.doEmbed": "EMBEDDING",
}
_AI_MODEL_KEYS = (O + "model.name", "ai.model.id", "gen_ai.request.model", "gen_ai.response.model")


def _ai_operation(span: Span) -> Value:
    attributes = span.attributes
    if not any(is_filled(attributes.get(key)) for key in _AI_MODEL_KEYS):
        return None
    exact = _AI_OPERATIONS.get(str(attributes.get("ai.operationId")))
    name = attributes.get("operation.name")
    if exact is None and isinstance(name, str):
        exact = next(
            (kind for operation, kind in _AI_OPERATIONS.items() if name.startswith(operation)), None
        )
    return exact


def _ai_tool_call(span: Span) -> Value:
    keys = ("operation.name", "ai.operationId")
    return "TOOL" if any(span.attributes.get(key) == "ai.toolCall" for key in keys) else None


# MLflow writes each attribute as JSON.
_MLFLOW_TYPES = {
    **dict.fromkeys(("LLM", "CHAT_MODEL"), "GENERATION"),
    **dict.fromkeys(("RETRIEVER", "RERANKER"), "RETRIEVER"),
    **{kind: kind for kind in ("AGENT", "TOOL", "CHAIN", "EMBEDDING", "EVALUATOR", "GUARDRAIL")},
}


def _mlflow_text(span: Span, key: str) -> Value:
    value = span.attributes.get(key)
    parsed = parse_json(value)
    return parsed if isinstance(parsed, str) else value


def _mlflow_type(span: Span) -> Value:
    return _MLFLOW_TYPES.get(to_text(_mlflow_text(span, "mlflow.spanType")))


_LIVEKIT_TYPES = {"agent_turn": "AGENT", "start_agent_activity": "AGENT", "function_tool": "TOOL"}
TYPE_RULES = (
    Rule("langfuse_python_before_3_4", _old_python_generation, _GENERATION_KEYS),
    _lookup("langfuse_type", O + "type", _OBSERVATION_TYPES),
    _lookup("openinference_kind", "openinference.span.kind", _OPENINFERENCE_KINDS),
    _lookup("gen_ai_operation", "gen_ai.operation.name", _OPERATIONS),
    _lookup("genkit_subtype", "genkit:metadata:subtype", _GENKIT),
    Rule("ai_sdk_operation", _ai_operation, ("ai.operationId", "operation.name")),
    Rule("ai_sdk_tool_call", _ai_tool_call, ("operation.name", "ai.operationId")),
    Rule("mlflow_type", _mlflow_type, ("mlflow.spanType",)),
    _any_filled("gen_ai_tool", ("gen_ai.tool.name", "gen_ai.tool.call.id"), "TOOL"),
    _any_filled("flue_tool", ("flue.tool.name", "flue.tool.call_id"), "TOOL"),
    _any_filled("flue_agent", ("flue.task.id", "flue.task.agent"), "AGENT"),
    Rule(
        "livekit_name",
        lambda span: _LIVEKIT_TYPES.get(span.name) if span.origin.scope_name == "livekit-agents" else None,
    ),
    _any_filled(
        "model_present",
        (O + "model.name", "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "model"),
        "GENERATION",
    ),
)


# --- name (contract 2.4) ---


def _ai_operation_name(span: Span) -> Value:
    operation = span.attributes.get("ai.operationId")
    if operation is None:
        return None
    function = span.attributes.get(f"{TM[:-9]}functionId")
    return f"{to_text(function)}:{to_text(operation)}" if is_truthy(function) else operation


NAME_RULES = (
    _truthy("gen_ai_tool_name", "gen_ai.tool.name"),
    Rule("genkit_name", lambda span: span.attributes.get("genkit:name"), ("genkit:name",)),
    _truthy("logfire_message", "logfire.msg"),
    Rule("ai_sdk_tool_name", lambda span: span.attributes.get("ai.toolCall.name"), ("ai.toolCall.name",)),
    Rule("ai_sdk_operation_name", _ai_operation_name, ("ai.operationId",)),
    Rule("span_name", lambda span: span.name),
)


# --- level (contract 2.8) ---

_LEVELS = {
    **dict.fromkeys(("DEBUG", "TRACE", "VERBOSE"), "DEBUG"),
    **dict.fromkeys(("DEFAULT", "INFO", "LOG", "NOTICE", "OK", "SUCCESS"), "DEFAULT"),
    **dict.fromkeys(("WARNING", "WARN"), "WARNING"),
    **dict.fromkeys(("ERROR", "FATAL", "CRITICAL"), "ERROR"),
}
_LIVEKIT_NOISE = frozenset(
    (
        "user_speaking",
        "eou_detection",
        "llm_request_run",
        "tts_node",
        "tts_request",
        "tts_request_run",
        "tts_stream_adapter",
        "agent_speaking",
        "drain_agent_activity",
        "on_exit",
        "on_enter",
        "llm_fallback_adapter",
        "tts_fallback_adapter",
        "start_agent_activity",
    )
)


def _explicit_level(span: Span) -> Value:
    level = span.attributes.get(O + "level")
    return _LEVELS.get(level.strip().upper()) if isinstance(level, str) else None


def _livekit_level(span: Span) -> Value:
    is_noise = span.origin.scope_name == "livekit-agents" and span.name in _LIVEKIT_NOISE
    return "DEBUG" if is_noise else None


LEVEL_RULES = (
    Rule("langfuse_level", _explicit_level, (O + "level",)),
    Rule("status_error", lambda span: "ERROR" if span.status_code == 2 else None),
    Rule("livekit_noise", _livekit_level),
    Rule("default", lambda span: "DEFAULT"),
)


# --- model (contract 2.9) ---


def _genkit_model(span: Span) -> Value:
    is_model = span.attributes.get("genkit:metadata:subtype") == "model"
    return first_truthy(span.attributes, ("genkit:name",)) if is_model else None


_AGENT_GUARD = ("invoke_agent", "agent_step")


def agent_guard(empty: Value) -> Rule:
    """The row by which model, usage and cost of an agent stay empty: its own generations carry them."""

    def pick(span: Span) -> Value:
        return empty if span.attributes.get("gen_ai.operation.name") in _AGENT_GUARD else None

    return Rule("agent_guard", pick, ("gen_ai.operation.name",))


def adk_guard(empty: Value) -> Rule:
    """The row by which these stay empty for a request within a ``call_llm`` of Google's ADK 1.

    Both say the same; the outer one also how many tokens came from the cache.
    """

    def pick(span: Span) -> Value:
        origin = span.origin
        if origin.scope_name != "gcp.vertex.agent" or not origin.scope_version.startswith("1."):
            return None
        return empty if span.attributes.get("gen_ai.operation.name") == "generate_content" else None

    return Rule("adk_guard", pick, ("gen_ai.operation.name",))


_LIVEKIT_WRAPPERS = ("llm_node", "llm_request_run")


def _livekit_wrapper(span: Span) -> Value:
    """Nothing for what is around a request to a model: otherwise its tokens would be counted again."""
    is_wrapper = span.origin.scope_name == "livekit-agents" and span.name in _LIVEKIT_WRAPPERS
    return (
        "" if is_wrapper and not any(key.startswith("gen_ai.usage.") for key in span.attributes) else None
    )


MODEL_RULES = (
    agent_guard(""),
    adk_guard(""),
    Rule("livekit_wrapper", _livekit_wrapper),
    Rule("mlflow_model", lambda span: _mlflow_text(span, "mlflow.llm.model"), ("mlflow.llm.model",)),
    _truthy(
        "model",
        O + "model.name",
        "gen_ai.response.model",
        "ai.model.id",
        "gen_ai.request.model",
        "llm.response.model",
        "llm.model_name",
        "model",
    ),
    Rule("genkit_model", _genkit_model, ("genkit:name",)),
    _truthy("openinference_embedding", "embedding.model_name"),
)
