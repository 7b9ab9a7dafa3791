"""Which definition a name means: a project's own by their patterns first, then the built-in table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lumenspan.models.builtin import BuiltinModels
from lumenspan.models.domain import ModelDefinition
from lumenspan.models.patterns import compile_pattern, is_found

# A name longer than this is no model's, and nothing that a pattern should chew on.
MAX_NAME = 500
_MAX_CACHED = 2_000


class Matcher:
    """The definitions of one project, in the order in which they win; answers are remembered.

    A project's own come before the built-in ones, those with the newest start date first and those without
    one last. A definition with a start date applies only to observations that start at or after it.

    Attributes:
        own: the project's own definitions in that order.
    """

    def __init__(self, own: Sequence[ModelDefinition], builtin: BuiltinModels) -> None:
        ordered = sorted(own, key=_precedence)
        self.own = tuple(ordered)
        self._own = [(compile_pattern(model.match_pattern), model) for model in ordered]
        self._builtin = builtin
        self._found: dict[str, tuple[ModelDefinition, ...]] = {}

    def candidates(self, name: str) -> tuple[ModelDefinition, ...]:
        """Every definition that ``name`` can mean, the first that has started wins."""
        found = self._found.get(name)
        if found is None:
            if len(self._found) >= _MAX_CACHED:
                self._found.clear()
            found = self._found[name] = self._search(name)
        return found

    def match(self, name: str, at: datetime) -> ModelDefinition | None:
        """The definition of ``name`` for an observation that started at ``at``."""
        for model in self.candidates(name):
            if model.start_date is None or model.start_date <= at:
                return model
        return None

    def _search(self, name: str) -> tuple[ModelDefinition, ...]:
        if not name or len(name) > MAX_NAME:
            return ()
        found = [model for pattern, model in self._own if is_found(pattern, name)]
        # Nothing after a definition without a start date can win.
        for at, model in enumerate(found):
            if model.start_date is None:
                return tuple(found[: at + 1])
        builtin = self._builtin.match(name)
        return (*found, builtin) if builtin else tuple(found)


def _precedence(model: ModelDefinition) -> tuple[float, float, str]:
    # The later made wins among equals, so that the order never depends on the database's.
    start = float("inf") if model.start_date is None else -model.start_date.timestamp()
    return start, -model.created_at.timestamp(), model.id
