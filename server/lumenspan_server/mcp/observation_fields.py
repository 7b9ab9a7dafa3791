"""The fields of an observation as tools answer them: which there are, and rows of those asked for."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from lumenspan.observations.domain import Observation, ObservationParts
from lumenspan_server.mcp.tools import BadArguments
from lumenspan_server.observations.rows import ModelPrices, to_v2_row

_CUT = 200
# By group: name and JSON type.
_FIELDS: dict[str, dict[str, str]] = {
    "core": {
        "id": "string",
        "traceId": "string",
        "startTime": "datetime",
        "endTime": "datetime",
        "projectId": "string",
        "parentObservationId": "string",
        "type": "string",
        "latency": "number (seconds)",
        "timeToFirstToken": "number (seconds)",
    },
    "basic": {
        "name": "string",
        "level": "string",
        "statusMessage": "string",
        "version": "string",
        "environment": "string",
        "bookmarked": "boolean",
        "public": "boolean",
        "userId": "string",
        "sessionId": "string",
        "isRootObservation": "boolean",
    },
    "time": {"completionStartTime": "datetime", "createdAt": "datetime", "updatedAt": "datetime"},
    "io": {"input": "string", "output": "string"},
    "metadata": {"metadata": "object"},
    "model": {
        "model": "string",
        "providedModelName": "string",
        "internalModelId": "string",
        "modelParameters": "object",
        "modelId": "string",
        "inputPrice": "string (USD a unit)",
        "outputPrice": "string (USD a unit)",
        "totalPrice": "string (USD a unit)",
    },
    "usage": {
        "usageDetails": "object",
        "costDetails": "object (USD)",
        "totalCost": "number (USD)",
        "usagePricingTierName": "string",
    },
    "prompt": {"promptId": "string", "promptName": "string", "promptVersion": "number"},
    "trace_context": {"tags": "array", "release": "string", "traceName": "string"},
}
GROUPS = frozenset(_FIELDS)
_GROUP_OF = {name: group for group, names in _FIELDS.items() for name in names}
WIDE = frozenset({"input", "output", "metadata"})
PRICED = frozenset({"modelId", "inputPrice", "outputPrice", "totalPrice"})
_DEFAULT = frozenset(_GROUP_OF) - WIDE
_ALWAYS = frozenset({"id", "traceId", "startTime", "type"})


def described() -> list[dict[str, Any]]:
    """Every field with its group and type."""
    return [
        {"name": name, "group": group, "type": type_, "isDefault": name in _DEFAULT}
        for group, names in _FIELDS.items()
        for name, type_ in names.items()
    ]


def wanted(given: Sequence[str] | None) -> frozenset[str]:
    """Names of the fields that fields and groups stand for, without those given all but the wide ones.

    Raises:
        BadArguments: there is no such field or group.
    """
    if not given:
        return _DEFAULT
    found = set(_ALWAYS)
    for name in given:
        if name in _FIELDS:
            found |= set(_FIELDS[name])
        elif name in _GROUP_OF:
            found.add(name)
        else:
            raise BadArguments(f"There is no field {name[:100]!r}: see getObservationFieldSchema")
    return frozenset(found)


def parts(names: Collection[str], keys: Collection[str]) -> ObservationParts:
    """The wide columns that have to be read."""
    has_texts = "input" in names or "output" in names
    if "metadata" not in names:
        return ObservationParts(has_texts, metadata_chars=0)
    return ObservationParts(has_texts, metadata_chars=None if keys else _CUT)


def row(
    observation: Observation, names: Collection[str], keys: Collection[str], prices: ModelPrices
) -> dict[str, Any]:
    """The fields of those names; values of metadata are cut unless their key is among ``keys``."""
    cut = {key: value if key in keys else value[:_CUT] for key, value in observation.metadata.items()}
    groups = frozenset(_GROUP_OF[name] for name in names)
    whole = msgspec.to_builtins(to_v2_row(replace(observation, metadata=cut), groups, prices))
    return {name: value for name, value in whole.items() if name in names}
