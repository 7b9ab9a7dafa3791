"""Sealed secrets: what goes in comes out, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from lumenspan.errors import InvalidInput
from lumenspan.storage.secrets import EncryptionKeyMissing, SecretBox, SecretUnreadable

BOX = SecretBox(SecretStr("ab" * 32))
PURPOSE = "llm_connections.secret_key:project:row"
SEALED = BOX.seal("a secret of some length", PURPOSE)


@given(st.text(), st.text(alphabet=st.characters(codec="utf-8")))
def test_a_secret_opens_where_it_belongs(secret: str, purpose: str) -> None:
    try:
        sealed = BOX.seal(secret, purpose)
    except InvalidInput:
        assert any("\ud800" <= character <= "\udfff" for character in secret)
        return
    assert BOX.open(sealed, purpose) == secret
    assert sealed.isascii()
    assert "\0" not in sealed


def test_no_two_sealed_texts_are_alike() -> None:
    assert len({BOX.seal("same", PURPOSE) for _ in range(100)}) == 100
    assert "same" not in BOX.seal("same", PURPOSE)


def test_another_purpose_cannot_read_it() -> None:
    with pytest.raises(SecretUnreadable) as raised:
        BOX.open(BOX.seal("secret", PURPOSE), "llm_connections.secret_key:project:other")
    assert not raised.value.is_other_key


def test_another_key_is_told_from_damage() -> None:
    with pytest.raises(SecretUnreadable, match="another ENCRYPTION_KEY") as raised:
        SecretBox(SecretStr("cd" * 32)).open(BOX.seal("secret", PURPOSE), PURPOSE)
    assert raised.value.is_other_key
    assert "secret" not in str(raised.value).replace("secret cannot", "").replace("the secret again", "")


@given(st.data())
def test_any_changed_character_is_found(data: st.DataObject) -> None:
    # The last character of base64 has bits that stand for nothing.
    place = data.draw(st.integers(0, len(SEALED) - 2))
    other = data.draw(st.sampled_from("AZaz09-_.=\n\0é").filter(lambda each: each != SEALED[place]))
    with pytest.raises(SecretUnreadable):
        BOX.open(SEALED[:place] + other + SEALED[place + 1 :], PURPOSE)


@pytest.mark.parametrize(
    "sealed", ["", "v1", "v1.", "v1..", "v2.x.y", "plain text", "v1." + "0" * 8 + ".AAAA"]
)
def test_what_was_never_sealed_is_refused(sealed: str) -> None:
    with pytest.raises(SecretUnreadable):
        BOX.open(sealed, PURPOSE)


@pytest.mark.parametrize("key", [None, "", "ab", "zz" * 32, "ab" * 33])
def test_a_missing_or_wrong_key_is_told(key: str | None) -> None:
    with pytest.raises(EncryptionKeyMissing, match="ENCRYPTION_KEY"):
        SecretBox(None if key is None else SecretStr(key))
