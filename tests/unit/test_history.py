"""The history checker finds what is planted, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.history import Journal, Read, Sent, check
from bench.load import make_trace

SENT = st.builds(
    Sent,
    trace_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    digest=st.text("0123456789abcdef", min_size=16, max_size=16),
    tokens=st.integers(0, 10**9),
    cost=st.decimals(0, 1000, places=8),
)
IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
JOURNALS = st.builds(
    Journal,
    acknowledged=st.dictionaries(IDS, SENT, min_size=2, max_size=8),
    doubtful=st.dictionaries(st.text("wxyz", min_size=3, max_size=5), SENT, max_size=4),
)


def read(journal: Journal, *, doubtful: bool = True) -> list[Read]:
    spans = journal.acknowledged | (journal.doubtful if doubtful else {})
    return [Read(id_, sent) for id_, sent in spans.items()]


def sums(reads: list[Read]) -> tuple[int, Decimal]:
    return sum(each.sent.tokens for each in reads), sum((each.sent.cost for each in reads), Decimal(0))


@given(journal=JOURNALS, doubtful=st.booleans())
def test_what_was_in_doubt_may_be_there_or_not(journal: Journal, doubtful: bool) -> None:
    found = read(journal, doubtful=doubtful)
    verdict = check(journal, found, sums(found))
    assert verdict.is_kept, str(verdict)
    assert verdict.checked == len(journal.acknowledged)


@given(journal=JOURNALS, data=st.data())
def test_a_planted_fault_is_named(journal: Journal, data: st.DataObject) -> None:
    found = read(journal)
    wanted = sums(found)
    at = data.draw(st.integers(0, len(journal.acknowledged) - 1))
    kind = data.draw(st.sampled_from(["lost", "doubled", "with another content", "never sent", "sums off"]))
    if kind == "lost":
        found.pop(at)
        wanted = sums(found)
    elif kind == "doubled":
        found.append(found[at])
    elif kind == "with another content":
        found[at] = replace(found[at], sent=replace(found[at].sent, digest="another"))
    elif kind == "never sent":
        found.append(Read("stranger", found[at].sent))
    else:
        wanted = (wanted[0], wanted[1] + Decimal("0.00000001"))
    verdict = check(journal, found, wanted)
    assert dict(verdict.counts) == {kind: 1}
    assert kind in str(verdict)


@given(journal=JOURNALS)
def test_a_journal_reads_back(journal: Journal, tmp_path_factory: pytest.TempPathFactory) -> None:
    path: Path = tmp_path_factory.mktemp("journal") / "journal"
    journal.dump(path)
    assert Journal.load(path) == journal


def test_every_span_has_a_content_of_its_own() -> None:
    _, first = make_trace()
    _, second = make_trace()
    assert len({each.digest for each in (*first.values(), *second.values())}) == 20
    assert len(first | second) == 20
