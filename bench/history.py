"""The history checker: what was acknowledged against what the public API reads.

A journal holds, of every span that was sent, its trace, a digest of its content, tokens and cost, and
whether it was acknowledged. ``check`` says what contradicts the promise: *every acknowledged span is
readable once, none twice, none with another's content, and the sums are those of the spans*. A span that
was sent and not acknowledged may be there or not.

``python -m bench.history JOURNAL --url URL`` checks a journal that ``python -m bench.load`` wrote; the keys
of the project come from LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

_EXAMPLES = 5
_PAGE = 1_000
_FROM, _TO = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Sent:
    """One span as it was sent.

    Attributes:
        digest: of its input, see ``digest``.
        cost: in US dollars, exact.
    """

    trace_id: str
    digest: str
    tokens: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Read:
    """One span as the API shows it."""

    id: str
    sent: Sent


@dataclass(slots=True)
class Journal:
    """Spans by id: those that were acknowledged, and those of which nobody knows."""

    acknowledged: dict[str, Sent] = field(default_factory=dict)
    doubtful: dict[str, Sent] = field(default_factory=dict)

    def dump(self, path: Path) -> None:
        """Write it, one span a line."""
        with path.open("w") as file:
            for is_acknowledged, spans in ((1, self.acknowledged), (0, self.doubtful)):
                for id_, sent in spans.items():
                    line = [id_, is_acknowledged, sent.trace_id, sent.digest, sent.tokens, str(sent.cost)]
                    file.write(json.dumps(line) + "\n")

    @classmethod
    def load(cls, path: Path) -> Journal:
        """What ``dump`` wrote; ValueError where it is no such file."""
        journal = cls()
        with path.open() as file:
            for line in file:
                id_, is_acknowledged, trace_id, content, tokens, cost = json.loads(line)
                spans = journal.acknowledged if is_acknowledged else journal.doubtful
                spans[id_] = Sent(trace_id, content, tokens, Decimal(cost))
        return journal


@dataclass(slots=True)
class Verdict:
    """What contradicts the promise; some examples of each kind, and how many there are."""

    checked: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        return not self.counts

    def add(self, kind: str, example: str) -> None:
        self.counts[kind] += 1
        shown = self.examples.setdefault(kind, [])
        if len(shown) < _EXAMPLES:
            shown.append(example)

    def __str__(self) -> str:
        if self.is_kept:
            return f"{self.checked:,} acknowledged spans: each readable once, with its content; sums exact"
        return "; ".join(
            f"{count:,} {kind} ({', '.join(self.examples[kind])})" for kind, count in self.counts.items()
        )


def digest(text: str) -> str:
    """Of a content: 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check(journal: Journal, found: Iterable[Read], sums: tuple[int, Decimal] | None = None) -> Verdict:
    """Compare; ``sums`` are tokens and cost of the whole project as the API adds them up."""
    verdict = Verdict(checked=len(journal.acknowledged))
    seen: Counter[str] = Counter()
    tokens, cost = 0, Decimal(0)
    for read in found:
        seen[read.id] += 1
        sent = journal.acknowledged.get(read.id) or journal.doubtful.get(read.id)
        if sent is None:
            verdict.add("never sent", read.id)
        elif read.sent != sent:
            verdict.add("with another content", f"{read.id}: {read.sent}, sent {sent}")
        if seen[read.id] == 1 and sent is not None:
            tokens += sent.tokens
            cost += sent.cost
    for id_ in journal.acknowledged:
        if id_ not in seen:
            verdict.add("lost", id_)
    for id_, times in seen.items():
        if times > 1:
            verdict.add("doubled", f"{id_} {times} times")
    if sums is not None and sums != (tokens, cost):
        verdict.add("sums off", f"{sums[0]} tokens and {sums[1]} USD, of spans {tokens} and {cost}")
    return verdict


class Reader:
    """Reads a project through the public REST API."""

    def __init__(self, url: str, public_key: str, secret_key: str) -> None:
        self._client = httpx.Client(base_url=url, auth=(public_key, secret_key), timeout=60)

    def spans(self) -> Iterator[Read]:
        """Every observation of the project."""
        cursor: str | None = None
        while True:
            params: dict[str, Any] = {"limit": _PAGE, "fields": "core,io,usage"}
            if cursor:
                params["cursor"] = cursor
            page = self._get("/api/public/v2/observations", params)
            for row in page["data"]:
                yield _read(row)
            cursor = page["meta"].get("cursor")
            if not cursor:
                return

    def sums(self) -> tuple[int, Decimal]:
        """Tokens and cost of the whole project."""
        query = {
            "view": "observations",
            "metrics": [
                {"measure": "totalTokens", "aggregation": "sum"},
                {"measure": "totalCost", "aggregation": "sum"},
            ],
            "fromTimestamp": _FROM,
            "toTimestamp": _TO,
        }
        (row,) = self._get("/api/public/v2/metrics", {"query": json.dumps(query)})["data"]
        return int(row["sum_totalTokens"] or 0), Decimal(str(row["sum_totalCost"] or 0))

    def verdict(self, journal: Journal, within_s: float) -> Verdict:
        """Check, again until what was acknowledged is readable or the time is over."""
        deadline = time.monotonic() + within_s
        while True:
            verdict = check(journal, self.spans(), self.sums())
            if verdict.is_kept or time.monotonic() > deadline:
                return verdict
            time.sleep(1)

    def close(self) -> None:
        self._client.close()

    def _get(self, path: str, params: dict[str, Any]) -> Any:
        answer = self._client.get(path, params=params)
        answer.raise_for_status()
        return answer.json()


def _read(row: dict[str, Any]) -> Read:
    usage, cost = row.get("usageDetails") or {}, row.get("totalCost")
    return Read(
        row["id"],
        Sent(
            row["traceId"],
            digest(row.get("input") or ""),
            int(usage.get("total", 0)),
            Decimal(str(cost)) if cost is not None else Decimal(0),
        ),
    )


def main() -> int:
    """Exit code 1 when something contradicts the promise."""
    parser = argparse.ArgumentParser(prog="python -m bench.history", description="Check a journal.")
    parser.add_argument("journal", type=Path, help="what python -m bench.load --journal wrote")
    parser.add_argument("--url", required=True, help="the server")
    parser.add_argument("--within", type=float, default=60, help="seconds for it all to become readable")
    options = parser.parse_args()
    keys = os.environ.get("LANGFUSE_PUBLIC_KEY", ""), os.environ.get("LANGFUSE_SECRET_KEY", "")
    if not all(keys):
        parser.error("set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")
    reader = Reader(options.url, *keys)
    verdict = reader.verdict(Journal.load(options.journal), options.within)
    reader.close()
    sys.stdout.write(f"{verdict}\n")
    return int(not verdict.is_kept)


if __name__ == "__main__":
    sys.exit(main())
