"""The pages in a real browser; skipped where no Chromium is installed."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.conftest import ProjectAccess
from tests.contract.pages import EVIL, NOW, seed
from tests.factories.observations import insert, observation
from tests.integration.server.conftest import RunningServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Nothing but what the tests ask for goes over the network.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture(params=[True, False], ids=["with-script", "without-script"])
async def tab(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A tab of its own, with and without JavaScript; what the page complains about fails the test."""
    context = await chromium.new_context(java_script_enabled=request.param)
    made = await context.new_page()
    complaints: list[str] = []
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    await context.close()
    assert complaints == []


async def open_signed_in(tab: Page, project: ProjectAccess, url: str) -> None:
    await tab.goto(url)
    await tab.fill("[name=email]", project.email)
    await tab.fill("[name=password]", project.password)
    await tab.click("button.primary")
    await tab.wait_for_url(url)


async def test_a_link_of_an_sdk_opens_after_the_sign_in(
    server: RunningServer, project: ProjectAccess, tab: Page
) -> None:
    url = server.base_url + await seed(server, project)
    await open_signed_in(tab, project, url)
    assert await tab.title() == "agent run · Lumenspan"
    await tab.click("text=write answer")
    await tab.wait_for_url("**?observation=model#details")
    assert "Thirty." in await tab.inner_text("#details")
    await tab.click("text=Sign out")
    await tab.wait_for_url("**/sign-in")
    await tab.goto(url)
    assert "/sign-in?next=" in tab.url


async def test_the_tree_folds(server: RunningServer, project: ProjectAccess, tab: Page) -> None:
    await open_signed_in(tab, project, server.base_url + await seed(server, project))
    child = tab.locator("#tree >> text=write answer")
    assert await child.is_visible()
    await tab.locator("summary.row").click(position={"x": 6, "y": 12})
    assert not await child.is_visible()


async def test_hostile_texts_do_nothing(server: RunningServer, project: ProjectAccess, tab: Page) -> None:
    row = observation(
        project.project_id,
        trace_id="evil",
        id="evil",
        name=EVIL,
        start_time=NOW,
        input=EVIL,
        output=f'{{"a": "{EVIL.replace(chr(34), "")}"}}',
        status_message=EVIL,
        metadata={EVIL: EVIL},
    )
    await insert(server.services.clickhouse, [row])
    dialogs: list[str] = []
    tab.on("dialog", lambda dialog: dialogs.append(dialog.message))
    url = f"{server.base_url}/project/{project.project_id}/traces/evil?observation=evil"
    await open_signed_in(tab, project, url)
    assert EVIL in await tab.inner_text("#details")
    assert dialogs == []


@pytest.mark.parametrize("width", [1280, 390])
async def test_no_page_is_wider_than_the_screen(
    server: RunningServer, project: ProjectAccess, chromium: Browser, width: int
) -> None:
    path = await seed(server, project)
    long_word = "x" * 500
    row = observation(
        project.project_id,
        trace_id="wide",
        id="wide",
        name=long_word,
        tags=[long_word],
        session_id="the session",
        user_id=long_word,
        input=long_word,
        output=f'["{long_word}"]',
        metadata={long_word: long_word},
        model=long_word,
    )
    await insert(server.services.clickhouse, [row])
    p = f"{server.base_url}/project/{project.project_id}"
    context = await chromium.new_context(viewport={"width": width, "height": 800})
    tab = await context.new_page()
    await open_signed_in(tab, project, server.base_url + path)
    for url in (
        f"{server.base_url}/project",
        p,
        f"{p}/traces/the-trace?observation=model",
        f"{p}/traces/wide?observation=wide",
        f"{p}/traces/wide",
        f"{p}/sessions/the%20session",
        f"{p}/traces/absent",
    ):
        await tab.goto(url)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width, url
    await context.close()


async def test_keys_walk_through_the_tree(
    server: RunningServer, project: ProjectAccess, chromium: Browser
) -> None:
    context = await chromium.new_context()
    tab = await context.new_page()
    await open_signed_in(tab, project, server.base_url + await seed(server, project))
    for key, observation_id in (("j", "root"), ("j", "model"), ("k", "root")):
        await tab.keyboard.press(key)
        await tab.wait_for_url(f"**?observation={observation_id}#details")
    await context.close()
