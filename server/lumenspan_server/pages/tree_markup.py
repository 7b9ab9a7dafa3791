"""The rows of a tree as markup, made without a template: a page has a thousand of them."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from markupsafe import Markup, escape

from lumenspan.observations.domain import ObservationOutline, ObservationType
from lumenspan_server.pages import values
from lumenspan_server.pages.tree import Row

_KINDS = frozenset(ObservationType)
_SHORT = {
    "GENERATION": "GEN",
    "RETRIEVER": "RETR",
    "EVALUATOR": "EVAL",
    "EMBEDDING": "EMB",
    "GUARDRAIL": "GUARD",
}
_LEAST_BAR = 8
_CUT_OFF = '<i title="Its parent is not on this page">↳</i> '


def kind(type_: str) -> Markup:
    """The type of an observation as a short word in its colour."""
    word = escape(_SHORT.get(type_, type_[:6]))
    return Markup('<span class="kind {}">{}</span>').format(_kind(type_), word)


def tree_markup(rows: Sequence[Row], chosen_id: str, scored: Mapping[str, int], after: str) -> Markup:
    """Nested lists whose rows lead to the page with that observation chosen.

    Args:
        scored: how many scores each observation has, by its id.
        after: cursor of where this part of the tree begins.
    """
    made: list[str] = []
    for row in rows:
        made += _row(row, row.node.id == chosen_id, scored.get(row.node.id, 0), after)
    return Markup("".join(made))  # noqa: S704  (everything of a client is escaped below)


def _row(row: Row, is_chosen: bool, scores: int, after: str) -> Iterator[str]:
    node, current = row.node, ' aria-current="true"' if is_chosen else ""
    if row.child_count:
        yield f'<li><details open><summary class="row {node.level}"{current}>'
    else:
        yield f'<li><div class="row leaf {node.level}"{current}>'
    name = escape(node.name or node.id)
    place = f"&amp;after={quote(after)}" if after else ""
    yield f'<a href="?observation={quote(node.id, safe="")}{place}#details">{kind(node.type)}'
    yield f'<span class="name">{_CUT_OFF if row.is_cut_off else ""}{name}</span></a>'
    if scores:
        yield f'<span class="mark" title="{values.plural(scores, "score")}">★ {scores}</span>'
    yield f'<span class="cost">{_cost(node)}</span><span class="took">{_took(node)}</span>'
    yield '<svg viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">'
    width = max(row.bar_width, _LEAST_BAR)
    yield f'<rect x="{row.bar_start}" width="{width}" height="6" class="{_kind(node.type)}"/></svg>'
    if row.child_count:
        yield "</summary><ul>\n" if row.is_indented else '</summary><ul class="flat">\n'
    else:
        yield "</div></li>\n"
    yield "</ul></details></li>\n" * max(0, row.closes)


def _kind(type_: str) -> str:
    return type_ if type_ in _KINDS else ObservationType.SPAN


def _cost(node: ObservationOutline) -> str:
    if node.total_cost is not None:
        return str(escape(values.money(node.total_cost)))
    return f"{node.total_usage:,} tok" if node.total_usage else ""


def _took(node: ObservationOutline) -> str:
    if node.end_ns is not None:
        return values.duration(node.end_ns - node.start_ns)
    return "" if node.type == ObservationType.EVENT else "…"
