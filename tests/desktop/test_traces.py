"""The list of traces: its model and its presenter, without a window."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from lumenspan_desktop.api import Api
from lumenspan_desktop.net import Network
from lumenspan_desktop.traces.client import (
    PAGE_SIZE,
    Order,
    OrderField,
    TraceFilter,
    TraceRow,
    TracesClient,
)
from lumenspan_desktop.traces.presenter import TracesPresenter
from lumenspan_desktop.traces.table_model import COLUMNS, RowRole, TraceTableModel
from tests.desktop.fake_server import FakeServer, refused
from tests.desktop.seed import make_trace


def row_of(index: int, **changes: object) -> TraceRow:
    return TraceRow.of(make_trace(index) | changes)


def ids(model: TraceTableModel) -> list[int]:
    return [int(row.id, 16) for row in model.rows]


@pytest.fixture
def presenter(qtbot: QtBot, network: Network, api: Api) -> Iterator[TracesPresenter]:
    made = TracesPresenter(network, TracesClient(api, "p1"), backoff_s=0.01)
    yield made
    made.close()


class TestTableModel:
    def test_obeys_the_rules_of_qt_models(self, qtmodeltester: ModelTester) -> None:
        model = TraceTableModel()
        model.replace(row_of(i) for i in (9, 8, 7))
        qtmodeltester.check(model)
        model.append([row_of(6)])
        model.merge_newest([row_of(8, name="changed"), row_of(11), row_of(10)])
        qtmodeltester.check(model)
        assert ids(model) == [11, 10, 9, 8, 7, 6]

    def test_cells_show_every_column(self) -> None:
        model = TraceTableModel()
        model.replace([row_of(1)])
        shown = {column.title: model.index(0, i).data() for i, column in enumerate(COLUMNS)}
        assert shown["Name"] == "answer-question"
        assert shown["User"] == "user-01"
        assert shown["Session"] == "chat-0000"
        assert shown["Latency"] == "1.41 s"
        assert shown["Usage"] == "253 → 51"
        assert shown["Tags"] == "chat, gpt"
        assert shown["Level"] == "Default"
        assert shown["Environment"] == "production"
        assert shown["Input"].startswith("Summarise the differences")
        assert shown["Timestamp"].endswith(":47.137")
        assert shown["Cost"] == "$0.0011"

    def test_update_stays_in_its_place_and_says_which_row(self, qtbot: QtBot) -> None:
        model = TraceTableModel()
        model.replace(row_of(i) for i in (3, 2, 1))
        with qtbot.waitSignal(model.dataChanged) as changed:
            model.merge_newest([row_of(2, name="changed")])
        assert changed.args is not None
        assert changed.args[0].row() == changed.args[1].row() == 1
        assert model.index(1, 0).data(RowRole).name == "changed"

    def test_more_is_wanted_only_while_there_is_more(self, qtbot: QtBot) -> None:
        model = TraceTableModel()
        model.fetchMore(QModelIndex())
        model.has_more = True
        with qtbot.waitSignal(model.more_wanted):
            model.fetchMore(QModelIndex())
        assert model.canFetchMore(QModelIndex())

    def test_numbers_are_aligned_right_with_their_title(self) -> None:
        model = TraceTableModel()
        column = next(i for i, c in enumerate(COLUMNS) if c.title == "Latency")
        role = Qt.ItemDataRole.TextAlignmentRole
        assert model.headerData(column, Qt.Orientation.Horizontal, role) & Qt.AlignmentFlag.AlignRight


class TestPaging:
    def test_first_page_then_the_rest_on_demand(self, qtbot: QtBot, presenter: TracesPresenter) -> None:
        with qtbot.waitSignal(presenter.loaded) as loaded:
            presenter.start()
        assert loaded.args == [PAGE_SIZE, False]
        assert ids(presenter.model) == list(range(119, 19, -1))
        with qtbot.waitSignal(presenter.loaded):
            presenter.model.fetchMore(QModelIndex())
        assert ids(presenter.model) == list(range(119, -1, -1))
        assert not presenter.model.canFetchMore(QModelIndex())

    def test_wanting_more_twice_asks_once(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        with qtbot.waitSignal(presenter.loaded):
            presenter.reload()
        with qtbot.waitSignal(presenter.loaded):
            presenter.model.fetchMore(QModelIndex())
            presenter.model.fetchMore(QModelIndex())
        assert fake_server.requests == ["Traces", "Traces"]

    def test_environments_are_offered(self, qtbot: QtBot, presenter: TracesPresenter) -> None:
        with qtbot.waitSignal(presenter.environments_changed) as offered:
            presenter.start()
        assert offered.args == [("production", "staging")]


class TestFilterAndOrder:
    @pytest.mark.parametrize(
        ("wanted", "holds"),
        [
            (TraceFilter(names=("index-document",)), lambda t: t["name"] == "index-document"),
            (TraceFilter(user_ids=("user-01", "user-02")), lambda t: t["userId"] in ("user-01", "user-02")),
            (TraceFilter(session_ids=("chat-0003",)), lambda t: t["sessionId"] == "chat-0003"),
            (TraceFilter(tags=("chat", "gpt")), lambda t: "gpt" in t["tags"]),
            (TraceFilter(environments=("staging",)), lambda t: t["environment"] == "staging"),
            (TraceFilter(levels=("ERROR",)), lambda t: t["level"] == "ERROR"),
            (TraceFilter(search=" DIGEST "), lambda t: t["name"] == "weekly-digest"),
            (
                TraceFilter(from_ns=row_of(50).timestamp_ns, to_ns=row_of(60).timestamp_ns),
                lambda t: 50 <= int(t["id"], 16) < 60,
            ),
        ],
    )
    def test_only_what_matches_is_listed(
        self,
        qtbot: QtBot,
        presenter: TracesPresenter,
        fake_server: FakeServer,
        wanted: TraceFilter,
        holds: object,
    ) -> None:
        assert callable(holds)
        with qtbot.waitSignal(presenter.loaded):
            presenter.set_filter(wanted)
        expected = [int(t["id"], 16) for t in fake_server.traces.values() if holds(t)]
        assert expected
        assert ids(presenter.model) == expected[::-1]

    def test_newer_filter_wins_over_a_slow_older_one(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        fake_server.hold.clear()
        presenter.set_filter(TraceFilter(levels=("ERROR",)))
        presenter.set_filter(TraceFilter(levels=("WARNING",)))
        fake_server.hold.set()
        with qtbot.waitSignal(presenter.loaded):
            pass
        assert {row.level for row in presenter.model.rows} == {"WARNING"}

    def test_order_goes_to_the_server(self, qtbot: QtBot, presenter: TracesPresenter) -> None:
        with qtbot.waitSignal(presenter.loaded):
            presenter.set_order(Order(OrderField.LATENCY, is_descending=False))
        latencies = [row.latency_ms or 0 for row in presenter.model.rows]
        assert latencies == sorted(latencies)


class TestErrors:
    def test_failure_is_shown_and_retry_mends_it(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        fake_server.failures.append(refused("UNAVAILABLE", "ClickHouse is busy."))
        with qtbot.waitSignal(presenter.error_changed) as shown:
            presenter.reload()
        assert shown.args is not None
        assert shown.args[0].message == "ClickHouse is busy."
        assert shown.args[0].is_retryable
        with qtbot.waitSignal(presenter.loaded):
            presenter.retry()
        assert len(presenter.model.rows) == PAGE_SIZE

    def test_failed_next_page_is_retried_without_losing_rows(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        with qtbot.waitSignal(presenter.loaded):
            presenter.reload()
        fake_server.failures.append(refused("UNAVAILABLE", "busy"))
        with qtbot.waitSignal(presenter.error_changed):
            presenter.model.fetchMore(QModelIndex())
        with qtbot.waitSignal(presenter.loaded):
            presenter.retry()
        assert ids(presenter.model) == list(range(119, -1, -1))

    def test_expired_session_asks_to_sign_in(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        fake_server.failures.append(refused("UNAUTHENTICATED", "Sign in first."))
        with qtbot.waitSignal(presenter.signed_out):
            presenter.reload()


class TestTail:
    def start(self, qtbot: QtBot, presenter: TracesPresenter, server: FakeServer) -> None:
        with qtbot.waitSignal(presenter.loaded):
            presenter.reload()
        presenter.set_tail(True)
        qtbot.waitUntil(lambda: presenter.tail_state == "live" and server.tail_cursors == [None])

    def test_new_traces_come_on_top_and_known_ones_change(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        self.start(qtbot, presenter, fake_server)
        fake_server.write(make_trace(120))
        qtbot.waitUntil(lambda: ids(presenter.model)[:2] == [120, 119])
        fake_server.write(make_trace(119) | {"level": "ERROR"})
        qtbot.waitUntil(lambda: presenter.model.rows[1].level == "ERROR")

    def test_resumes_from_the_cursor_and_misses_nothing(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        self.start(qtbot, presenter, fake_server)
        fake_server.write(make_trace(120))
        qtbot.waitUntil(lambda: ids(presenter.model)[0] == 120)
        fake_server.drop_tails()
        fake_server.write(make_trace(121))
        qtbot.waitUntil(lambda: ids(presenter.model)[:3] == [121, 120, 119])
        assert fake_server.tail_cursors == [None, "121"]
        qtbot.waitUntil(lambda: presenter.tail_state == "live")

    def test_trace_written_while_the_list_loads_is_kept(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        self.start(qtbot, presenter, fake_server)
        qtbot.waitUntil(lambda: not presenter._first.is_busy)
        fake_server.hold.clear()
        presenter.reload()
        fake_server.write(make_trace(120))
        qtbot.waitUntil(lambda: ids(presenter.model)[0] == 120)
        with qtbot.waitSignal(presenter.loaded):
            fake_server.hold.set()
        assert ids(presenter.model)[:2] == [120, 119]
        assert len(set(ids(presenter.model))) == len(presenter.model.rows)

    def test_tail_obeys_the_filter(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        self.start(qtbot, presenter, fake_server)
        presenter.set_filter(TraceFilter(names=("support-agent",)))
        qtbot.waitUntil(lambda: len(fake_server.tail_cursors) == 2)
        fake_server.write(make_trace(121))
        fake_server.write(make_trace(120))
        qtbot.waitUntil(lambda: ids(presenter.model)[0] == 120)
        assert 121 not in ids(presenter.model)

    def test_gap_reloads_the_list(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        self.start(qtbot, presenter, fake_server)
        qtbot.waitUntil(lambda: not presenter._first.is_busy)
        before = fake_server.requests.count("Traces")
        fake_server.is_gap_next = True
        fake_server.write(make_trace(120))
        qtbot.waitUntil(lambda: fake_server.requests.count("Traces") == before + 1)

    def test_other_order_ends_the_tail(
        self, qtbot: QtBot, presenter: TracesPresenter, fake_server: FakeServer
    ) -> None:
        self.start(qtbot, presenter, fake_server)
        with qtbot.waitSignal(presenter.tail_changed) as told:
            presenter.set_order(Order(OrderField.NAME))
        assert told.args == ["off"]
        assert not presenter.is_tailing
