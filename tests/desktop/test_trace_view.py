"""A trace on the screen: keys, content, big values, failures."""

import json
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from lumenspan_desktop.net import Network
from lumenspan_desktop.theme import ThemeKeeper
from lumenspan_desktop.trace.chat_view import MOST_CHARACTERS, PIECE, SHOWN_CHARACTERS, ChatView, TextBlock
from lumenspan_desktop.trace.content import Message, Part, understand
from lumenspan_desktop.trace.content_view import ContentView, JsonPane
from lumenspan_desktop.trace.tree_model import NodeRole
from lumenspan_desktop.trace.view import TraceView
from lumenspan_desktop.window import MainWindow
from tests.desktop.fake_server import FakeServer, refused
from tests.desktop.seed import make_trace


def opened(qtbot: QtBot, window: MainWindow, trace_id: str) -> TraceView:
    window.open_trace(trace_id)
    view = window.trace
    assert view is not None
    qtbot.waitUntil(lambda: view.presenter.is_complete and not view.details.is_waiting)
    return view


def choose(qtbot: QtBot, view: TraceView, name: str) -> None:
    node = next(node for node in view.presenter.model.nodes if node.name == name)
    view.tree.setCurrentIndex(view.presenter.model.index_of(node.id))
    qtbot.waitUntil(lambda: not view.details.is_waiting and view.details.title.text() == name)


@pytest.fixture
def trace(qtbot: QtBot, signed_in: MainWindow) -> TraceView:
    return opened(qtbot, signed_in, make_trace(118)["id"])


class TestKeys:
    def test_enter_opens_and_escape_leads_back_to_the_same_row(
        self, qtbot: QtBot, signed_in: MainWindow
    ) -> None:
        assert signed_in.traces is not None
        table = signed_in.traces.table
        table.setFocus()
        for _ in range(3):
            qtbot.keyClick(table, Qt.Key.Key_J)
        qtbot.keyClick(table, Qt.Key.Key_Return)
        view = signed_in.trace
        assert view is not None
        qtbot.waitUntil(view.tree.hasFocus)
        assert view.title.text() == make_trace(117)["name"]
        qtbot.keyClick(view.tree, Qt.Key.Key_Escape)
        assert signed_in.trace is None
        assert table.currentIndex().row() == 2
        qtbot.waitUntil(table.hasFocus)

    def test_double_click_opens(self, qtbot: QtBot, signed_in: MainWindow) -> None:
        assert signed_in.traces is not None
        table = signed_in.traces.table
        cell = table.visualRect(table.model().index(1, 2)).center()
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
        qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
        assert signed_in.trace is not None

    def test_escape_works_while_the_trace_loads(
        self, qtbot: QtBot, signed_in: MainWindow, fake_server: FakeServer
    ) -> None:
        fake_server.hold.clear()
        signed_in.open_trace(make_trace(3)["id"])
        view = signed_in.trace
        assert view is not None
        assert view.waiting.isVisible()
        qtbot.keyClick(view, Qt.Key.Key_Escape)
        assert signed_in.trace is None
        fake_server.hold.set()

    def test_steps_tabs_and_neighbours(self, qtbot: QtBot, signed_in: MainWindow, trace: TraceView) -> None:
        for key in (Qt.Key.Key_J, Qt.Key.Key_J, Qt.Key.Key_K):
            qtbot.keyClick(trace.tree, key)
        assert trace.tree.currentIndex().data(NodeRole).name == "agent run"
        tabs = trace.details.tabs
        for key, title in ((Qt.Key.Key_O, "Output"), (Qt.Key.Key_M, "Metadata"), (Qt.Key.Key_I, "Input")):
            qtbot.keyClick(trace.tree, key)
            assert tabs.tabText(tabs.currentIndex()) == title
        assert signed_in.traces is not None
        signed_in.traces.table.move_by(0)
        qtbot.keyClick(trace.tree, Qt.Key.Key_BracketRight)
        after = signed_in.trace
        assert after is not None
        assert after is not trace
        qtbot.waitUntil(lambda: after.presenter.head is not None)
        assert after.presenter.head is not None
        assert after.presenter.head.node.id == make_trace(118)["id"]


class TestDetails:
    def test_whole_trace_first_then_what_is_chosen(self, qtbot: QtBot, trace: TraceView) -> None:
        assert trace.details.title.text() == make_trace(118)["name"]
        assert trace.count.text() == "11 observations"
        choose(qtbot, trace, "write answer")
        facts = [
            cell.accessibleName()
            for cell in trace.details.facts.findChildren(QWidget)
            if cell.accessibleName()
        ]
        assert "Model: gpt-4o" in facts
        assert any(fact.startswith("Usage: ") for fact in facts)
        assert any(fact.startswith("Cost: $") for fact in facts)
        bubbles = trace.details.input.chat.bubbles()
        assert [bubble.message.role for bubble in bubbles] == ["system", "user", "assistant", "tool"]
        assert "429" in trace.details.status.text() or trace.details.status.isHidden()

    def test_level_is_shown_with_its_reason(self, qtbot: QtBot, trace: TraceView) -> None:
        choose(qtbot, trace, "rate limit hit")
        assert trace.details.level.accessibleName() == "Warning"
        assert trace.details.status.text() == "429 from the order service, retried once"

    def test_chosen_view_is_kept_where_it_fits(self, qtbot: QtBot, trace: TraceView) -> None:
        choose(qtbot, trace, "write answer")
        trace.details.input.segments.chosen.emit("text")
        choose(qtbot, trace, "plan next step")
        assert trace.details.input.mode == "text"
        trace.details.input.segments.chosen.emit("chat")
        choose(qtbot, trace, "get_order_status")
        assert trace.details.input.mode == "json"
        choose(qtbot, trace, "write answer")
        assert trace.details.input.mode == "chat"

    def test_copy_takes_content_as_stored_and_id(self, qtbot: QtBot, trace: TraceView) -> None:
        choose(qtbot, trace, "write answer")
        trace.details.output.copy.click()
        assert json.loads(QGuiApplication.clipboard().text())["role"] == "assistant"
        trace.details.copy_id.click()
        assert QGuiApplication.clipboard().text() == f"{make_trace(118)['id']}-answer"

    def test_every_control_has_a_name_for_screen_readers(self, trace: TraceView) -> None:
        for widget in (
            trace.tree,
            trace.details.tabs,
            trace.details.metadata.tree,
            trace.back,
            trace.details.input.chat,
        ):
            assert widget.accessibleName()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_each_view_paints_in_each_theme(
        self, qapp: QApplication, qtbot: QtBot, trace: TraceView, scheme: Any
    ) -> None:
        keeper = ThemeKeeper(qapp, "light")
        keeper.set_scheme(scheme)
        choose(qtbot, trace, "write answer")
        for mode in ("chat", "json", "text"):
            trace.details.input.segments.chosen.emit(mode)
            picture = trace.grab().toImage()
            assert picture.pixelColor(3, 3).name() == keeper.theme.window
        keeper.set_scheme("light")


class TestBigValues:
    def test_five_megabytes_show_their_beginning_at_once(
        self, qtbot: QtBot, signed_in: MainWindow, fake_server: FakeServer
    ) -> None:
        big = make_trace(500)
        text = "A sentence of the document. " * 185_000
        big["input"] = text
        big["output"] = json.dumps([{"id": number, "text": "x" * 80} for number in range(50_000)])
        fake_server.write(big)
        view = opened(qtbot, signed_in, big["id"])
        shown = view.details.input
        assert shown.mode == "text"
        assert 50_000 <= shown.text.edit.document().characterCount() <= 150_000
        assert view.details.output.mode == "json"
        assert view.details.output.json.tree.json.rowCount() <= 2_000
        assert shown.text.more.isVisible()
        shown.text.more.click()
        assert shown.text.is_filling
        qtbot.waitUntil(lambda: not shown.text.is_filling, timeout=30_000)
        assert shown.text.edit.toPlainText().replace("\n", "") == text
        assert not shown.text.more.isVisible()

    def test_new_content_ends_the_filling(self, qtbot: QtBot) -> None:
        view = ContentView("Input")
        qtbot.addWidget(view)
        view.show_content(understand("word " * 200_000))
        view.text.more.click()
        view.show_content(understand("short"))
        assert not view.text.is_filling
        assert view.text.edit.toPlainText() == "short"

    def test_nothing_is_said_to_be_nothing(self, qtbot: QtBot) -> None:
        view = ContentView("Input")
        qtbot.addWidget(view)
        view.show_content(understand(None))
        assert view.pages.currentWidget() is view.nothing
        assert view.nothing.text() == "Nothing was recorded."


class TestJsonPane:
    def test_long_text_of_the_marked_row_can_be_read(self, qtbot: QtBot) -> None:
        pane = JsonPane("Input")
        qtbot.addWidget(pane)
        pane.show()
        long = "A long sentence, and another one.\n" * 9
        pane.show_value({"short": "a", "long": long, "number": 7})
        for row, shown in ((0, False), (1, True), (2, False), (1, True)):
            pane.tree.setCurrentIndex(pane.tree.json.index(row, 0))
            assert pane.reader.isVisible() is shown
        assert pane.reader.edit.toPlainText() == long
        pane.show_value({"other": 1})
        assert not pane.reader.isVisible()


class TestChat:
    def test_long_conversation_comes_in_pieces(self, qtbot: QtBot) -> None:
        view = ChatView()
        qtbot.addWidget(view)
        view.show_messages([Message("user", (Part("text", str(number)),)) for number in range(PIECE + 5)])
        assert len(view.bubbles()) == PIECE
        view.more.click()
        assert [bubble.message.parts[0].text for bubble in view.bubbles()] == [
            str(number) for number in range(PIECE + 5)
        ]
        assert view.more.isHidden()

    def test_text_is_never_taken_for_markup(self, qtbot: QtBot) -> None:
        view = ChatView()
        qtbot.addWidget(view)
        view.show_messages([Message("assistant", (Part("text", "<b>bold</b> <img src='http://x'>"),))])
        labels = view.bubbles()[0].findChildren(QLabel)
        assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
        assert labels[-1].text().startswith("<b>")

    @pytest.mark.parametrize("size", [SHOWN_CHARACTERS + 1, MOST_CHARACTERS + 1])
    def test_long_message_is_cut_until_asked(self, qtbot: QtBot, size: int) -> None:
        block = TextBlock("x" * size, is_mono=False)
        qtbot.addWidget(block)
        assert len(block.label.text()) == SHOWN_CHARACTERS
        block.more.click()
        assert len(block.label.text()) == min(size, MOST_CHARACTERS)


class TestFailures:
    def test_unknown_trace_offers_the_way_back(self, qtbot: QtBot, signed_in: MainWindow) -> None:
        signed_in.open_trace("unknown")
        view = signed_in.trace
        assert view is not None
        qtbot.waitUntil(view.failure.isVisible)
        assert view.failure.message.text() == "This trace does not exist or is not yours to see."
        assert not view.failure.retry.isVisible()
        view.failure.back.click()
        assert signed_in.trace is None

    def test_busy_server_offers_another_try(
        self, qtbot: QtBot, signed_in: MainWindow, fake_server: FakeServer
    ) -> None:
        fake_server.failures += [refused("UNAVAILABLE", "ClickHouse is busy.")] * 2
        signed_in.open_trace(make_trace(3)["id"])
        view = signed_in.trace
        assert view is not None
        qtbot.waitUntil(view.failure.isVisible)
        qtbot.waitUntil(lambda: not fake_server.failures)
        view.failure.retry.click()
        qtbot.waitUntil(lambda: view.presenter.is_complete and view.split.isVisible())
        assert view.title.text() == make_trace(3)["name"]

    def test_observation_that_fails_leaves_the_tree_and_shows_no_old_content(
        self, qtbot: QtBot, trace: TraceView, fake_server: FakeServer
    ) -> None:
        fake_server.failures.append(refused("UNAVAILABLE", "ClickHouse is busy."))
        trace.tree.move_by(1)
        qtbot.waitUntil(trace.errors.isVisible)
        assert trace.details.input.nothing.text() == "This could not be loaded."
        assert trace.details.title.text() == "agent run"
        trace.errors.retry_wanted.emit()
        qtbot.waitUntil(lambda: trace.details.input.mode == "json" and not trace.errors.isVisible())

    def test_trace_without_observations_is_shown(
        self, qtbot: QtBot, signed_in: MainWindow, fake_server: FakeServer
    ) -> None:
        bare = make_trace(501) | {"_observations": [], "input": None, "output": None, "metadata": {}}
        fake_server.write(bare)
        view = opened(qtbot, signed_in, bare["id"])
        assert view.count.text() == "0 observations"
        assert view.details.input.nothing.text() == "Nothing was recorded."

    def test_closing_the_window_while_loading_leaves_nothing(
        self, signed_in: MainWindow, fake_server: FakeServer, network: Network
    ) -> None:
        fake_server.hold.clear()
        signed_in.open_trace(make_trace(3)["id"])
        signed_in.close()
        assert signed_in.trace is None
        fake_server.hold.set()
