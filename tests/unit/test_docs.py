"""What the documentation shows exists: links, commands, make targets, settings, operations, code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from graphql import build_schema, parse, validate

from bench.__main__ import GROUPS
from lumenspan.cli import main
from lumenspan.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TEXTS = {page: page.read_text() for page in PAGES}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A command stands at the beginning of a line of code, after what it needs before it, or between backticks.
COMMAND = re.compile(
    r"(?:^\s*|`|&& )(?:\.venv/bin/)?lumenspan (?!=)([a-z-]+(?: [a-z-]+)?)([^`\n#]*)", re.MULTILINE
)
# Variables of others: SDKs, exporters, the file of compose.
NOT_SETTINGS = {
    "LANGFUSE_BASEURL",
    "LANGFUSE_BASE_URL",
    "LANGFUSE_HOST",
    "LANGFUSE_PUBLIC_KEY",
    "LANGFUSE_SECRET_KEY",
    "LUMENSPAN_DATA_DIR",
    "LUMENSPAN_SDKS",
    "LUMENSPAN_SDKS_REQUIRED",
    "LUMENSPAN_BIND",
}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and text of each block of code in a language."""
    return [
        (name(page), code)
        for page in PAGES
        for kind, code in BLOCK.findall(TEXTS[page])
        if kind == language
    ]


def anchors(page: Path) -> set[str]:
    """What a link may name behind ``#``, as forges make it of headings."""
    titles = re.findall(r"^#+ (.+)$", TEXTS[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_resolves(page: Path) -> None:
    for target in LINK.findall(TEXTS[page]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), target


def commands() -> Iterator[tuple[str, click.Command, str]]:
    """Page, command and options of each call of the command line that some page shows."""
    for page in PAGES:
        for words, rest in COMMAND.findall(TEXTS[page]):
            command: click.Command = main
            left = words.split()
            while left and isinstance(command, click.Group):
                found = command.get_command(click.Context(command), left.pop(0))
                assert found is not None, f"{name(page)}: lumenspan {words}"
                command = found
            yield name(page), command, rest


def test_every_command_exists_and_takes_the_options_shown() -> None:
    shown = set()
    for page, command, rest in commands():
        shown.add(command.name)
        known = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert option in known, f"{page}: lumenspan {command.name} {option}"
    assert shown >= {"up", "status", "doctor", "demo", "reset", "migrate", "check"}


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {
        target
        for text in TEXTS.values()
        for target in re.findall(r"(?:^\s*|`|' )make ([a-z-]+)", text, re.M)
    }
    assert shown
    assert shown <= targets


def test_every_row_of_the_benchmark_exists() -> None:
    for text in TEXTS.values():
        for rows in re.findall(r"python -m bench ([a-z ]+)", text):
            assert set(rows.split()) <= set(GROUPS)


def test_every_variable_is_a_setting() -> None:
    known = {field.alias for field in Settings.model_fields.values()} | NOT_SETTINGS
    pattern = r"\b(?:LANGFUSE|LUMENSPAN|CLICKHOUSE|REDIS|DATABASE|NEXTAUTH|AUTH)_[A-Z0-9_]*[A-Z0-9]\b"
    for page in PAGES:
        # A name that ends with an underscore and an ellipsis or a star stands for several.
        text = re.sub(r"[A-Z0-9_]+_[…*]", "", TEXTS[page])
        assert set(re.findall(pattern, text)) <= known, name(page)


@pytest.mark.parametrize(("page", "code"), blocks("graphql"))
def test_every_operation_fits_the_schema(page: str, code: str) -> None:
    schema = build_schema((ROOT / "graphql" / "schema.graphql").read_text())
    assert validate(schema, parse(code)) == [], page


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_parses(page: str, code: str) -> None:
    ast.parse(code, page)


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in LINK.findall(TEXTS[page]):
            to = (page.parent / target.partition("#")[0]).resolve()
            if to in TEXTS:
                waiting.append(to)
    assert seen == set(PAGES)
