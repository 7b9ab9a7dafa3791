"""The pricing stage of ingestion: over a batch of columns, between mapping and insert."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lumenspan.ids import ProjectId
from lumenspan.models.definitions import Definitions
from lumenspan.models.domain import ModelDefinition
from lumenspan.models.matching import Matcher
from lumenspan.models.pricing import TierChooser, costs, price_list
from lumenspan.observations.rows import COLUMNS, ObservationColumns

_MODEL, _PROVIDED_COST = COLUMNS.index("model"), COLUMNS.index("provided_cost")
_USAGE, _USAGE_SOURCE = COLUMNS.index("usage"), COLUMNS.index("usage_source")
# Fewer rows than this are priced faster than a thread is woken.
_INLINE_ROWS = 200
PROVIDED, TOKENIZER, ESTIMATED, CALCULATED = "provided", "tokenizer", "estimated", "calculated"


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be counted for one row."""

    model: ModelDefinition
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens by kind, without ``total``; ``is_exact`` is False where they were estimated."""

    usage: dict[str, int]
    is_exact: bool


class Counter(Protocol):
    """Counts tokens; None where it could not."""

    async def count(self, texts: Sequence[Text]) -> list[Counted | None]:
        """The counts of ``texts``, of the same length and order."""
        ...


class _Model:
    """A definition with what pricing asks of it again and again."""

    __slots__ = ("chooser", "definition", "lists", "provenance", "start_ns")

    def __init__(self, definition: ModelDefinition) -> None:
        start = definition.start_date
        self.definition = definition
        self.start_ns = 0 if start is None else int(start.timestamp() * 1_000_000) * 1_000
        self.chooser = TierChooser(definition)
        self.lists = {tier.name: price_list(tier.prices) for tier in definition.tiers}
        self.provenance = definition.provenance


class Pricer:
    """Fills in which model a row is of, its token counts where the client sent none, and its cost."""

    def __init__(self, definitions: Definitions, counter: Counter) -> None:
        self._definitions = definitions
        self._counter = counter

    async def price(self, project_id: ProjectId, columns: ObservationColumns) -> None:
        """Complete ``columns`` in place. Repeating it with the same definitions gives the same.

        Raises:
            Unavailable: the definitions cannot be read.
        """
        if not any(columns.values[_MODEL]) and not any(columns.values[_PROVIDED_COST]):
            _note_provided(columns)
            return
        matcher = await self._definitions.matcher(project_id)
        batch = Batch(dict(zip(COLUMNS, columns.values, strict=True)), matcher)
        if len(columns) < _INLINE_ROWS:
            batch.price()
        else:
            await asyncio.to_thread(batch.price)
        if batch.uncounted:
            counts = await self._counter.count([text for _, text in batch.uncounted])
            batch.apply(counts)


def _note_provided(columns: ObservationColumns) -> None:
    values = columns.values
    values[_USAGE_SOURCE] = [PROVIDED if usage else "" for usage in values[_USAGE]]


class Batch:
    """The rows of one project, by the names of ``COLUMNS``: lists of equal length, changed in place.

    Attributes:
        uncounted: row and text of what has a tokenizer and no usage; filled by ``price``.
    """

    def __init__(self, column: Mapping[str, list[Any]], matcher: Matcher) -> None:
        self._column = column
        self._usage, self._cost = column["usage"], column["cost"]
        self._parameters, self._metadata = column["model_parameters"], column["metadata"]
        self._cost_source, self._price_source = column["cost_source"], column["price_source"]
        self._tier_id, self._tier_name = column["price_tier_id"], column["price_tier_name"]
        self._matcher = matcher
        self._models: dict[str, list[_Model]] = {}
        self.uncounted: list[tuple[int, Text]] = []

    def price(self) -> None:
        """Everything that needs no counting. Pure computation."""
        column = self._column
        usage_source, model_id = column["usage_source"], column["model_id"]
        models = self._models
        rows = zip(column["model"], self._usage, column["provided_cost"], strict=True)
        for at, (name, usage, provided) in enumerate(rows):
            if usage:
                usage_source[at] = PROVIDED
            if provided:
                self._cost_source[at] = PROVIDED
            if not name:
                continue
            candidates = models.get(name)
            if candidates is None:
                candidates = models[name] = [_Model(each) for each in self._matcher.candidates(name)]
            model = self._started(candidates, at)
            if model is None:
                continue
            model_id[at] = model.definition.id
            if provided:
                continue
            if usage:
                self._price_row(at, model, usage)
            else:
                self._ask_for_count(at, model)

    def apply(self, counts: Sequence[Counted | None], first: int = 0) -> None:
        """Price the rows of ``uncounted`` from ``first`` on by their counts, given in the same order."""
        usage_source, names = self._column["usage_source"], self._column["model"]
        for (at, _), counted in zip(self.uncounted[first : first + len(counts)], counts, strict=True):
            if counted is None or not counted.usage:
                continue
            usage = {**counted.usage, "total": sum(counted.usage.values())}
            self._usage[at] = usage
            usage_source[at] = TOKENIZER if counted.is_exact else ESTIMATED
            model = self._started(self._models[names[at]], at)
            if model is not None:
                self._price_row(at, model, usage)

    def _started(self, models: list[_Model], at: int) -> _Model | None:
        for model in models:
            if not model.start_ns or model.start_ns <= self._column["start_time"][at]:
                return model
        return None

    def _ask_for_count(self, at: int, model: _Model) -> None:
        if model.definition.tokenizer is None or self._column["level"][at] == "ERROR":
            return
        given, answered = self._column["input"][at], self._column["output"][at]
        if given or answered:
            self.uncounted.append((at, Text(model.definition, given, answered)))

    def _price_row(self, at: int, model: _Model, usage: dict[str, int]) -> None:
        tier = model.chooser.choose(usage, self._parameters[at], self._metadata[at])
        if tier is None:
            return
        amounts = costs(usage, model.lists[tier.name])
        if amounts:
            self._cost[at] = amounts
            self._cost_source[at] = CALCULATED
            self._tier_id[at] = tier.id
            self._tier_name[at] = tier.name
            self._price_source[at] = model.provenance
