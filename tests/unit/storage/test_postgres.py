from __future__ import annotations

import pytest

from lumenspan.storage.postgres import driver_url


class TestDriverUrl:
    @pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
    def test_both_schemes_mean_the_same(self, scheme: str) -> None:
        address, arguments = driver_url(f"{scheme}://u:p%40ss@db:5433/name")
        assert address.drivername == "postgresql+asyncpg"
        assert (address.host, address.port, address.database, address.password) == (
            "db",
            5433,
            "name",
            "p@ss",
        )
        assert arguments == {"timeout": 5.0, "server_settings": {"application_name": "lumenspan"}}

    def test_arguments_of_documented_connection_strings(self) -> None:
        address, arguments = driver_url(
            "postgresql://u@db/x?sslmode=require&schema=app&connect_timeout=9&connection_limit=5"
        )
        assert dict(address.query) == {}
        assert arguments["ssl"] == "require"
        assert arguments["timeout"] == 9.0
        assert arguments["server_settings"]["search_path"] == "app"

    def test_a_pooler_gets_no_prepared_statements(self) -> None:
        address, arguments = driver_url("postgresql://u@db/x?pgbouncer=true")
        assert arguments["statement_cache_size"] == 0
        assert dict(address.query) == {"prepared_statement_cache_size": "0"}
