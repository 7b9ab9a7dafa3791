"""Parameters of a model call (contract 2.9): ordered rows, the first that yields decides."""

from __future__ import annotations

from collections.abc import Mapping

from lumenspan.ingest.attributes import (
    Value,
    first_truthy,
    is_truthy,
    parse_json,
    parse_object,
    to_json,
    under,
)
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.rules import O, Rule

_OWN = O + "model.parameters"
# Parameter of the Vercel AI SDK, then the keys that may hold it.
_AI_SDK = {
    "maxSteps": ("ai.settings.maxSteps",),
    "toolChoice": ("ai.prompt.toolChoice",),
    "maxTokens": ("gen_ai.request.max_tokens",),
    "finishReason": ("gen_ai.response.finish_reasons", "gen_ai.finishReason"),
    "system": ("gen_ai.system", "ai.model.provider"),
    "maxRetries": ("ai.settings.maxRetries",),
    "mode": ("ai.settings.mode",),
    "temperature": ("gen_ai.request.temperature",),
}
_PREFIXES = ("gen_ai.request.", "llm.invocation_parameters.")


def plain_parameters(found: Value) -> dict[str, Value]:
    """What ``PARAMETER_RULES`` yielded: strings and numbers as they are, all else as JSON text."""
    return {
        str(key): value if isinstance(value, str) or _is_number(value) else to_json(value)
        for key, value in (found or {}).items()
    }


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _own(span: Span) -> Value:
    value = span.attributes.get(_OWN)
    if not is_truthy(value):
        return None
    return parse_object(value) or {}


def _ai_sdk(span: Span) -> Value:
    if span.origin.scope_name != "ai":
        return None
    attributes = span.attributes
    found = {name: first_truthy(attributes, keys) for name, keys in _AI_SDK.items()}
    provider = parse_object(attributes.get("ai.response.providerMetadata")) or {}
    openai = provider.get("openai")
    tier = openai.get("serviceTier") if isinstance(openai, dict) else None
    found["service_tier"] = tier or first_truthy(attributes, ("gen_ai.request.service_tier",))
    known = {name: value for name, value in found.items() if value is not None}
    return known | (_own(span) or {})


def _genkit(span: Span) -> Value:
    given = parse_object(span.attributes.get("genkit:input")) or {}
    config = given.get("config")
    if not isinstance(config, dict):
        request = (parse_object(span.attributes.get("genkit:output")) or {}).get("request")
        config = request.get("config") if isinstance(request, dict) else None
    return config if isinstance(config, dict) else None


def _object(name: str, key: str) -> Rule:
    def pick(span: Span) -> Value:
        value = span.attributes.get(key)
        parsed = parse_json(value) if isinstance(value, str) else value
        return parsed if isinstance(parsed, dict) else None

    return Rule(name, pick, (key,))


def _by_prefix(span: Span) -> Mapping[str, Value]:
    return {
        key[len(prefix) :]: value
        for prefix in _PREFIXES
        for key, value in under(span.attributes, prefix)
        if key != prefix + "model"
    }


PARAMETER_RULES = (
    Rule("ai_sdk_settings", _ai_sdk, tuple(key for keys in _AI_SDK.values() for key in keys)),
    Rule("langfuse_parameters", _own, (_OWN,)),
    Rule("genkit_config", _genkit, ("genkit:input", "genkit:output")),
    _object("openinference_parameters", "llm.invocation_parameters"),
    _object("openinference_embedding", "embedding.invocation_parameters"),
    _object("model_config", "model_config"),
    Rule("request_keys", _by_prefix),
)
