"""The network beside the window."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from lumenspan_desktop.api import Api, normalized_url
from lumenspan_desktop.documents import all_documents
from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.net import Follower, LatestOnly, Network
from tests.desktop.fake_server import EMAIL, PASSWORD, TOKEN, FakeServer, contract_schema


class TestLatestOnly:
    def test_answer_arrives_on_the_gui_thread(self, qtbot: QtBot, network: Network) -> None:
        asking, threads = LatestOnly(network), []
        asking.succeeded.connect(lambda _: threads.append(QThread.currentThread()))

        async def question() -> str:
            return threading.current_thread().name

        with qtbot.waitSignal(asking.succeeded) as heard:
            asking.ask(question)
        assert heard.args == ["lumenspan-network"]
        assert threads == [asking.thread()]
        assert not asking.is_busy

    def test_newer_question_silences_the_older_one(self, qtbot: QtBot, network: Network) -> None:
        heard: list[object] = []
        ended: list[object] = []
        asking = LatestOnly(network)
        asking.succeeded.connect(heard.append)

        async def slow() -> str:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("slow")
            return "slow"

        async def fast() -> str:
            return "fast"

        asking.ask(slow)
        asking.ask(fast)
        qtbot.waitUntil(lambda: heard == ["fast"])
        qtbot.waitUntil(lambda: not asking.is_busy)
        assert ended in ([], ["slow"])

    def test_answer_already_queued_is_silenced_by_a_newer_question(
        self, qtbot: QtBot, network: Network
    ) -> None:
        heard: list[object] = []
        asking, done = LatestOnly(network), threading.Event()
        asking.succeeded.connect(heard.append)

        async def first() -> str:
            done.set()
            return "first"

        async def second() -> str:
            return "second"

        asking.ask(first)
        # The Qt loop does not run here, so the first answer waits in its queue.
        assert done.wait(5)
        asking.ask(second)
        qtbot.waitUntil(lambda: bool(heard))
        assert heard == ["second"]

    def test_failure_is_told_as_a_client_error(self, qtbot: QtBot, network: Network) -> None:
        asking = LatestOnly(network)

        async def question() -> None:
            raise ClientError(Problem.CONFLICT, "taken")

        with qtbot.waitSignal(asking.failed) as heard:
            asking.ask(question)
        assert heard.args is not None
        assert (heard.args[0].problem, heard.args[0].message) == (Problem.CONFLICT, "taken")

    def test_cancel_ends_the_coroutine_and_says_nothing(self, qtbot: QtBot, network: Network) -> None:
        told: list[object] = []
        asking, started, ended = LatestOnly(network), threading.Event(), threading.Event()
        asking.succeeded.connect(told.append)
        asking.failed.connect(told.append)

        async def question() -> None:
            started.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        asking.ask(question)
        assert started.wait(5)
        asking.cancel()
        assert ended.wait(5)
        assert not told
        assert not asking.is_busy

    def test_closing_the_network_cancels_what_runs(self, qtbot: QtBot) -> None:
        network, ended, started = Network(), threading.Event(), threading.Event()

        async def question() -> None:
            started.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        LatestOnly(network).ask(question)
        assert started.wait(5)
        network.close()
        network.close()
        assert ended.is_set()


class TestFollower:
    def test_reconnects_from_the_last_cursor(self, qtbot: QtBot, network: Network) -> None:
        cursors: list[str | None] = []
        events: list[Any] = []
        resumed: list[bool] = []

        async def stream(cursor: str | None) -> AsyncGenerator[tuple[str, Any] | None, None]:
            cursors.append(cursor)
            yield None
            number = int(cursor or 0) + 1
            yield str(number), number
            if number == 3:
                await asyncio.sleep(60)
            raise ClientError(Problem.UNAVAILABLE, "gone")

        follower = Follower(network, first_backoff_s=0.001)
        follower.received.connect(events.append)
        follower.connected.connect(resumed.append)
        follower.start(stream)
        qtbot.waitUntil(lambda: events == [1, 2, 3])
        follower.stop()
        assert cursors == [None, "1", "2"]
        assert resumed == [False, True, True]

    def test_refusal_ends_following(self, qtbot: QtBot, network: Network) -> None:
        async def stream(_cursor: str | None) -> AsyncGenerator[tuple[str, Any] | None, None]:
            yield None
            raise ClientError(Problem.ACCESS_DENIED, "no")

        follower = Follower(network, first_backoff_s=0.001)
        with qtbot.waitSignal(follower.refused):
            follower.start(stream)
        assert not follower.is_following


class TestApi:
    def test_every_operation_is_valid_in_the_contract(self) -> None:
        from graphql import validate

        documents = all_documents()
        assert {"SignIn", "Viewer", "Traces", "TraceTail", "Trace", "Observation"} <= set(documents)
        assert {name: validate(contract_schema(), document) for name, document in documents.items()} == {
            name: [] for name in documents
        }

    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("localhost:3000", "http://localhost:3000"),
            (" https://traces.example.com/ ", "https://traces.example.com"),
            ("http://host/base/graphql", "http://host/base"),
        ],
    )
    def test_address_is_taken_as_meant(self, typed: str, meant: str) -> None:
        assert normalized_url(typed) == meant

    @pytest.mark.parametrize("typed", ["", "ftp://host", "http://"])
    def test_address_without_a_host_is_refused(self, typed: str) -> None:
        with pytest.raises(ClientError) as refused:
            normalized_url(typed)
        assert refused.value.problem is Problem.INVALID_INPUT

    def test_sign_in_gives_a_token(self, fake_server: FakeServer, network: Network) -> None:
        async def sign_in() -> dict[str, Any]:
            api = Api(fake_server.base_url)
            try:
                return await api.execute("SignIn", {"email": EMAIL, "password": PASSWORD})
            finally:
                await api.close()

        assert network.submit(sign_in()).result(timeout=10)["signIn"]["token"] == TOKEN

    def test_server_code_and_message_are_kept(self, fake_server: FakeServer, network: Network) -> None:
        async def sign_in() -> None:
            api = Api(fake_server.base_url)
            try:
                await api.execute("SignIn", {"email": EMAIL, "password": "wrong"})
            finally:
                await api.close()

        with pytest.raises(ClientError, match="password is wrong") as refused:
            network.submit(sign_in()).result(timeout=10)
        assert refused.value.problem is Problem.UNAUTHENTICATED

    def test_unreachable_server_is_unavailable(self, fake_server: FakeServer, network: Network) -> None:
        fake_server.close()
        api = Api(fake_server.base_url)
        with pytest.raises(ClientError) as refused:
            network.submit(api.execute("Viewer")).result(timeout=10)
        assert refused.value.problem is Problem.UNAVAILABLE
        network.submit(api.close()).result(timeout=10)
