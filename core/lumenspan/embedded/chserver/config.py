"""The engine's configuration file: small pools and caches for one machine, no system logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What can be chosen from outside.

    Attributes:
        max_memory_bytes: limit of all queries together; 0 leaves it to the engine.
    """

    max_memory_bytes: int = 0


def render(config: EngineConfig, data: Path) -> str:
    """The XML text of the configuration."""
    values: dict[str, object] = {
        "max_server_memory_usage": config.max_memory_bytes,
        # Idle threads cost memory and wake up; two cores merge no faster with more of them.
        "background_pool_size": 2,
        "background_merges_mutations_concurrency_ratio": 2,
        "background_move_pool_size": 1,
        "background_fetches_pool_size": 1,
        "background_common_pool_size": 2,
        "background_schedule_pool_size": 4,
        "background_schedule_pool_initial_size": 2,
        "background_streaming_schedule_pool_size": 1,
        "iceberg_background_schedule_pool_size": 1,
        "max_thread_pool_free_size": 16,
        "mark_cache_size": 64 * 1024**2,
        "uncompressed_cache_size": 0,
        "index_mark_cache_size": 16 * 1024**2,
        "mmap_cache_size": 100,
        "compiled_expression_cache_size": 16 * 1024**2,
        "asynchronous_metrics_update_period_s": 3600,
        "memory_worker_period_ms": 1000,
        "asynchronous_heavy_metrics_update_period_s": 86400,
    }
    lines = [f"    <{name}>{escape(str(value))}</{name}>" for name, value in values.items()]
    return "<clickhouse>\n" + "\n".join(lines) + "\n</clickhouse>\n"
