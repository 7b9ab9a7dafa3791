"""The ClickHouse HTTP interface over chDB: one process that owns a data folder and serves it on loopback.

``python -m lumenspan.embedded.chserver --data DIR --port N --password-file FILE``. Clients talk to it as
they talk to a ClickHouse server: clickhouse-connect, clickhouse-sqlalchemy's HTTP driver, curl.
"""
