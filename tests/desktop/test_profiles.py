"""Profiles and tokens on disk."""

import json
import stat
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from lumenspan_desktop.profiles import FileTokens, KeyringTokens, Profile, Profiles


class MemoryKeyring(KeyringBackend):
    """A working keyring."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


@pytest.fixture
def profiles(config_folder: Path) -> Profiles:
    return Profiles(config_folder, FileTokens(config_folder / "tokens.json"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestProfiles:
    def test_last_used_comes_first(self, profiles: Profiles) -> None:
        one, two = Profile.new("One", "http://one", "a@b.c"), Profile.new("Two", "http://two", "a@b.c")
        for profile in (one, two, one):
            profiles.save(profile)
        assert profiles.all() == [one, two]

    def test_project_is_remembered(self, profiles: Profiles) -> None:
        profile = Profile.new("One", "http://one", "a@b.c")
        profiles.save(profile)
        profiles.remember_project(profile, "p2")
        found = profiles.find("http://one", "a@b.c")
        assert found is not None
        assert found.project_id == "p2"

    def test_removing_forgets_the_token(self, profiles: Profiles) -> None:
        profile = Profile.new("One", "http://one", "a@b.c")
        profiles.save(profile)
        profiles.tokens.set(profile.id, "secret")
        profiles.remove(profile.id)
        assert profiles.all() == []
        assert profiles.tokens.get(profile.id) is None

    @pytest.mark.parametrize("content", ["{", '{"profiles": [{"nonsense": 1}]}', "[]1"])
    def test_broken_file_is_set_aside(self, profiles: Profiles, config_folder: Path, content: str) -> None:
        config_folder.mkdir()
        (config_folder / "profiles.json").write_text(content)
        assert profiles.all() == []
        assert (config_folder / "profiles.json.broken").read_text() == content

    def test_token_is_not_in_the_list_of_profiles(self, profiles: Profiles, config_folder: Path) -> None:
        profile = Profile.new("One", "http://one", "a@b.c")
        profiles.save(profile)
        profiles.tokens.set(profile.id, "secret-token")
        assert "secret-token" not in (config_folder / "profiles.json").read_text()


class TestFileTokens:
    def test_only_the_owner_can_read(self, config_folder: Path) -> None:
        path = config_folder / "tokens.json"
        tokens = FileTokens(path)
        tokens.set("one", "secret")
        tokens.set("two", "other")
        assert (mode(path), mode(config_folder)) == (0o600, 0o700)
        assert [p.name for p in config_folder.iterdir()] == ["tokens.json"]
        assert json.loads(path.read_text()) == {"one": "secret", "two": "other"}


class TestKeyringTokens:
    def test_keyring_holds_the_token_and_the_file_does_not(
        self, config_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = keyring.get_keyring()
        keyring.set_keyring(MemoryKeyring())
        try:
            file = FileTokens(config_folder / "tokens.json")
            file.set("one", "old")
            tokens = KeyringTokens(file)
            tokens.set("one", "secret")
            assert tokens.get("one") == "secret"
            assert file.get("one") is None
            tokens.delete("one")
            tokens.delete("one")
            assert tokens.get("one") is None
        finally:
            keyring.set_keyring(before)

    def test_file_takes_over_without_a_keyring(self, config_folder: Path) -> None:
        from keyring.backends.fail import Keyring as NoKeyring

        before = keyring.get_keyring()
        keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
        try:
            tokens = KeyringTokens(FileTokens(config_folder / "tokens.json"))
            tokens.set("one", "secret")
            assert tokens.get("one") == "secret"
            assert mode(config_folder / "tokens.json") == 0o600
            tokens.delete("one")
            assert tokens.get("one") is None
        finally:
            keyring.set_keyring(before)
