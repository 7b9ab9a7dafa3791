"""What reaches the log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from lumenspan.logs import configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail(password: str) -> None:
    raise ValueError(f"nothing of {len(password)} letters is said here")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_local_variables(
    form: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", form)
    password = secrets.token_hex(6)
    try:
        fail(password)
    except ValueError:
        structlog.get_logger("test").exception("failed")
        logging.getLogger("foreign").exception("failed")
    logged = capsys.readouterr().err
    assert "in fail" in logged or '"name":"fail"' in logged
    assert "nothing of 12 letters" in logged
    assert password not in logged
