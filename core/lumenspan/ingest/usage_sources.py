"""Where a span's token counts are (contract 2.10): ordered rows, the first that yields decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lumenspan.ingest.attributes import Attributes, Value, is_truthy, parse_json, parse_object
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.rules import O, Rule, adk_guard, agent_guard

U = "gen_ai.usage."
_TOKEN_COUNT = "llm.token_count."  # noqa: S105 - a count of tokens, not a secret
_DETAILS = O + "usage_details"
_PROVIDER = "ai.response.providerMetadata"
_VERTEX_RESPONSE = "gcp.vertex.agent.llm_response"
_MLFLOW_USAGE = "mlflow.chat.tokenUsage"
_INTEGER = re.compile(r"\d+")

# Result, then its names in order; a zero shadows later ones.
_ALIASES = {
    "input": ("prompt_tokens", "input_tokens", "prompt"),
    "output": ("completion_tokens", "output_tokens", "completion"),
    "total": ("total_tokens", "total"),
    "input_cached_tokens": (
        "cache_read.input_tokens",
        "cache_read_input_tokens",
        "cache_read_tokens",
        "details.cache_read_tokens",
        "details.cache_read_input_tokens",
        "prompt_details.cache_read",
        "input_cached_tokens",
    ),
    "input_cache_creation": (
        "cache_creation.input_tokens",
        "cache_creation_input_tokens",
        "cache_write_tokens",
        "details.cache_write_tokens",
        "details.cache_creation_input_tokens",
        "prompt_details.cache_write",
        "input_cache_creation",
    ),
    "output_reasoning_tokens": (
        "reasoning.output_tokens",
        "completion_details.reasoning",
        "reasoning_tokens",
        "details.reasoning_tokens",
    ),
    "output_audio_tokens": ("completion_details.audio",),
}
_ALIASED = frozenset(alias for names in _ALIASES.values() for alias in names)
# What is counted within input or output and is shown on its own.
_WITHIN = {
    "input": ("input_cached_tokens", "input_cache_creation"),
    "output": ("output_reasoning_tokens", "output_audio_tokens"),
}
# The Vercel AI SDK: result, then its attributes in order.
_AI_SDK = {
    "total": ("ai.usage.tokens",),
    "input_cached_tokens": ("ai.usage.cachedInputTokens",),
    "output_reasoning_tokens": ("ai.usage.reasoningTokens",),
}
# What providers report beside it: path within their metadata, and the result it fills where that is unset.
_AI_PROVIDERS = (
    ("openai.cachedPromptTokens", "input_cached_tokens"),
    ("openai.reasoningTokens", "output_reasoning_tokens"),
    ("openai.acceptedPredictionTokens", "accepted_prediction_tokens"),
    ("openai.rejectedPredictionTokens", "rejected_prediction_tokens"),
    ("anthropic.usage.cache_creation_input_tokens", "input_cache_creation"),
    ("anthropic.usage.cache_read_input_tokens", "input_cached_tokens"),
    ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens", "input_cache_creation_5m"),
    ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens", "input_cache_creation_1h"),
    ("bedrock.usage.cacheReadInputTokens", "input_cache_read"),
    ("bedrock.usage.cacheWriteInputTokens", "input_cache_write"),
    ("bedrock.usage.cacheCreationInputTokens", "input_cache_creation"),
)
_AI_WITHIN_INPUT = (
    "input_cached_tokens",
    "input_cache_creation",
    "input_cache_creation_5m",
    "input_cache_creation_1h",
    "input_cache_read",
)


# Tuples: what was sent to be looked for in them may be a list, which a set cannot be asked for.
_AI_WRAPPERS = tuple(
    "ai." + name
    for name in ("generateText", "streamText", "generateObject", "streamObject", "embed", "embedMany")
)
_AI_EMBEDDINGS = ("ai.embed.doEmbed", "ai.embedMany.doEmbed")


def _explicit(span: Span) -> Value:
    sent = span.attributes.get(_DETAILS)
    if not is_truthy(sent):
        return None
    parsed = parse_json(sent) if isinstance(sent, str) else sent
    if parsed is None:
        return None
    return parsed if isinstance(parsed, dict) else {}


def _genkit(span: Span) -> Value:
    answered = span.attributes.get("genkit:output")
    usage = (parse_object(answered) or {}).get("usage") if answered is not None else None
    if not isinstance(usage, dict):
        return None
    if span.attributes.get("genkit:type") == "util":
        # What is around a call of a model repeats its counts.
        return {}
    thoughts = _number(usage.get("thoughtsTokens")) or 0
    counts = {
        "input": _number(usage.get("inputTokens")),
        "output": max(0, (_number(usage.get("outputTokens")) or 0) - thoughts),
        "total": _number(usage.get("totalTokens")),
        "output_reasoning": thoughts,
    }
    return {name: count for name, count in counts.items() if count}


def _ai_sdk(span: Span) -> Value:
    if span.origin.scope_name != "ai":
        return None
    attributes = span.attributes
    sent = attributes.get(_PROVIDER)
    provider = parse_json(sent) if isinstance(sent, str) and sent else sent
    if sent and not isinstance(provider, dict):
        return None
    given = _first_number(attributes, (U + "prompt_tokens", U + "input_tokens"))
    answered = _first_number(attributes, (U + "completion_tokens", U + "output_tokens"))
    found = {"input": given or 0, "output": answered or 0}
    if given is None and answered is None:
        if attributes.get("ai.operationId") in _AI_WRAPPERS:
            # Sums of the calls within, which carry their own.
            return found
        if attributes.get("ai.operationId") in _AI_EMBEDDINGS:
            found["input"] = _first_number(attributes, _AI_SDK["total"]) or 0
    for name, keys in _AI_SDK.items():
        count = _first_number(attributes, keys)
        if count is not None:
            found[name] = count
    for path, name in _AI_PROVIDERS if provider else ():
        count = _number(_at(provider, path))
        if count is not None:
            found.setdefault(name, count)
    _subtract(found, "input_cache_creation", ("input_cache_creation_5m", "input_cache_creation_1h"))
    _subtract(found, "input", _AI_WITHIN_INPUT)
    _subtract(found, "output", ("output_reasoning_tokens",))
    return found


def _vertex(span: Span) -> Value:
    if span.origin.scope_name != "gcp.vertex.agent" or not span.attributes.get(_VERTEX_RESPONSE):
        return None
    raw = _raw_counts(span.attributes)
    cached = _number(
        _at(parse_object(span.attributes[_VERTEX_RESPONSE]), "usage_metadata.cached_content_token_count")
    )
    if cached is not None and not any(name in raw for name in _ALIASES["input_cached_tokens"]):
        raw["input_cached_tokens"] = cached
    return _from_aliases(raw)


def _mlflow(span: Span) -> Value:
    sent = parse_object(span.attributes.get(_MLFLOW_USAGE))
    if sent is None:
        return None
    numbers = {name: _number(value) for name, value in sent.items()}
    return _from_aliases({name: number for name, number in numbers.items() if number is not None})


def _conventions(span: Span) -> Value:
    return _from_aliases(_raw_counts(span.attributes))


def _from_aliases(raw: Mapping[str, int | float]) -> dict[str, int | float] | None:
    if not raw:
        return None
    found: dict[str, int | float] = {}
    for result, names in _ALIASES.items():
        value = next((raw[name] for name in names if name in raw), None)
        if value is not None:
            found[result] = value
    for whole, parts in _WITHIN.items():
        _subtract(found, whole, parts)
    for name, value in raw.items():
        if name not in _ALIASED:
            found.setdefault(name.removeprefix("details."), value)
    return found


def _subtract(counts: dict[str, int | float], whole: str, parts: Sequence[str]) -> None:
    if whole in counts:
        counts[whole] = max(0, counts[whole] - sum(counts.get(part, 0) for part in parts))


def _raw_counts(attributes: Attributes) -> dict[str, int | float]:
    raw: dict[str, int | float] = {}
    for key in attributes:
        if key.startswith((_TOKEN_COUNT, U)) and key != U + "cost":
            number = _number(attributes[key])
            if number is not None:
                raw[key.removeprefix(U if key.startswith(U) else _TOKEN_COUNT)] = number
    return raw


def _first_number(attributes: Attributes, keys: Sequence[str]) -> int | float | None:
    return next(
        (found for found in (_number(attributes.get(key)) for key in keys) if found is not None), None
    )


def _at(value: Value, path: str) -> Value:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _number(value: Value) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    return None


USAGE_RULES = (
    agent_guard({}),
    adk_guard({}),
    Rule("langfuse_usage_details", _explicit, (_DETAILS,)),
    Rule("genkit_usage", _genkit, ("genkit:output",)),
    Rule("ai_sdk_usage", _ai_sdk, (_PROVIDER, *(key for keys in _AI_SDK.values() for key in keys))),
    Rule("vertex_usage", _vertex, (_VERTEX_RESPONSE,)),
    Rule("mlflow_usage", _mlflow, (_MLFLOW_USAGE,)),
    Rule("token_conventions", _conventions),
)
