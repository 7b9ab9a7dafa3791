"""The engines that `lumenspan up` starts from wheels: PostgreSQL, Valkey, S3 and ClickHouse."""
