"""The window against the real server, worker and engines: what was sent can be read."""

import json
import time
import uuid
from typing import Any

import httpx
import pytest
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from pytestqt.qtbot import QtBot

from lumenspan_desktop.trace.tree_model import NodeRole
from lumenspan_desktop.window import MainWindow
from tests.conftest import ProjectAccess, Stack
from tests.contract.clients import langfuse_env, run_client

pytestmark = pytest.mark.engines
WAIT_MS = 30_000
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my order?"}]
ANSWER = {"role": "assistant", "content": "It arrives on Friday."}


def span(trace_id: str, span_id: str, parent_id: str, name: str, **attributes: str) -> dict[str, Any]:
    """One span of a second, as OTLP/JSON."""
    end_ns = time.time_ns()
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent_id,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(end_ns - 1_000_000_000),
        "endTimeUnixNano": str(end_ns),
        "attributes": [
            {"key": key.replace("__", "."), "value": {"stringValue": value}}
            for key, value in attributes.items()
        ],
    }


def send(stack: Stack, project: ProjectAccess, name: str) -> str:
    """Sends a trace with a step and a model call over OTLP; returns its id."""
    trace_id = uuid.uuid4().hex
    root_id, call_id = uuid.uuid4().hex[:16], uuid.uuid4().hex[:16]
    spans = [
        span(
            trace_id,
            root_id,
            "",
            name,
            langfuse__trace__name=name,
            user__id="ada",
            session__id="chat-1",
            langfuse__observation__input="plain question",
        ),
        span(
            trace_id,
            call_id,
            root_id,
            "write answer",
            langfuse__observation__type="generation",
            langfuse__observation__model__name="gpt-4o",
            langfuse__observation__input=json.dumps(QUESTION),
            langfuse__observation__output=json.dumps(ANSWER),
            langfuse__observation__usage_details=json.dumps({"input": 12, "output": 5}),
        ),
    ]
    body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}
    answer = httpx.post(
        f"{stack.base_url}/api/public/otel/v1/traces", json=body, headers=project.headers, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return trace_id


@pytest.fixture
def reader(qtbot: QtBot, window: MainWindow, stack: Stack, project: ProjectAccess) -> MainWindow:
    """The window, signed in to the real server by its form."""
    view = window.sign_in_view
    view.url.setText(stack.base_url)
    view.email.setText(project.email)
    view.password.setText(project.password)
    qtbot.keyClick(view.password, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.traces is not None, timeout=WAIT_MS)
    return window


def test_what_was_sent_appears_live_and_opens_with_its_content(
    qtbot: QtBot, reader: MainWindow, stack: Stack, project: ProjectAccess
) -> None:
    traces = reader.traces
    assert traces is not None
    assert reader.projects.currentData() == project.project_id
    qtbot.waitUntil(lambda: traces.empty.text().startswith("No traces yet"), timeout=WAIT_MS)
    qtbot.keyClick(traces.table, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: traces.presenter.tail_state == "live", timeout=WAIT_MS)

    trace_id = send(stack, project, "answer-question")
    rows = traces.presenter.model
    qtbot.waitUntil(lambda: [row.id for row in rows.rows] == [trace_id], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: rows.rows[0].observation_count == 2, timeout=WAIT_MS)
    row = rows.rows[0]
    assert (row.name, row.user_id, row.session_id) == ("answer-question", "ada", "chat-1")
    assert (row.usage["input"], row.usage["output"]) == (12, 5)

    qtbot.keyClick(traces.table, Qt.Key.Key_J)
    qtbot.keyClick(traces.table, Qt.Key.Key_Return)
    trace = reader.trace
    assert trace is not None
    qtbot.waitUntil(
        lambda: trace.presenter.is_complete and trace.presenter.head is not None, timeout=WAIT_MS
    )
    assert trace.title.text() == "answer-question"
    for _ in range(2):
        qtbot.keyClick(trace.tree, Qt.Key.Key_J)
    assert trace.tree.currentIndex().data(NodeRole).type == "GENERATION"
    details = trace.details
    qtbot.waitUntil(
        lambda: not details.is_waiting and details.title.text() == "write answer", timeout=WAIT_MS
    )
    said = [
        (bubble.message.role, bubble.message.parts[0].text)
        for pane in (details.input, details.output)
        for bubble in pane.chat.bubbles()
    ]
    assert said == [(entry["role"], entry["content"]) for entry in (*QUESTION, ANSWER)]


def test_list_pages_filters_and_refuses_what_is_foreign(
    qtbot: QtBot, reader: MainWindow, stack: Stack, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    traces = reader.traces
    assert traces is not None
    ids = [send(stack, project, f"name-{number % 2}") for number in range(4)]
    foreign_id = send(stack, other_project, "foreign")

    def reloaded() -> bool:
        traces.presenter.reload()
        qtbot.waitUntil(lambda: not traces.presenter.is_busy, timeout=WAIT_MS)
        return {row.id for row in traces.presenter.model.rows} == set(ids)

    qtbot.waitUntil(reloaded, timeout=WAIT_MS)
    traces.filter_bar.fields["names"].setText("name-1")
    qtbot.waitUntil(
        lambda: [row.name for row in traces.presenter.model.rows] == ["name-1"] * 2, timeout=WAIT_MS
    )
    reader.open_trace(foreign_id)
    trace = reader.trace
    assert trace is not None
    qtbot.waitUntil(trace.failure.isVisible, timeout=WAIT_MS)
    assert trace.failure.message.text() == "This trace does not exist or is not yours to see."


def test_wrong_password_is_said(
    qtbot: QtBot, window: MainWindow, stack: Stack, project: ProjectAccess
) -> None:
    window.sign_in_presenter.sign_in(stack.base_url, project.email, "not the password")
    qtbot.waitUntil(window.sign_in_view.problem.isVisible, timeout=WAIT_MS)
    assert "password" in window.sign_in_view.problem.text()
    assert window.traces is None


def test_a_trace_of_the_langfuse_sdk_is_complete(
    qtbot: QtBot, reader: MainWindow, stack: Stack, project: ProjectAccess
) -> None:
    traces = reader.traces
    assert traces is not None
    trace_id = run_client("langfuse_app.py", env=langfuse_env(stack, project))["trace_id"]

    def is_listed() -> bool:
        traces.presenter.reload()
        qtbot.waitUntil(lambda: not traces.presenter.is_busy, timeout=WAIT_MS)
        rows = traces.presenter.model.rows
        return [(row.id, row.observation_count) for row in rows] == [(trace_id, 5)]

    qtbot.waitUntil(is_listed, timeout=WAIT_MS)
    row = traces.presenter.model.rows[0]
    assert (row.name, row.user_id, row.session_id) == ("support-question", "user-42", "session-7")
    assert (row.usage["input"], row.usage["output"], sorted(row.tags)) == (120, 30, ["contract", "sdk"])
    reader.open_trace(trace_id)
    trace = reader.trace
    assert trace is not None
    qtbot.waitUntil(
        lambda: trace.presenter.is_complete and trace.presenter.head is not None, timeout=WAIT_MS
    )
    qtbot.waitUntil(lambda: trace.title.text() == "support-question", timeout=WAIT_MS)
    nodes = names_below(trace.tree.model(), QModelIndex())
    assert nodes == {"support-question": {"request": {"handle": {"search": {}, "fail": {}, "answer": {}}}}}


def names_below(model: QAbstractItemModel, parent: QModelIndex) -> dict[str, Any]:
    """The names of the tree, each with what is below it."""
    children = [model.index(row, 0, parent) for row in range(model.rowCount(parent))]
    return {child.data(): names_below(model, child) for child in children}
