"""The network loop, a stand-in server and the window, and proof that no thread is left running."""

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from lumenspan_desktop.api import Api
from lumenspan_desktop.net import Network
from lumenspan_desktop.profiles import FileTokens, Profiles
from lumenspan_desktop.window import MainWindow
from tests.desktop.fake_server import EMAIL, PASSWORD, TOKEN, FakeServer


@pytest.fixture
def network() -> Iterator[Network]:
    """A running network loop, closed afterwards."""
    running = Network()
    yield running
    running.close()


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    """A stand-in server with 120 traces."""
    running = FakeServer(count=120)
    yield running
    running.close()


@pytest.fixture
def api(fake_server: FakeServer, network: Network) -> Iterator[Api]:
    """A signed-in connection to the stand-in server."""
    made = Api(fake_server.base_url, TOKEN)
    yield made
    network.submit(made.close()).result(timeout=10)


@pytest.fixture(scope="package", autouse=True)
def garbage_is_collected_here() -> Iterator[None]:
    """As in the application: a Qt object in a cycle must not be taken apart on the thread of a server."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.collect()
    gc.unfreeze()
    gc.enable()


@pytest.fixture(autouse=True)
def no_garbage_is_left(garbage_is_collected_here: None) -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def no_thread_is_left(no_garbage_is_left: None) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and not t.name.startswith("asyncio_")]
    for thread in left:
        thread.join(timeout=5)
    assert not [thread for thread in left if thread.is_alive()]


@pytest.fixture
def config_folder(tmp_path: Path) -> Path:
    """An empty settings folder."""
    return tmp_path / "config"


@pytest.fixture
def profiles(config_folder: Path) -> Profiles:
    """No servers yet; tokens in a file."""
    return Profiles(config_folder, FileTokens(config_folder / "tokens.json"))


@pytest.fixture
def window(qtbot: QtBot, network: Network, profiles: Profiles) -> Iterator[MainWindow]:
    """The main window at its sign-in screen."""
    made = MainWindow(network, profiles)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


@pytest.fixture
def signed_in(qtbot: QtBot, window: MainWindow, fake_server: FakeServer) -> MainWindow:
    """The main window with the first page of the stand-in server's traces."""
    window.sign_in_presenter.sign_in(fake_server.base_url, EMAIL, PASSWORD)
    qtbot.waitUntil(lambda: window.traces is not None and len(window.traces.presenter.model.rows) > 0)
    return window
