from __future__ import annotations

from pathlib import Path

import pytest

from lumenspan.paths import migrations_folder
from lumenspan.storage.clickhouse_migrations import MigrationError, checksum, load, render, split

TABLE = """CREATE TABLE IF NOT EXISTS t {on_cluster}
(id String)
ENGINE = {engine:ReplacingMergeTree(event_ts)}
ORDER BY id"""


class TestRender:
    def test_one_server(self) -> None:
        assert render(TABLE, None) == (
            "CREATE TABLE IF NOT EXISTS t\n(id String)\nENGINE = ReplacingMergeTree(event_ts)\nORDER BY id"
        )

    def test_cluster(self) -> None:
        assert render(TABLE, "main") == (
            "CREATE TABLE IF NOT EXISTS t ON CLUSTER `main`\n(id String)\n"
            "ENGINE = ReplicatedReplacingMergeTree("
            "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}', event_ts)\nORDER BY id"
        )

    def test_an_engine_without_arguments(self) -> None:
        sql = "ENGINE = {engine:AggregatingMergeTree}"
        assert render(sql, None) == "ENGINE = AggregatingMergeTree"
        assert render(sql, "main") == (
            "ENGINE = ReplicatedAggregatingMergeTree("
            "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
        )

    def test_engine_arguments_may_hold_calls_and_lists(self) -> None:
        sql = "ENGINE = {engine:SummingMergeTree((a, f(b)))}"
        assert render(sql, None) == "ENGINE = SummingMergeTree((a, f(b)))"
        assert render(sql, "main").endswith("'{replica}', (a, f(b)))")

    @pytest.mark.parametrize("cluster", [None, "main"])
    def test_no_placeholder_of_ours_is_left_in_any_migration(self, cluster: str | None) -> None:
        for migration in load(migrations_folder() / "clickhouse"):
            for statement in (*migration.up, *migration.down):
                rendered = render(statement, cluster)
                assert "{on_cluster}" not in rendered
                assert "{engine" not in rendered
                assert ("ON CLUSTER `main`" in rendered) == (cluster is not None)

    def test_every_table_of_a_cluster_is_replicated(self) -> None:
        for migration in load(migrations_folder() / "clickhouse"):
            for statement in migration.up:
                if statement.startswith("CREATE TABLE"):
                    assert "ENGINE = Replicated" in render(statement, "main")


class TestSplit:
    def test_statements_without_comments(self) -> None:
        sql = "-- first; one\nSELECT 1;\n/* second;\n one */ SELECT 2\n;;\n-- the end"
        assert split(sql) == ("SELECT 1", "SELECT 2")

    def test_the_last_one_needs_no_semicolon(self) -> None:
        assert split("SELECT 1; SELECT 2") == ("SELECT 1", "SELECT 2")

    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT ';'",
            "SELECT 'it''s; -- no comment'",
            r"SELECT 'a\'; b'",
            'SELECT "a;b"',
            "SELECT `a;b`",
            "SELECT '/* no; comment */'",
            "SELECT 1 - 1",
        ],
    )
    def test_quoted_text_is_left_alone(self, statement: str) -> None:
        assert split(f"{statement}; SELECT 2") == (statement, "SELECT 2")

    def test_nothing_but_comments_is_nothing(self) -> None:
        assert split("-- a\n/* b; */ ;\n") == ()


class TestChecksum:
    def test_layout_does_not_change_it_and_words_do(self) -> None:
        assert checksum("SELECT  1\n\tFROM t") == checksum("SELECT 1 FROM t")
        assert checksum("SELECT 1") != checksum("SELECT 2")


class TestLoad:
    def write(self, folder: Path, *names: str) -> Path:
        for name in names:
            (folder / name).write_text("SELECT 1")
        return folder

    def test_in_order_of_their_numbers(self, tmp_path: Path) -> None:
        names = ("0002_b.up.sql", "0002_b.down.sql", "0001_a.up.sql", "0001_a.down.sql")
        loaded = load(self.write(tmp_path, *names))
        assert [(migration.version, migration.name) for migration in loaded] == [(1, "a"), (2, "b")]

    @pytest.mark.parametrize(
        "names",
        [
            ("0001_a.up.sql",),
            ("0002_a.up.sql", "0002_a.down.sql"),
            ("a.up.sql", "a.down.sql"),
            ("0001_a.up.sql", "0001_a.down.sql", "0001_b.up.sql", "0001_b.down.sql"),
        ],
    )
    def test_gaps_twins_and_no_way_down_are_refused(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        with pytest.raises(MigrationError):
            load(self.write(tmp_path, *names))
