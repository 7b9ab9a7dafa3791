"""Runs a module of the product whose clock is off by the seconds in the file CHAOS_CLOCK, at every look."""

from __future__ import annotations

import os
import runpy
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from lumenspan import clock

_FILE = Path(os.environ["CHAOS_CLOCK"])
_real_nanos, _real_now = time.time_ns, clock.utc_now


def _offset_s() -> float:
    return float(_FILE.read_text())


def _now_nanos() -> int:
    return _real_nanos() + int(_offset_s() * 1e9)


def _utc_now() -> datetime:
    return _real_now() + timedelta(seconds=_offset_s())


if __name__ == "__main__":
    assert "lumenspan.ids" not in sys.modules, "the clock must be changed before anybody has imported it"
    clock.now_nanos, clock.utc_now = _now_nanos, _utc_now
    time.time_ns = _now_nanos
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
