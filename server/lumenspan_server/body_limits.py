"""How large bodies may be (contract, section 1.2). Litestar refuses a longer one with 413 while it arrives.

Ingestion and OTLP have a limit of their own, ``LUMENSPAN_INGEST_MAX_BODY_MIB``, of what is inflated.
"""

MAX_BODY_BYTES = 1 << 20
"""Of every route that says nothing else."""

LARGE_BODY_BYTES = 4_718_592
"""4.5 MiB: dataset items and MCP."""

SKILL_BODY_BYTES = 10 << 20
"""A whole skill, of 8 MiB, as JSON."""

FEEDBACK_BODY_BYTES = 16 << 10

GRAPHQL_BODY_BYTES = 10 << 20
