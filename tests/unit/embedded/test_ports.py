"""Ports of the engines: each name gets its own, and keeps it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from lumenspan.embedded import ports

MANY = [f"engine-{number}" for number in range(400)]


def test_no_two_names_share_a_port(tmp_path: Path) -> None:
    chosen = ports.choose(MANY, tmp_path / "ports.json")
    assert len(set(chosen.values())) == len(MANY)


def test_a_later_choice_leaves_the_ports_of_others_alone(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = ports.choose(MANY, file)
    second = ports.choose([f"more-{number}" for number in range(400)], file)
    assert set(first.values()) & set(second.values()) == set()
    assert json.loads(file.read_text()) == first | second


def test_a_port_stays_until_somebody_listens_on_it(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    before = ports.choose(["one", "two"], file)
    assert ports.choose(["one", "two"], file) == before
    with socket.create_server(("127.0.0.1", before["one"])):
        after = ports.choose(["one", "two"], file)
    assert after["one"] != before["one"]
    assert after["two"] == before["two"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"one": "x"}', '{"one": null}'])
def test_a_damaged_file_means_new_ports(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ports.json"
    file.write_text(content)
    assert ports.choose(["one"], file)["one"] > 0


def test_a_file_that_gives_two_names_one_port_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text('{"one": 21000, "two": 21000}')
    chosen = ports.choose(["one", "two"], file)
    assert chosen["one"] != chosen["two"]
