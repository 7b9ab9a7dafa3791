from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from lumenspan.settings import Settings, SettingsError, explain, load_settings
from lumenspan.settings_page import page
from lumenspan.settings_report import FAMILIES, check, report

REQUIRED = {
    "NEXTAUTH_SECRET": "session-secret-1",
    "SALT": "salt-secret-2",
    "ENCRYPTION_KEY": "ab" * 32,
    "DATABASE_URL": "postgresql://user:db-secret-3@db:5432/lumenspan",
    "CLICKHOUSE_URL": "http://clickhouse:8123",
    "CLICKHOUSE_USER": "clickhouse",
    "CLICKHOUSE_PASSWORD": "clickhouse-secret-4",
    "REDIS_CONNECTION_STRING": "redis://:redis-secret-5@redis:6379/0",
    "LANGFUSE_S3_EVENT_UPLOAD_BUCKET": "lumenspan",
}


def settings(**changes: str) -> Settings:
    return Settings(_env_file=None, **{**REQUIRED, **changes})  # type: ignore[arg-type]


def problems(**changes: str | None) -> list[str]:
    """Lines of the message for the required settings with changes; None leaves a variable out."""
    given = {name: value for name, value in {**REQUIRED, **changes}.items() if value is not None}
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None, **given)  # type: ignore[arg-type]
    return explain(caught.value).splitlines()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment of the required settings only, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    known = {field.alias for field in Settings.model_fields.values()}
    for name in list(os.environ):
        if name in known or name.startswith(FAMILIES):
            monkeypatch.delenv(name)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    return monkeypatch


class TestReading:
    def test_documented_defaults(self) -> None:
        made = settings()
        assert (made.port, made.worker_port, made.host) == (3000, 3030, "localhost")
        assert made.clickhouse_database == "default"
        assert made.is_clickhouse_cluster
        assert made.session_max_age_min == 43_200
        assert made.api_key_cache_ttl_s == 300
        assert made.init_project_retention_days is None

    def test_numbers_may_be_written_as_the_documentation_prints_them(self) -> None:
        assert settings(LUMENSPAN_INGEST_PENDING_MIB="1_024").ingest_pending_mib == 1024

    def test_blank_counts_as_not_set(self) -> None:
        made = settings(PORT="", LANGFUSE_INIT_PROJECT_RETENTION=" ", LANGFUSE_LOG_LEVEL="", REDIS_HOST="")
        assert (made.port, made.init_project_retention_days, made.log_level) == (3000, None, "info")

    def test_a_key_of_encryption_is_required_where_one_is_used(self) -> None:
        for part in ("EVENT", "MEDIA"):
            name = f"LANGFUSE_S3_{part}_UPLOAD_SSE"
            assert problems(**{name: "aws:kms"}) == [
                f"{name}_KMS_KEY_ID is required by {name}=aws:kms and not set"
            ]
            (line,) = problems(**{name: "rot13"})
            assert line.startswith(f"{name} is 'rot13'")

    def test_shares_of_projects(self) -> None:
        assert settings().project_sample_rates == {}
        made = settings(LUMENSPAN_INGEST_SAMPLE_RATES="a=0.5, b = 1")
        assert made.project_sample_rates == {"a": 0.5, "b": 1.0}
        for wrong in ("a", "a=2", "=1", "a=x"):
            (line,) = problems(LUMENSPAN_INGEST_SAMPLE_RATES=wrong)
            assert line.startswith("LUMENSPAN_INGEST_SAMPLE_RATES is")

    def test_a_clickhouse_password_may_be_blank(self) -> None:
        assert settings(CLICKHOUSE_PASSWORD="").clickhouse_password.get_secret_value() == ""

    def test_the_env_file_is_read_and_the_environment_wins(
        self, environment: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("PORT=4000\nLANGFUSE_LOG_FORMAT=json\n")
        environment.setenv("PORT", "5000")
        made = load_settings()
        load_settings.cache_clear()
        assert (made.port, made.log_format) == (5000, "json")


class TestAddresses:
    def test_postgres_from_parts_with_special_characters(self) -> None:
        parts = {
            "DATABASE_URL": "",
            "DATABASE_HOST": "db:5433",
            "DATABASE_USERNAME": "us er",
            "DATABASE_PASSWORD": "p@ss/w:rd",
            "DATABASE_NAME": "name",
            "DATABASE_ARGS": "sslmode=require",
        }
        expected = "postgresql://us%20er:p%40ss%2Fw%3Ard@db:5433/name?sslmode=require"
        assert settings(**parts).postgres_url == expected

    @pytest.mark.parametrize(
        ("parts", "url"),
        [
            ({}, "redis://cache:6379/0"),
            ({"REDIS_AUTH": "p@ss"}, "redis://:p%40ss@cache:6379/0"),
            ({"REDIS_USERNAME": "me"}, "redis://me@cache:6379/0"),
            (
                {"REDIS_USERNAME": "me", "REDIS_AUTH": "pw", "REDIS_TLS_ENABLED": "true"},
                "rediss://me:pw@cache:6379/0",
            ),
        ],
    )
    def test_redis_from_parts(self, parts: dict[str, str], url: str) -> None:
        assert settings(REDIS_CONNECTION_STRING="", REDIS_HOST="cache", **parts).redis_url == url


class TestProblems:
    def test_every_missing_variable_is_named_at_once(self) -> None:
        lines = problems(**dict.fromkeys(REQUIRED))
        assert {line.split()[0] for line in lines} == set(REQUIRED)
        assert all("is required" in line for line in lines)

    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("PORT", "eighty", "valid integer"),
            ("PORT", "70000", "65535"),
            ("LANGFUSE_LOG_LEVEL", "loud", "'trace'"),
            ("AUTH_SESSION_MAX_AGE", "5", "greater than 5"),
            ("CLICKHOUSE_URL", "clickhouse:9000", "http://"),
            ("NEXTAUTH_URL", "localhost", "http://"),
            ("LANGFUSE_INIT_PROJECT_RETENTION", "2", "at least 3 days"),
            ("LANGFUSE_S3_EVENT_UPLOAD_PREFIX", "events", "/$"),
            ("CLICKHOUSE_DB", "a`b", "pattern"),
            ("AUTH_DISABLE_SIGNUP", "perhaps", "boolean"),
            ("LUMENSPAN_API_DEFAULT_DATE_RANGE_DAYS", "-1", "greater than or equal to 0"),
            ("LUMENSPAN_API_TRACES_DEFAULT_FIELDS", "core,everything", "groups of core, io"),
        ],
    )
    def test_name_what_was_read_and_what_is_allowed(self, name: str, value: str, allowed: str) -> None:
        (line,) = problems(**{name: value})
        assert line.startswith(f"{name} is '{value}': ")
        assert allowed in line

    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("ENCRYPTION_KEY", "hidden-value", "64 hexadecimal"),
            ("DATABASE_URL", "mysql://u:hidden-value@db/x", "postgresql://"),
            ("DATABASE_URL", "postgresql://u:hidden-value@db:port/x", "postgresql://"),
            ("DIRECT_URL", "hidden-value", "postgresql://"),
            ("REDIS_CONNECTION_STRING", "http://hidden-value", "redis[s]://"),
        ],
    )
    def test_secrets_are_never_shown(self, name: str, value: str, allowed: str) -> None:
        (line,) = problems(**{name: value})
        assert line.startswith(f"{name} is '********': ")
        assert allowed in line

    def test_a_password_within_a_url_is_not_shown(self) -> None:
        (line,) = problems(CLICKHOUSE_URL="tcp://u:hidden-value@db:9000")
        assert line.startswith("CLICKHOUSE_URL is 'tcp://u:********@db:9000': ")

    def test_what_is_wrong_and_what_is_missing_are_told_together(self) -> None:
        lines = problems(PORT="x", DATABASE_URL=None, LANGFUSE_INIT_PROJECT_ID="p")
        assert [line.split()[0] for line in lines] == ["PORT", "DATABASE_URL", "LANGFUSE_INIT_ORG_ID"]

    def test_the_model_shows_no_secret(self) -> None:
        shown = repr(settings())
        assert not [value for name, value in REQUIRED.items() if "secret" in value and value in shown]

    def test_loading_tells_all_in_one_error(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("PORT", "eighty")
        environment.delenv("SALT")
        with pytest.raises(SettingsError, match=r"PORT is 'eighty'.*\nSALT is required"):
            load_settings()


class TestReport:
    def test_settings_are_listed_with_secrets_masked(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("PORT", "4000")
        lines = check()
        load_settings.cache_clear()
        assert "PORT = 4000" in lines
        assert "SALT = ********" in lines
        assert not [line for line in lines if "secret-" in line or line.startswith("Warning")]

    @pytest.mark.parametrize(
        ("changes", "warning"),
        [
            ({"SALT": "mysalt"}, "SALT has a value that is printed in public documentation"),
            ({"ENCRYPTION_KEY": "0" * 64}, "ENCRYPTION_KEY has a value"),
            ({"REDIS_KEY_PREFIX": "app"}, "REDIS_KEY_PREFIX should end with ':'"),
            (
                {"LANGFUSE_INIT_USER_EMAIL": "a@b.c"},
                "LANGFUSE_INIT_USER_EMAIL does nothing without LANGFUSE_INIT_USER_PASSWORD",
            ),
            (
                {"LANGFUSE_S3_EVENT_UPLOAD_BUKET": "x"},
                "did you mean LANGFUSE_S3_EVENT_UPLOAD_BUCKET?",
            ),
            ({"REDIS_CLUSTER_ENABLED": "true"}, "REDIS_CLUSTER_ENABLED is not used by this version"),
        ],
    )
    def test_what_looks_wrong_is_told(self, changes: dict[str, str], warning: str) -> None:
        warnings = [line for line in report({**REQUIRED, **changes}) if line.startswith("Warning: ")]
        assert [line for line in warnings if warning in line]

    def test_nothing_is_told_of_a_good_environment(self) -> None:
        assert [line for line in report({**REQUIRED, "HOME": "/x"}) if line.startswith("Warning")] == []


class TestPage:
    def test_the_page_is_the_model(self) -> None:
        written = Path(__file__).parents[2] / "docs" / "settings.md"
        assert written.read_text("utf-8") == page(), (
            "run: python -m lumenspan.settings_page > docs/settings.md"
        )

    def test_every_variable_is_on_it_once(self) -> None:
        for field in Settings.model_fields.values():
            assert page().count(f"\n| `{field.alias}` |") == 1
