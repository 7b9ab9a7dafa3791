"""The window: signing in, the list and its keys."""

import signal

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from lumenspan_desktop.application import calling_on_signals
from lumenspan_desktop.main import parse_arguments
from lumenspan_desktop.profiles import Profile, Profiles
from lumenspan_desktop.sign_in.profile_model import ProfileListModel, ProfileRole
from lumenspan_desktop.theme import DARK, LIGHT, ThemeKeeper, current
from lumenspan_desktop.traces.client import Order, OrderField, TraceFilter
from lumenspan_desktop.traces.filter_bar import FilterBar, names_in
from lumenspan_desktop.traces.table_model import COLUMNS
from lumenspan_desktop.traces.view import TracesView
from lumenspan_desktop.window import MainWindow
from tests.desktop.fake_server import EMAIL, PASSWORD, TOKEN, FakeServer, refused
from tests.desktop.seed import make_trace


def list_of(qtbot: QtBot, window: MainWindow, server: FakeServer) -> TracesView:
    window.sign_in_presenter.sign_in(server.base_url, EMAIL, PASSWORD)
    qtbot.waitUntil(lambda: window.traces is not None and len(window.traces.presenter.model.rows) > 0)
    assert window.traces is not None
    return window.traces


class TestSignIn:
    def test_form_opens_the_list_and_keeps_profile_and_token(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        view = window.sign_in_view
        view.url.setText(fake_server.base_url + "/")
        view.email.setText(EMAIL)
        view.password.setText(PASSWORD)
        qtbot.keyClick(view.password, Qt.Key.Key_Return)
        qtbot.waitUntil(
            lambda: window.traces is not None and len(window.traces.presenter.model.rows) == 100
        )
        (profile,) = profiles.all()
        assert (profile.url, profile.email, profile.project_id) == (fake_server.base_url, EMAIL, "p1")
        assert profiles.tokens.get(profile.id) == TOKEN
        assert view.password.text() == ""
        assert window.screens.currentWidget() is window.traces

    def test_wrong_password_is_said_and_nothing_is_kept(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        window.sign_in_presenter.sign_in(fake_server.base_url, EMAIL, "wrong")
        qtbot.waitUntil(window.sign_in_view.problem.isVisible)
        assert "password is wrong" in window.sign_in_view.problem.text()
        assert profiles.all() == []

    def test_kept_server_opens_without_a_password(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        profile = Profile.new("Local", fake_server.base_url, EMAIL)
        profiles.save(profile)
        profiles.tokens.set(profile.id, TOKEN)
        window.sign_in_presenter.refresh()
        window.sign_in_view.servers.clicked.emit(window.sign_in_presenter.model.index(0))
        qtbot.waitUntil(lambda: window.traces is not None)

    def test_enter_opens_the_server_used_last(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        profile = Profile.new("Local", fake_server.base_url, EMAIL)
        profiles.save(profile)
        profiles.tokens.set(profile.id, TOKEN)
        window.sign_in_presenter.refresh()
        qtbot.keyClick(window.sign_in_view.servers, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: window.traces is not None)

    def test_ended_session_asks_for_the_password(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        profile = Profile.new("Local", fake_server.base_url, EMAIL)
        profiles.save(profile)
        profiles.tokens.set(profile.id, "outdated")
        with qtbot.waitSignal(window.sign_in_presenter.password_wanted):
            window.sign_in_presenter.resume(profile)
        assert "session has ended" in window.sign_in_view.problem.text()
        assert window.sign_in_view.email.text() == EMAIL

    def test_sign_out_forgets_the_token(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        list_of(qtbot, window, fake_server)
        window.sign_out()
        qtbot.waitUntil(lambda: "SignOut" in fake_server.requests)
        assert profiles.tokens.get(profiles.all()[0].id) is None
        assert window.screens.currentWidget() is window.sign_in_view
        assert window.bar.isHidden()

    def test_profile_list_obeys_the_rules_of_qt_models(self, qtmodeltester: ModelTester) -> None:
        model, profile = ProfileListModel(), Profile.new("Local", "http://localhost", EMAIL)
        model.replace([profile])
        qtmodeltester.check(model)
        assert model.index(0).data(ProfileRole) == profile


class TestList:
    def test_keys_move_search_open_and_tail(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        table = view.table
        table.setFocus()
        for key in (Qt.Key.Key_J, Qt.Key.Key_J, Qt.Key.Key_K):
            qtbot.keyClick(table, key)
        assert table.currentIndex().row() == 0
        with qtbot.waitSignal(view.opened) as opened:
            qtbot.keyClick(table, Qt.Key.Key_Return)
        assert opened.args == [make_trace(119)["id"]]
        assert window.trace is not None
        qtbot.keyClick(window.trace.tree, Qt.Key.Key_Escape)
        assert window.trace is None
        qtbot.keyClick(table, Qt.Key.Key_L)
        qtbot.waitUntil(lambda: view.tail.text() == "● Live")
        qtbot.keyClick(table, Qt.Key.Key_Slash)
        qtbot.waitUntil(view.filter_bar.search.hasFocus)

    def test_typing_in_the_search_field_is_not_taken_for_keys(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        view.filter_bar.search.setFocus()
        qtbot.keyClicks(view.filter_bar.search, "digest/jkl")
        assert view.filter_bar.search.text() == "digest/jkl"
        assert not view.presenter.is_tailing
        qtbot.waitUntil(lambda: view.presenter.filter == TraceFilter(search="digest/jkl"))
        qtbot.waitUntil(view.empty.isVisible)
        assert view.empty.text() == "No trace matches this filter."

    def test_scrolling_to_the_end_pages_in_the_rest(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        bar = view.table.verticalScrollBar()
        qtbot.waitUntil(lambda: bar.maximum() > 0)
        bar.setValue(bar.maximum())
        qtbot.waitUntil(lambda: len(view.presenter.model.rows) == 120)
        assert not view.presenter.model.canFetchMore(QModelIndex())

    def test_new_rows_do_not_move_what_one_reads(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        table, rows = view.table, view.presenter.model.rows
        view.tail.click()
        qtbot.waitUntil(lambda: view.presenter.tail_state == "live" and not view.presenter.is_busy)
        table.verticalScrollBar().setValue(400)
        QApplication.processEvents()
        read, offset = rows[table.rowAt(5)], table.rowViewportPosition(table.rowAt(5))
        fake_server.write(make_trace(120))
        fake_server.write(make_trace(121))
        qtbot.waitUntil(lambda: len(rows) >= 0 and view.presenter.model.rows[0].id == make_trace(121)["id"])
        QApplication.processEvents()
        row = table.rowAt(5)
        assert view.presenter.model.rows[row] == read
        assert table.rowViewportPosition(row) == offset
        assert view.newer.isVisible()
        view.newer.click()
        qtbot.waitUntil(lambda: not view.newer.isVisible())
        assert table.rowAt(5) == 0

    def test_header_click_orders_where_the_server_can(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        header, titles = view.table.horizontalHeader(), [column.title for column in COLUMNS]
        header.setSortIndicator(titles.index("Latency"), Qt.SortOrder.DescendingOrder)
        assert view.presenter.order == Order(OrderField.LATENCY)
        header.setSortIndicator(titles.index("Input"), Qt.SortOrder.DescendingOrder)
        assert view.presenter.order == Order(OrderField.LATENCY)
        assert header.sortIndicatorSection() == titles.index("Latency")

    def test_error_bar_offers_another_try(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        fake_server.failures.append(refused("UNAVAILABLE", "ClickHouse is busy."))
        view.reload.click()
        qtbot.waitUntil(view.errors.isVisible)
        assert view.errors.accessibleName() == "Error: ClickHouse is busy."
        retry = view.errors.findChild(QPushButton)
        assert retry is not None
        retry.click()
        qtbot.waitUntil(lambda: not view.errors.isVisible())

    def test_other_project_has_its_own_list(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer, profiles: Profiles
    ) -> None:
        first = list_of(qtbot, window, fake_server)
        window.projects.setCurrentIndex(1)
        assert window.traces is not None
        assert window.traces is not first
        second = window.traces
        qtbot.waitUntil(lambda: second.empty.text().startswith("No traces yet"))
        assert profiles.all()[0].project_id == "p2"

    def test_ended_session_leads_back_to_sign_in(
        self, qtbot: QtBot, window: MainWindow, fake_server: FakeServer
    ) -> None:
        view = list_of(qtbot, window, fake_server)
        fake_server.failures.append(refused("UNAUTHENTICATED", "Sign in first."))
        view.reload.click()
        qtbot.waitUntil(lambda: window.screens.currentWidget() is window.sign_in_view)
        assert window.sign_in_view.problem.text() == "Sign in first."


class TestFilterBar:
    def test_fields_become_a_filter(self, qtbot: QtBot) -> None:
        now_ns = 1_800_000_000_000_000_000
        bar = FilterBar(now_ns=lambda: now_ns)
        qtbot.addWidget(bar)
        bar.set_environments(("staging", "production"))
        for key, field in bar.fields.items():
            field.setText(f"{key}-1, {key}-2 ,")
        bar.period.setCurrentText("Last hour")
        bar.environment.setCurrentText("staging")
        bar.level.setCurrentText("Error")
        bar.search.setText(" abc ")
        assert bar.filter() == TraceFilter(
            from_ns=now_ns - 3_600_000_000_000,
            names=("names-1", "names-2"),
            user_ids=("user_ids-1", "user_ids-2"),
            session_ids=("session_ids-1", "session_ids-2"),
            tags=("tags-1", "tags-2"),
            environments=("staging",),
            levels=("ERROR",),
            search="abc",
        )
        with qtbot.waitSignal(bar.changed) as changed:
            bar.clear_button.click()
        assert changed.args == [TraceFilter()]

    def test_custom_range_shows_two_fields(self, qtbot: QtBot) -> None:
        bar = FilterBar()
        qtbot.addWidget(bar)
        bar.show()
        bar.period.setCurrentText("Custom range …")
        assert bar.custom.isVisible()
        wanted = bar.filter()
        assert wanted.from_ns is not None
        assert wanted.to_ns is not None
        assert wanted.to_ns - wanted.from_ns == 86_400_000_000_000

    def test_chosen_environment_stays_when_the_names_change(self, qtbot: QtBot) -> None:
        bar = FilterBar()
        qtbot.addWidget(bar)
        bar.set_environments(("staging",))
        bar.environment.setCurrentText("staging")
        bar.set_environments(("production",))
        assert bar.filter().environments == ("staging",)

    def test_names_are_separated_by_commas(self) -> None:
        assert names_in(" a, b c ,,") == ("a", "b c")


class TestTheme:
    def test_scheme_can_be_fixed_and_changed(self, qapp: QApplication, qtbot: QtBot) -> None:
        keeper = ThemeKeeper(qapp, "light")
        assert current() is LIGHT
        with qtbot.waitSignal(keeper.changed):
            keeper.set_scheme("dark")
        assert current() is DARK
        keeper.set_scheme("light")

    @pytest.mark.parametrize("theme", [LIGHT, DARK])
    def test_text_can_be_read_on_its_background(self, theme: object) -> None:
        from PySide6.QtGui import QColor

        def luminance(colour: str) -> float:
            shade = QColor(colour)
            parts = (shade.redF(), shade.greenF(), shade.blueF())
            linear: list[float] = [
                p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
            ]
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

        def contrast(one: str, other: str) -> float:
            low, high = sorted((luminance(one), luminance(other)))
            return (high + 0.05) / (low + 0.05)

        assert isinstance(theme, type(LIGHT))
        for back in (theme.surface, theme.window, theme.selection):
            assert contrast(theme.text, back) >= 7
        assert contrast(theme.muted, theme.surface) >= 4.5
        assert contrast(theme.on_accent, theme.accent) >= 4.5


class TestArguments:
    def test_password_on_stdin_needs_server_and_email(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            parse_arguments(["--password-stdin"])
        assert "needs --server and --email" in capsys.readouterr().err


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_closes_the_window(self, qtbot: QtBot, number: signal.Signals) -> None:
        called: list[int] = []
        before = signal.getsignal(number)
        with calling_on_signals(lambda: called.append(number)):
            signal.raise_signal(number)
            qtbot.waitUntil(lambda: called == [number])
        assert signal.getsignal(number) is before
