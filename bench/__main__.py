"""`python -m bench [ROW...] [--json FILE]`: start a system of its own, measure, print one table."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import flow, idle, page, prompts, stages, steady, tail
from bench.report import Failed, Row, at_most, failed, table, write_json
from bench.system import System, running

GROUPS: dict[str, tuple[str, Callable[[System], list[Row]]]] = {
    "idle": ("memory and CPU with nothing to do", idle.measure),
    "lag": ("from the answer until spans are readable", flow.lag),
    "tail": ("from the answer until a subscriber hears of it", tail.measure),
    "prompts": ("prompts that were read before", prompts.measure),
    "ingest": ("spans a second", flow.throughput),
    "stages": ("what each stage of that takes, and its bare work alone", stages.measure),
    "page": ("first page of traces among a million observations", page.measure),
}
# Measured when it is asked for.
_STEADY = "steady"
_MINUTES = 2.0


def main() -> int:
    """Exit code 1 when a row failed; a goal that was only missed is shown, no more."""
    options = _options()
    parent = Path(tempfile.mkdtemp(prefix="lumenspan-bench-"))
    parent.chmod(0o711)  # PostgreSQL runs as another user where this runs as root
    rows: list[Row] = []
    try:
        _measure(parent / "data", options, rows)
    except Failed as error:
        rows.append(failed("start", str(error)))
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    sys.stdout.write("\n" + table(rows) + "\n")
    if options.json:
        write_json(rows, options.json)
    return int(any(row.outcome == "FAILED" for row in rows))


def _measure(data_dir: Path, options: argparse.Namespace, rows: list[Row]) -> None:
    """Add the rows to ``rows`` as they come, so that none is lost if a later group fails."""
    names = options.rows or list(GROUPS)
    groups = dict(GROUPS)
    if options.minutes or _STEADY in names:
        minutes = options.minutes or _MINUTES
        about = f"5,000 spans a second for {minutes:g} minutes"
        groups[_STEADY] = (about, lambda system: steady.measure(system, minutes))
        names = list(dict.fromkeys([*names, _STEADY]))
    _say("first start")
    with running(data_dir) as system:
        rows.append(at_most("start to ready, new folder", system.ready_s, "s"))
    _say("second start")
    with running(data_dir) as system:
        rows.append(at_most("start to ready, second start", system.ready_s, "s", 15))
        for name, (about, measure) in groups.items():
            if name not in names:
                continue
            _say(f"{name}: {about}")
            try:
                rows += measure(system)
            except Failed as error:
                rows.append(failed(name, str(error)))
        if set(names) - {"idle"}:
            rows += idle.memory_rows(system, "after all this")
        rows.append(idle.restarts(system))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the whole system.")
    listed = ", ".join([*GROUPS, _STEADY])
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"what to measure: {listed}; default all but the last"
    )
    parser.add_argument(
        "--minutes", type=float, default=0, metavar="N", help=f"measure {_STEADY} as well, for so long"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args()
    unknown = sorted(set(options.rows) - {*GROUPS, _STEADY})
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {listed}")
    return options


def _say(text: str) -> None:
    """Progress goes to the error output, so that the table can be piped."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {text}\n")


if __name__ == "__main__":
    sys.exit(main())
