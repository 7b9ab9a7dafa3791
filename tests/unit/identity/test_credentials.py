from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.errors import InvalidInput, Unauthenticated
from lumenspan.identity.credentials import (
    INVALID_HEADER,
    NO_HEADER,
    BasicCredentials,
    BearerToken,
    Passwords,
    check_password_rules,
    display_secret_key,
    hash_secret_key,
    hash_session_token,
    new_public_key,
    new_secret_key,
    new_session_token,
    normalize_email,
    parse_authorization,
)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


class TestParseAuthorization:
    @pytest.mark.parametrize("header", [None, "", "   "])
    def test_a_missing_header_is_told_as_such(self, header: str | None) -> None:
        with pytest.raises(Unauthenticated, match=NO_HEADER):
            parse_authorization(header)

    @pytest.mark.parametrize(
        "header",
        [
            "Digest abc",
            "Basic",
            "Bearer ",
            "Basic !!!",
            basic("no colon"),
            basic("pk:s\x00k"),
            "Basic /w==",
            "Bearer a\x00b",
            "Bearer " + "x" * 5000,
        ],
    )
    def test_anything_else_unreadable_is_an_invalid_header(self, header: str) -> None:
        with pytest.raises(Unauthenticated, match=INVALID_HEADER):
            parse_authorization(header)

    @pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
    def test_the_scheme_is_not_case_sensitive(self, scheme: str) -> None:
        header = basic("pk:sk").replace("Basic", scheme)
        assert parse_authorization(header) == BasicCredentials("pk", "sk")

    def test_a_secret_may_hold_colons(self) -> None:
        assert parse_authorization(basic("pk:s:k:")) == BasicCredentials("pk", "s:k:")

    def test_session_tokens_and_public_keys_are_told_apart(self) -> None:
        session = parse_authorization(f"Bearer {new_session_token()}")
        public = parse_authorization(f"Bearer {new_public_key()}")
        assert isinstance(session, BearerToken)
        assert isinstance(public, BearerToken)
        assert (session.is_session, public.is_session) == (True, False)

    def test_secrets_do_not_show_in_a_traceback(self) -> None:
        assert "sk-secret" not in repr(parse_authorization(basic("pk:sk-secret")))

    @given(st.text())
    def test_no_header_makes_it_fail_in_another_way(self, header: str) -> None:
        with contextlib.suppress(Unauthenticated):
            assert isinstance(parse_authorization(header), BasicCredentials | BearerToken)


class TestHashes:
    def test_a_secret_is_hashed_with_the_hash_of_the_salt(self) -> None:
        salt_hash = hashlib.sha256(b"salt").hexdigest()
        assert hash_secret_key("sk", "salt") == hashlib.sha256(f"sk{salt_hash}".encode()).hexdigest()

    def test_another_session_secret_ends_every_session(self) -> None:
        assert hash_session_token("token", "one") != hash_session_token("token", "two")


class TestNewKeys:
    def test_keys_have_the_documented_prefixes_and_differ(self) -> None:
        assert new_public_key().startswith("pk-lf-")
        assert new_secret_key().startswith("sk-lf-")
        assert new_secret_key() != new_secret_key()

    def test_only_ends_of_a_secret_are_shown(self) -> None:
        assert display_secret_key("sk-lf-12345678-abcd") == "sk-lf-...abcd"


class TestEmail:
    def test_case_and_surrounding_space_do_not_matter(self) -> None:
        assert normalize_email(" Ada@Example.COM ") == "ada@example.com"

    @pytest.mark.parametrize(
        "email", ["", "ada", "a@b@c", "a b@c.d", "a@.d", "a\x00@b.c", "a@" + "b" * 260]
    )
    def test_anything_else_is_refused(self, email: str) -> None:
        with pytest.raises(InvalidInput):
            normalize_email(email)


class TestPasswordRules:
    @pytest.mark.parametrize(
        ("password", "missing"),
        [
            ("Ab1!", "8 characters"),
            ("12345678!", "a letter"),
            ("abcdefgh!", "a digit"),
            ("abcdefg1", "a special character"),
            ("a1!" * 100, "at most"),
        ],
    )
    def test_each_broken_rule_is_named(self, password: str, missing: str) -> None:
        with pytest.raises(InvalidInput, match=missing):
            check_password_rules(password)

    def test_letters_of_any_alphabet_count(self) -> None:
        assert check_password_rules("пароль-12") is None  # type: ignore[func-returns-value]


class TestPasswords:
    async def test_only_the_right_password_matches(self) -> None:
        passwords = Passwords()
        hashed = await passwords.hash("Correct-horse-7")
        assert hashed.startswith("$argon2id$")
        assert await passwords.verify(hashed, "Correct-horse-7")
        assert not await passwords.verify(hashed, "correct-horse-7")

    async def test_no_hash_and_a_broken_hash_never_match(self) -> None:
        passwords = Passwords()
        assert not await passwords.verify(None, "")
        assert not await passwords.verify("not a hash", "x")
