"""Rebuilds the built-in price table from litellm's; run while developing, never in a running system."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lumenspan.errors import InvalidInput
from lumenspan.models.builtin import TABLE_FILE

_LITELLM_FILE = "model_prices_and_context_window_backup.json"

# litellm's field to our quantity; each may be followed by a threshold and a service tier.
_FIELDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
}
_FIELD = re.compile(
    rf"(?P<field>{'|'.join(sorted(_FIELDS, key=len, reverse=True))})"
    r"(?:_above_(?P<thousands>\d+)k_tokens)?(?:_(?P<service>priority|flex|batches))?"
)
_SERVICES = {"priority": "priority", "flex": "flex", "batches": "batch"}
# Names under which gateways and libraries report a provider's own models.
_PREFIXES = {"openai": "openai/", "anthropic": "anthropic/", "gemini": "models/"}
_EMBEDDING = "embedding"
_REASONING = re.compile(r"(?:^|[/.])(?:o\d|gpt-(?:[5-9]|\d\d))")
_OPENAI_NAME = re.compile(r"(?:^|/)((?:ft:)?(?:gpt-|chatgpt-|text-embedding-|davinci|babbage)[\w.:-]*)$")
_COMMENT = "made by `lumenspan models refresh`; do not edit"

Tiers = dict[str, dict[str, str]]


def refresh(source: Path | None, version: str | None, target: Path | None = None) -> tuple[Path, int, str]:
    """Write the table anew; returns its path, the number of models and the version of the source.

    Without ``source`` the file of the installed litellm is read (the package is not imported).

    Raises:
        InvalidInput: there is no such file, it is no price table, or its version is not known.
    """
    if source is None:
        source, found = _installed()
        version = version or found
    if not version:
        raise InvalidInput("Give --version: which version of litellm the file belongs to")
    table = _read(source)
    models = sorted(convert(table), key=lambda row: str(row[0]))
    if not models:
        raise InvalidInput(f"{source} holds no prices")
    target = target or Path(__file__).with_name(TABLE_FILE)
    head = {"comment": _COMMENT, "source": "litellm", "version": version}
    head["made_at"] = datetime.now(UTC).date().isoformat()
    rows = ",\n".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in models)
    target.write_text(json.dumps(head)[:-1] + ', "models": [\n' + rows + "\n]}\n", encoding="utf-8")
    return target, len(models), version


def _installed() -> tuple[Path, str]:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        raise InvalidInput("litellm is not installed; give the path of its price table")
    return Path(spec.origin).with_name(_LITELLM_FILE), importlib.metadata.version("litellm")


def _read(source: Path) -> dict[str, Any]:
    try:
        # Prices stay the decimal text that they are in the file.
        table = json.loads(source.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{source} is no price table") from error
    if not isinstance(table, dict):
        raise InvalidInput(f"{source} is no price table")
    return table


def convert(table: Mapping[str, Any]) -> Iterable[list[Any]]:
    """Rows of our table: name, aliases, mode, tokenizer, tiers in the order they are tried."""
    taken = {name.lower() for name in table}
    for name, entry in table.items():
        if name == "sample_spec" or not isinstance(entry, dict):
            continue
        tiers = _tiers(entry)
        if not tiers:
            continue
        prefix = _PREFIXES.get(str(entry.get("litellm_provider")))
        alias = (prefix or "") + name.rpartition("gemini/")[2]
        aliases = [alias] if prefix and alias.lower() not in taken else []
        taken.update(alias.lower() for alias in aliases)
        yield [name, aliases, str(entry.get("mode") or ""), _tokenizer(name, entry), tiers]


def _tokenizer(name: str, entry: Mapping[str, Any]) -> list[str]:
    if re.search(r"(?:^|[/.])claude-", name):
        return ["claude", ""]
    model = _OPENAI_NAME.search(name)
    # The hidden tokens of reasoning models are billed but in no text: counting would be wrong.
    is_countable = not entry.get("supports_reasoning") and not _REASONING.search(name)
    is_text = entry.get("mode") in ("chat", "completion", _EMBEDDING)
    return ["openai", model[1].removeprefix("ft:")] if model and is_countable and is_text else []


def _tiers(entry: Mapping[str, Any]) -> Tiers:
    found: Tiers = {}
    for field, value in entry.items():
        match = _FIELD.fullmatch(field)
        if match is None or not isinstance(value, Decimal) or value < 0:
            continue
        parts = [f">{match['thousands']}000"] if match["thousands"] else []
        parts += [_SERVICES[match["service"]]] if match["service"] else []
        found.setdefault(" ".join(parts), {})[_FIELDS[match["field"]]] = format(value.normalize(), "f")
    for step in entry.get("tiered_pricing") or ():
        if isinstance(step, dict) and (amounts := _tiers({**step, "tiered_pricing": None}).get("")):
            start = int((step.get("range") or [0])[0])
            found.setdefault(f">{start}" if start else "", {}).update(amounts)
    default = found.get("", {})
    if not any(Decimal(price) for price in default.values()):
        return {}
    if entry.get("mode") == _EMBEDDING and "input" in default:
        # Such a model has one kind of token, and some clients send no more than its total.
        found = {code: {"total": amounts["input"]} for code, amounts in found.items() if "input" in amounts}
    return dict(sorted(found.items(), key=_order))


def _order(tier: tuple[str, dict[str, str]]) -> tuple[bool, int, int]:
    """The default first; then what needs most: both conditions, the service, the larger threshold."""
    parts = tier[0].split()
    threshold = next((int(part[1:]) for part in parts if part.startswith(">")), 0)
    has_service = any(not part.startswith(">") for part in parts)
    return bool(parts), -2 if threshold and has_service else -1 if has_service else 0, -threshold
