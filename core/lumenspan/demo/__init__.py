"""Demo data: realistic traces sent over OTLP, and large projects built inside ClickHouse."""

from __future__ import annotations

from lumenspan.demo.runner import run
from lumenspan.demo.send import Result

__all__ = ["Result", "run"]
