"""What spans of one shape have in common, found out once: which fields do not depend on the span at all.

Spans of one instrumentation carry the same names of attributes over and over. Their names, the scope and
a few flags are the shape; with it most rules are settled before any value is looked at. Which ones is not
declared anywhere: every field is computed once with a span that notes what of it is read. A field that read
nothing is the same for the whole shape, one that read only the resource is the same for a request, and rows
of a rule table that read nothing and yielded nothing are left out. So rules stay data, and a new row needs
no care.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from lumenspan.ingest.attributes import Value
from lumenspan.ingest.otlp import Origin, Span

Pick = Callable[[Span], Value]
Key = tuple[Any, ...]
# Spans with more names, or longer ones, are rare and cost more than their rules.
_MOST_NAMES = 200
_MOST_CHARS = 20_000
_MOST_SHAPES = 1_000
# How often a shape is met before it is worth the work.
_SIGHTINGS = 3
_MOST_SIGHTED = 20_000


@runtime_checkable
class Narrowing(Protocol):
    """A pick that gets cheaper once the shape of its spans is known."""

    def narrowed(self, span: Span) -> Pick:
        """The pick for all spans of the shape of ``span``, of which nothing but the shape may be used."""
        ...


class Watch:
    """What was read of a span besides its shape."""

    __slots__ = ("of_origin", "of_span")

    def __init__(self) -> None:
        self.of_span = False
        self.of_origin = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing was read."""
        return not (self.of_span or self.of_origin)


class _Attributes(Mapping[str, Value]):
    """Attributes that note when more than their names is looked at."""

    def __init__(self, attributes: Mapping[str, Value], watch: Watch) -> None:
        self._attributes = attributes
        self._watch = watch

    def __getitem__(self, key: str) -> Value:
        value = self._attributes[key]
        self._watch.of_span = True
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        self._watch.of_span = True
        return repr(self._attributes)

    def __eq__(self, other: object) -> bool:
        self._watch.of_span = True
        return self._attributes == other

    __hash__ = None  # type: ignore[assignment]


class _Origin:
    """An origin whose scope is part of the shape, and whose attributes are not."""

    def __init__(self, origin: Origin, watch: Watch) -> None:
        self.scope_name = origin.scope_name
        self.scope_version = origin.scope_version
        self._origin = origin
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        self._watch.of_origin = True
        return getattr(self._origin, name)


class _Watched:
    """A span that notes what is read of it besides its shape."""

    def __init__(self, span: Span, watch: Watch) -> None:
        self._span = span
        self._watch = watch
        self.attributes = _Attributes(span.attributes, watch)
        self.origin = _Origin(span.origin, watch)
        self.status_code = span.status_code

    @property
    def events(self) -> Any:
        self._watch.of_span |= bool(self._span.events)
        return self._span.events

    @property
    def extra(self) -> Any:
        self._watch.of_span |= bool(self._span.extra)
        return self._span.extra

    def __getattr__(self, name: str) -> Any:
        self._watch.of_span = True
        return getattr(self._span, name)


def watched(pick: Pick, span: Span) -> tuple[Value, Watch]:
    """What ``pick`` yields for ``span``, and what it read; one that fails has read everything."""
    watch = Watch()
    try:
        value = pick(cast(Span, _Watched(span, watch)))
    except Exception:
        watch.of_span = True
        return None, watch
    return value, watch


def key_of(span: Span) -> Key:
    """The shape of a span: what ``_Watched`` does not note."""
    origin = span.origin
    return (
        origin.scope_name,
        origin.scope_version,
        span.status_code,
        not span.events,
        not span.extra,
        *span.attributes,
    )


class Shape:
    """Values by place for spans of one shape.

    Attributes:
        values: what is the same for all of them; None where it is not.
        of_origin: places and picks of what is the same for all spans of one origin.
        of_span: those of what has to be looked at in each span.
    """

    __slots__ = ("of_origin", "of_span", "values")

    def __init__(self, picks: Sequence[Pick | None], span: Span | None = None) -> None:
        self.values: list[Value] = [None] * len(picks)
        of_origin: list[tuple[int, Pick]] = []
        of_span: list[tuple[int, Pick]] = []
        for place, pick in enumerate(picks):
            if pick is None:
                continue
            if span is None:
                of_span.append((place, pick))
                continue
            value, watch = watched(pick, span)
            if watch.of_span or not _is_shareable(value):
                of_span.append((place, pick.narrowed(span) if isinstance(pick, Narrowing) else pick))
            elif watch.of_origin:
                of_origin.append((place, pick))
            else:
                self.values[place] = value
        self.of_origin = tuple(of_origin)
        self.of_span = tuple(of_span)


def _is_shareable(value: Value) -> bool:
    """Whether rows may hold the same object: immutable, or a collection that nobody changes in place."""
    return isinstance(value, str | int | float | tuple | dict | list | None)


class Shapes:
    """The shapes met so far, for one set of picks; several threads may use it.

    Args:
        is_learning: whether anything is ever found out about a shape.
    """

    def __init__(self, picks: Sequence[Pick | None], *, is_learning: bool = True) -> None:
        self._picks = picks
        self._most_names = _MOST_NAMES if is_learning else -1
        self._any = Shape(picks)
        self._known: dict[Key, Shape] = {}
        self._sighted: dict[int, int] = {}

    def of(self, span: Span) -> Shape:
        """The shape of ``span``; one without any knowledge while it is new."""
        if len(span.attributes) > self._most_names:
            return self._any
        key = key_of(span)
        known = self._known.get(key)
        return known if known is not None else self._new(key, span)

    def _new(self, key: Key, span: Span) -> Shape:
        mark = hash(key)
        count = self._sighted.pop(mark, 0) + 1
        if count < _SIGHTINGS or sum(map(len, span.attributes)) > _MOST_CHARS:
            if len(self._sighted) >= _MOST_SIGHTED:
                self._sighted.clear()
            self._sighted[mark] = count
            return self._any
        if len(self._known) >= _MOST_SHAPES:
            # Rebuilt from what comes: cheaper than noting every use.
            self._known.clear()
        made = self._known[key] = Shape(self._picks, span)
        return made
