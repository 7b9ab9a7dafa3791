"""Cookies and the tokens of forms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import SecretStr

from lumenspan.settings import Settings
from lumenspan_server.pages import access


def settings_of(url: str, secret: str = "secret") -> Settings:
    made = SimpleNamespace(public_url=url, session_secret=SecretStr(secret), session_max_age_min=30)
    return cast(Settings, made)


@pytest.mark.parametrize(
    ("url", "name", "is_secure"),
    [
        ("http://localhost:3000", "lumenspan_session", False),
        ("https://traces.example.com", "__Host-lumenspan_session", True),
    ],
)
def test_with_https_the_cookie_goes_over_nothing_else(url: str, name: str, is_secure: bool) -> None:
    for cookie in (
        access.session_cookie(settings_of(url), None),
        access.form_cookie(settings_of(url), "x"),
    ):
        assert cookie.secure is is_secure
        assert cookie.httponly
        assert cookie.path == "/"
        assert cookie.domain is None
    assert access.session_cookie_name(settings_of(url)) == name


def test_a_form_token_is_of_one_cookie_and_one_server() -> None:
    tokens = {
        access.form_token(settings_of("http://a", secret), bound_to)
        for secret in ("one", "two")
        for bound_to in ("a", "b")
    }
    assert len(tokens) == 4
