"""The observations of a trace as the rows of a tree, without recursion: a trace may be one long chain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lumenspan.observations.domain import ObservationOutline

# Deeper rows are not moved further to the right: there would be no room left for their names.
MAX_INDENT = 16
# A bar is given in thousandths of the width.
_WIDTH = 1_000


@dataclass(slots=True)
class Row:
    """One row, and how many levels end behind it.

    Attributes:
        depth: 0 for those without a parent here.
        is_cut_off: its parent is not among the rows.
        closes: levels of nesting that end behind this row; -1 where one begins, with its children.
        bar_start, bar_width: thousandths of the trace's duration; at least one thousandth wide.
    """

    node: ObservationOutline
    depth: int
    is_cut_off: bool
    closes: int
    child_count: int
    bar_start: int
    bar_width: int

    @property
    def is_indented(self) -> bool:
        """Whether its children move to the right."""
        return self.depth < MAX_INDENT


@dataclass(slots=True)
class _Family:
    children: dict[str, list[ObservationOutline]] = field(default_factory=dict)
    roots: list[ObservationOutline] = field(default_factory=list)


def rows(nodes: Sequence[ObservationOutline], start_ns: int, end_ns: int) -> list[Row]:
    """Each observation once, children behind their parents, siblings in the order given.

    Observations whose parents lead back to themselves are put at the top, as if they had none.
    """
    family = _family(nodes)
    found: list[Row] = []
    seen: set[str] = set()
    for root in (*family.roots, *nodes):
        if root.id not in seen:
            _walk(root, family, seen, found, (start_ns, end_ns))
    for row, following in pairwise(found):
        row.closes = row.depth - following.depth
    if found:
        found[-1].closes = found[-1].depth
    return found


def _family(nodes: Sequence[ObservationOutline]) -> _Family:
    ids = {node.id for node in nodes}
    family = _Family()
    for node in nodes:
        if node.parent_id in ids and node.parent_id != node.id:
            family.children.setdefault(node.parent_id, []).append(node)
        else:
            family.roots.append(node)
    return family


def _walk(
    root: ObservationOutline, family: _Family, seen: set[str], found: list[Row], span: tuple[int, int]
) -> None:
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        children = [child for child in family.children.get(node.id, ()) if child.id not in seen]
        start, width = _bar(node, *span)
        is_cut_off = depth == 0 and bool(node.parent_id)
        found.append(Row(node, depth, is_cut_off, 0, len(children), start, width))
        waiting.extend((child, depth + 1) for child in reversed(children))


def _bar(node: ObservationOutline, start_ns: int, end_ns: int) -> tuple[int, int]:
    whole = max(1, end_ns - start_ns)
    until = end_ns if node.end_ns is None else node.end_ns
    start = min(_WIDTH - 1, max(0, (node.start_ns - start_ns) * _WIDTH // whole))
    width = (until - max(node.start_ns, start_ns)) * _WIDTH // whole
    return start, max(1, min(_WIDTH - start, width))
