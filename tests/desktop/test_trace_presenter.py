"""The presenter of a trace, against the stand-in server and without a window."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from lumenspan_desktop.api import Api
from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.net import Network
from lumenspan_desktop.trace.client import Details, TraceClient
from lumenspan_desktop.trace.presenter import TracePresenter
from tests.desktop.fake_server import FakeServer, refused
from tests.desktop.seed import make_long_trace, make_trace

TRACE = make_trace(5)
ROOT, ANSWER = f"{TRACE['id']}-root", f"{TRACE['id']}-answer"


@pytest.fixture
def presenter(network: Network, api: Api, fake_server: FakeServer) -> Iterator[TracePresenter]:
    made = TracePresenter(network, TraceClient(api, "p1", TRACE["id"]))
    yield made
    made.close()


def loaded(qtbot: QtBot, presenter: TracePresenter) -> None:
    presenter.start()
    qtbot.waitUntil(lambda: presenter.is_complete and presenter.head is not None)


class TestLoading:
    def test_head_tree_and_the_whole_are_shown_first(self, qtbot: QtBot, presenter: TracePresenter) -> None:
        with qtbot.waitSignals([presenter.head_loaded, presenter.details_changed, presenter.completed]):
            presenter.start()
        head = presenter.head
        assert head is not None
        assert (head.node.type, head.node.name) == ("TRACE", TRACE["name"])
        assert dict(head.facts)["User"] == TRACE["userId"]
        assert dict(head.facts)["Observations"] == "11"
        assert head.metadata["customer"] == {"tier": "gold"}
        assert len(presenter.model.nodes) == 11

    def test_long_trace_is_completed_page_by_page(
        self, qtbot: QtBot, network: Network, api: Api, fake_server: FakeServer
    ) -> None:
        fake_server.write(make_long_trace("long", 2300))
        presenter = TracePresenter(network, TraceClient(api, "p1", "long"))
        with qtbot.waitSignal(presenter.completed, timeout=20_000) as completed:
            presenter.start()
        assert completed.args == [2300, False]
        assert fake_server.requests.count("TraceObservations") == 3
        presenter.close()

    def test_unknown_trace_is_an_error(self, qtbot: QtBot, network: Network, api: Api) -> None:
        presenter = TracePresenter(network, TraceClient(api, "p1", "unknown"))
        with qtbot.waitSignal(presenter.error_changed) as told:
            presenter.start()
        (error,) = told.args or []
        assert isinstance(error, ClientError)
        assert error.problem is Problem.NOT_FOUND
        presenter.close()

    def test_ended_session_is_told(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        fake_server.failures.append(refused("UNAUTHENTICATED", "Sign in first."))
        with qtbot.waitSignal(presenter.signed_out):
            presenter.start()

    def test_retry_loads_what_failed(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        fake_server.failures += [refused("UNAVAILABLE", "Busy."), refused("UNAVAILABLE", "Busy.")]
        presenter.start()
        qtbot.waitUntil(lambda: not fake_server.failures)
        qtbot.waitUntil(lambda: fake_server.requests.count("TraceObservations") == 1)
        with qtbot.waitSignals([presenter.head_loaded, presenter.completed]):
            presenter.retry()

    def test_reload_shows_what_was_added(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        loaded(qtbot, presenter)
        grown = make_trace(5)
        grown["_observations"].append(grown["_observations"][-1] | {"id": "added", "name": "one more"})
        fake_server.write(grown)
        with qtbot.waitSignal(presenter.completed) as completed:
            presenter.reload()
        assert completed.args == [12, False]


class TestChoosing:
    def test_content_comes_in_full(self, qtbot: QtBot, presenter: TracePresenter) -> None:
        loaded(qtbot, presenter)
        with (
            qtbot.waitSignal(presenter.details_awaited) as awaited,
            qtbot.waitSignal(presenter.details_changed) as changed,
        ):
            presenter.choose(ANSWER)
        assert awaited.args == [presenter.model.node_of(ANSWER)]
        (shown,) = changed.args or []
        assert isinstance(shown, Details)
        facts = dict(shown.facts)
        assert shown.node.id == ANSWER
        assert (facts["Model"], facts["Prompt"], facts["temperature"]) == (
            "gpt-4o",
            "support-answer  v7",
            "0.2",
        )
        assert [message.role for message in shown.input.messages] == ["system", "user", "assistant", "tool"]
        assert shown.output.messages[0].parts[0].text.startswith("Your order #48213")
        assert shown.metadata == {"step": "answer", "attempt": "1"}

    def test_only_the_newest_choice_is_shown(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        loaded(qtbot, presenter)
        shown: list[str] = []
        presenter.details_changed.connect(lambda details: shown.append(details.node.id))
        fake_server.hold.clear()
        presenter.choose(ROOT)
        qtbot.waitUntil(lambda: "Observation" in fake_server.requests)
        presenter.choose(ANSWER)
        qtbot.waitUntil(lambda: fake_server.requests.count("Observation") == 2)
        fake_server.hold.set()
        qtbot.waitUntil(lambda: bool(shown))
        assert shown == [ANSWER]

    def test_what_was_shown_is_not_asked_for_again(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        loaded(qtbot, presenter)
        for _ in range(2):
            with qtbot.waitSignal(presenter.details_changed):
                presenter.choose(ANSWER)
            with qtbot.waitSignal(presenter.details_changed):
                presenter.choose(None)
        assert fake_server.requests.count("Observation") == 1

    def test_failure_is_told_and_can_be_tried_again(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        loaded(qtbot, presenter)
        fake_server.failures.append(refused("UNAVAILABLE", "Busy."))
        with qtbot.waitSignals([presenter.details_missing, presenter.error_changed]):
            presenter.choose(ANSWER)
        with qtbot.waitSignal(presenter.details_changed):
            presenter.retry()

    def test_observation_that_is_gone_is_an_error(
        self, qtbot: QtBot, presenter: TracePresenter, fake_server: FakeServer
    ) -> None:
        loaded(qtbot, presenter)
        fake_server.write(make_trace(5) | {"_observations": []})
        with qtbot.waitSignal(presenter.error_changed) as told:
            presenter.choose(ANSWER)
        assert str((told.args or [""])[0]) == "This observation no longer exists."
