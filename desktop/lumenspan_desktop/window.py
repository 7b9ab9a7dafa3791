"""The main window: the bar on top and one screen at a time below it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.links import Link
from lumenspan_desktop.net import Network
from lumenspan_desktop.profiles import Profiles
from lumenspan_desktop.sign_in.client import Session
from lumenspan_desktop.sign_in.presenter import SignInPresenter
from lumenspan_desktop.sign_in.view import SignInView
from lumenspan_desktop.trace.client import TraceClient
from lumenspan_desktop.trace.presenter import TracePresenter
from lumenspan_desktop.trace.view import TraceView
from lumenspan_desktop.traces.client import TracesClient
from lumenspan_desktop.traces.presenter import TracesPresenter
from lumenspan_desktop.traces.view import TracesView
from lumenspan_desktop.widgets import Choice, button, label


class MainWindow(QMainWindow):
    """Shows sign-in, the list of a project, or one trace; owns their presenters."""

    def __init__(self, network: Network, profiles: Profiles) -> None:
        super().__init__()
        self.setWindowTitle("Lumenspan")
        self.resize(1360, 860)
        self._network = network
        self._profiles = profiles
        self.session: Session | None = None
        self.traces: TracesView | None = None
        self.trace: TraceView | None = None
        self._wanted: Link | None = None
        self._make_bar()
        self.screens = QStackedWidget()
        self.sign_in_presenter = SignInPresenter(network, profiles, self)
        self.sign_in_view = SignInView(self.sign_in_presenter)
        self.screens.addWidget(self.sign_in_view)
        central = QWidget()
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self.screens, 1)
        self.setCentralWidget(central)
        self.sign_in_presenter.signed_in.connect(self._on_signed_in)
        quit_key = QShortcut(QKeySequence(QKeySequence.StandardKey.Quit), self)
        quit_key.activated.connect(self.close)

    def _make_bar(self) -> None:
        self.bar = QFrame()
        self.bar.setObjectName("bar")
        self.bar.setFixedHeight(50)
        self.projects = Choice("Project")
        self.projects.setMinimumWidth(220)
        self.who = label("", "muted")
        leave = button("Sign out", "quiet")
        leave.clicked.connect(self.sign_out)
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(16, 0, 10, 0)
        row.setSpacing(14)
        row.addWidget(label("Lumenspan", "brand"))
        row.addWidget(self.projects)
        row.addStretch()
        row.addWidget(self.who)
        row.addWidget(leave)
        self.projects.currentIndexChanged.connect(lambda _index: self._open_project())
        self.bar.hide()

    def sign_out(self) -> None:
        """Ends the session here and on the server."""
        session = self.session
        if session is not None:
            self.session = None
            self._network.clean_up(self.sign_in_presenter.client.sign_out(session))
        self._show_sign_in(None)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ends every request before the window goes."""
        self._close_project()
        self.sign_in_presenter.close()
        self._drop_session()
        super().closeEvent(event)

    def _on_signed_in(self, session: Session) -> None:
        self._drop_session()
        self.session = session
        self.sign_in_presenter.refresh()
        self.who.setText(f"{session.email}   ·   {session.profile.name}")
        self.projects.blockSignals(True)
        self.projects.clear()
        for project in session.projects:
            self.projects.addItem(f"{project.organization}  /  {project.name}", project.id)
        known = self.projects.findData(session.profile.project_id)
        self.projects.setCurrentIndex(max(0, known) if session.projects else -1)
        self.projects.blockSignals(False)
        self.bar.show()
        self._open_project()
        self._open_wanted()

    def _open_project(self) -> None:
        session, project_id = self.session, self.projects.currentData()
        self._close_project()
        if session is None or project_id is None:
            self._show_no_project()
            return
        self._profiles.remember_project(session.profile, project_id)
        presenter = TracesPresenter(self._network, TracesClient(session.api, project_id))
        self.traces = TracesView(presenter)
        presenter.setParent(self.traces)
        presenter.signed_out.connect(self._show_sign_in)
        self.traces.opened.connect(self.open_trace)
        self.screens.addWidget(self.traces)
        self.screens.setCurrentWidget(self.traces)
        self.traces.table.setFocus(Qt.FocusReason.OtherFocusReason)
        presenter.start()

    def open_trace(self, trace_id: str) -> None:
        """Shows one trace of the project."""
        session, project_id = self.session, self.projects.currentData()
        if session is None or project_id is None:
            return
        self._close_trace()
        presenter = TracePresenter(self._network, TraceClient(session.api, project_id, trace_id))
        self.trace = TraceView(presenter)
        presenter.setParent(self.trace)
        presenter.signed_out.connect(self._show_sign_in)
        self.trace.closed.connect(self._close_trace)
        self.trace.neighbour_wanted.connect(self._open_neighbour)
        self.screens.addWidget(self.trace)
        self.screens.setCurrentWidget(self.trace)
        # Keys work while the trace loads; the tree takes the focus once it is there.
        self.trace.setFocus(Qt.FocusReason.OtherFocusReason)
        presenter.start()

    def open_link(self, link: Link) -> None:
        """Opens the trace of a link, after the sign-in where nobody is signed in to its server."""
        self._wanted = link
        session = self.session
        if session is not None and session.profile.url == link.server:
            self._open_wanted()
            return
        self.sign_in_view.url.setText(link.server)
        kept = next((each for each in self._profiles.all() if each.url == link.server), None)
        if kept is not None:
            self.sign_in_view.email.setText(kept.email)
            self.sign_in_presenter.resume(kept)
            return
        self._show_sign_in(None)
        self.sign_in_view.show_error(
            ClientError(Problem.UNAUTHENTICATED, f"Sign in to {link.server} to open the trace of the link.")
        )

    def _open_wanted(self) -> None:
        """The trace of the link that led here; it is forgotten, whatever comes of it."""
        link, self._wanted, session = self._wanted, None, self.session
        if link is None or session is None or session.profile.url != link.server:
            return
        place = self.projects.findData(link.project_id)
        if place < 0:
            self._show_note("The link leads to a project that you are not a member of.")
            return
        # Opens the project where it is another one.
        self.projects.setCurrentIndex(place)
        self.open_trace(link.trace_id)
        if self.trace is not None and link.observation_id:
            self.trace.choose_when_loaded(link.observation_id)

    def _open_neighbour(self, rows: int) -> None:
        if self.traces is not None:
            self.traces.table.move_by(rows)
            self.traces.table.open_current()

    def _close_trace(self) -> None:
        if self.trace is None:
            return
        self.trace.presenter.close()
        self.screens.removeWidget(self.trace)
        self.trace.deleteLater()
        self.trace = None
        if self.traces is not None:
            self.screens.setCurrentWidget(self.traces)
            self.traces.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_no_project(self) -> None:
        self.sign_in_view.show_error(None)
        self._show_note("You are not a member of any project yet. Ask an owner to invite you.")

    def _show_note(self, text: str) -> None:
        note = label(text, "muted")
        note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.screens.addWidget(note)
        self.screens.setCurrentWidget(note)

    def _close_project(self) -> None:
        self._close_trace()
        if self.traces is not None:
            self.traces.presenter.close()
            self.screens.removeWidget(self.traces)
            self.traces.deleteLater()
            self.traces = None

    def _drop_session(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            self._network.clean_up(session.api.close())

    def _show_sign_in(self, error: ClientError | None) -> None:
        self._close_project()
        self._drop_session()
        self.bar.hide()
        self.sign_in_presenter.refresh()
        self.sign_in_view.show_error(error)
        self.screens.setCurrentWidget(self.sign_in_view)
