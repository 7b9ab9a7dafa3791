"""Demo data: realistic traces sent over OTLP, and large projects built inside ClickHouse."""
