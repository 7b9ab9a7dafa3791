"""Links to traces: what they may say, what the window makes of them, and how the system learns of them."""

import configparser
import contextlib
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from lumenspan_desktop.links import Link, desktop_entry, parse_link
from lumenspan_desktop.main import main, parse_arguments
from lumenspan_desktop.profiles import Profile, Profiles
from lumenspan_desktop.window import MainWindow
from tests.desktop.fake_server import EMAIL, PASSWORD, TOKEN, FakeServer
from tests.desktop.seed import make_trace


def link_text(**fields: str) -> str:
    return f"lumenspan://open?{urlencode(fields)}"


class TestParsing:
    def test_all_parts(self) -> None:
        text = link_text(server="https://host:8443/", project="p", trace="a/ü", observation="o")
        assert parse_link(text) == Link("https://host:8443", "p", "a/ü", "o")

    def test_what_browsers_make_of_it(self) -> None:
        text = link_text(server="http://localhost:3000", project="p", trace="t")
        expected = Link("http://localhost:3000", "p", "t")
        assert parse_link(text.replace("open?", "open/?")) == expected
        assert parse_link(text.replace("//open", "/open")) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "https://host/open?server=http://host&project=p&trace=t",
            "lumenspan://other?server=http://host&project=p&trace=t",
            "lumenspan://open",
            "lumenspan://open?project=p&trace=t",
            "lumenspan://open?server=http://host&project=p",
            "lumenspan://open?server=http://host&trace=t",
            "lumenspan://open?server=file:///etc/passwd&project=p&trace=t",
            "lumenspan://open?server=http://you@host&project=p&trace=t",
            "lumenspan://open?server=http://host&project=p&trace=a%00b",
            "lumenspan://open?server=http://host&project=p&trace=%FF",
            "lumenspan://open?server=http://host&project=p&trace=" + "t" * 3_000,
            "lumenspan://[",
        ],
    )
    def test_other_texts_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            parse_link(text)

    @given(st.text())
    def test_any_text_is_a_link_or_refused(self, text: str) -> None:
        with contextlib.suppress(ValueError):
            assert parse_link("lumenspan://" + text).trace_id

    def test_the_command_line_takes_one(self) -> None:
        options = parse_arguments([link_text(server="http://host", project="p", trace="t")])
        assert options.link == Link("http://host", "p", "t")
        with pytest.raises(SystemExit):
            parse_arguments(["http://host/project/p/traces/t"])


class TestWindow:
    def test_a_kept_server_is_signed_in_to_and_the_trace_opens(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        profile = Profile.new("Local", fake_server.base_url, EMAIL)
        profiles.save(profile)
        profiles.tokens.set(profile.id, TOKEN)
        window.open_link(Link(fake_server.base_url, "p1", make_trace(7)["id"]))
        qtbot.waitUntil(lambda: window.trace is not None and window.trace.presenter.head is not None)
        assert window.trace is not None
        assert window.trace.presenter.head is not None
        assert window.trace.presenter.head.node.id == make_trace(7)["id"]

    def test_an_unknown_server_is_shown_before_anything_is_sent(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        window.open_link(Link(fake_server.base_url, "p1", make_trace(7)["id"]))
        assert window.sign_in_view.url.text() == fake_server.base_url
        assert fake_server.base_url in window.sign_in_view.problem.text()
        assert fake_server.requests == []
        window.sign_in_presenter.sign_in(fake_server.base_url, EMAIL, PASSWORD)
        qtbot.waitUntil(lambda: window.trace is not None)

    def test_its_observation_is_marked(
        self, qtbot: QtBot, signed_in: MainWindow, fake_server: FakeServer
    ) -> None:
        session = signed_in.session
        assert session is not None
        record = make_trace(118)
        signed_in.open_trace(record["id"])
        first = signed_in.trace
        assert first is not None
        qtbot.waitUntil(lambda: first.presenter.is_complete)
        wanted = first.presenter.model.nodes[2]
        signed_in.open_link(Link(session.profile.url, "p1", record["id"], wanted.id))
        view = signed_in.trace
        assert view is not None
        assert view is not first
        qtbot.waitUntil(lambda: not view.details.is_waiting and view.details.title.text() == wanted.name)

    def test_another_server_does_not_get_the_token_of_this_one(
        self, signed_in: MainWindow, fake_server: FakeServer
    ) -> None:
        signed_in.open_link(Link("http://127.0.0.1:9", "p1", "t"))
        assert signed_in.session is None
        assert signed_in.screens.currentWidget() is signed_in.sign_in_view
        assert signed_in.trace is None

    def test_a_project_of_others_is_said(self, signed_in: MainWindow) -> None:
        session = signed_in.session
        assert session is not None
        signed_in.open_link(Link(session.profile.url, "nobody", "t"))
        assert signed_in.trace is None
        note = signed_in.screens.currentWidget()
        assert isinstance(note, QLabel)
        assert "not a member" in note.text()


class TestRegistering:
    def test_an_entry_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        monkeypatch.setenv("PATH", "")
        assert main(["--register"]) == 0
        assert main(["--register"]) == 0
        written = tmp_path / "applications" / "lumenspan.desktop"
        assert str(written) in capsys.readouterr().out
        entry = configparser.RawConfigParser()
        entry.optionxform = str  # type: ignore[assignment,method-assign]
        entry.read(written)
        section = entry["Desktop Entry"]
        assert section["MimeType"] == "x-scheme-handler/lumenspan;"
        assert section["Exec"] == f'"{sys.executable}" -m lumenspan_desktop %u'

    def test_strange_folders_are_quoted(self) -> None:
        assert 'Exec="/a b/\\\\$x/100%%/python" -m' in desktop_entry("/a b/$x/100%/python")

    def test_a_folder_that_cannot_be_written_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
        assert main(["--register"]) == 1
        assert "cannot be written" in capsys.readouterr().err
