"""The sign-in screen: kept servers beside a form."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from lumenspan_desktop import theme
from lumenspan_desktop.errors import ClientError
from lumenspan_desktop.profiles import Profile
from lumenspan_desktop.sign_in.presenter import SignInPresenter
from lumenspan_desktop.sign_in.profile_model import ProfileRole
from lumenspan_desktop.widgets import button, label, named

DEFAULT_URL = "http://localhost:3000"


class ProfileDelegate(QStyledItemDelegate):
    """Two lines a profile: its name, and who signs in."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Fixed height."""
        return QSize(200, 52)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paints name and e-mail address."""
        colours, profile = theme.current(), index.data(ProfileRole)
        area: QRect = option.rect.adjusted(0, 1, 0, -1)
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            is_selected = state & QStyle.StateFlag.State_Selected
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.selection if is_selected else colours.hover))
            painter.drawRoundedRect(area, 6, 6)
        inner = area.adjusted(12, 7, -12, -7)
        name = QFont(painter.font())
        name.setWeight(QFont.Weight.DemiBold)
        painter.setFont(name)
        painter.setPen(QColor(colours.text))
        painter.drawText(inner, Qt.AlignmentFlag.AlignTop, profile.name)
        name.setWeight(QFont.Weight.Normal)
        painter.setFont(name)
        painter.setPen(QColor(colours.muted))
        painter.drawText(inner, Qt.AlignmentFlag.AlignBottom, profile.email)
        painter.restore()


class SignInView(QWidget):
    """Choose a kept server with one click or Enter, or fill in the form."""

    def __init__(self, presenter: SignInPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("screen")
        self._presenter = presenter
        card = QFrame()
        card.setObjectName("card")
        columns = QHBoxLayout(card)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        columns.addWidget(self._make_servers())
        columns.addWidget(self._make_form())
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(3)
        presenter.failed.connect(self.show_error)
        presenter.password_wanted.connect(self._on_password_wanted)
        presenter.busy_changed.connect(self._on_busy)
        presenter.model.modelReset.connect(self._show_or_hide_servers)
        self._show_or_hide_servers()

    def _make_servers(self) -> QWidget:
        self.servers = named(QListView(), "Servers")
        self.servers.setModel(self._presenter.model)
        self.servers.setItemDelegate(ProfileDelegate(self.servers))
        self.servers.setMouseTracking(True)
        self.servers.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.servers.clicked.connect(self._on_server_chosen)
        self.servers.activated.connect(self._on_server_chosen)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.servers)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_current)
        self._server_pane = QFrame()
        self._server_pane.setObjectName("servers")
        self._server_pane.setFixedWidth(250)
        column = QVBoxLayout(self._server_pane)
        column.setContentsMargins(18, 30, 18, 18)
        column.setSpacing(10)
        column.addWidget(label("Your servers", "fieldLabel"))
        column.addWidget(self.servers)
        column.addWidget(label("Enter opens   ·   Del removes", "hint"))
        return self._server_pane

    def _make_form(self) -> QWidget:
        form = QWidget()
        form.setFixedWidth(380)
        self.url = named(QLineEdit(DEFAULT_URL), "Server address")
        self.email = named(QLineEdit(placeholderText="you@example.com"), "E-mail address")
        self.password = named(QLineEdit(), "Password")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.submit = button("Sign in", "primary")
        self.submit.setMinimumHeight(36)
        self.problem = label("", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        column = QVBoxLayout(form)
        column.setContentsMargins(32, 30, 32, 32)
        column.setSpacing(6)
        column.addWidget(label("Sign in to Lumenspan", "title"))
        column.addWidget(label("Traces, prompts and reviews of your team.", "muted"))
        for title, field in (("Server", self.url), ("E-mail", self.email), ("Password", self.password)):
            column.addSpacing(10)
            caption = label(title, "fieldLabel")
            caption.setBuddy(field)
            column.addWidget(caption)
            column.addWidget(field)
            field.returnPressed.connect(self._on_submit)
        column.addSpacing(8)
        column.addWidget(self.problem)
        column.addSpacing(8)
        column.addWidget(self.submit)
        column.addStretch()
        self.submit.clicked.connect(self._on_submit)
        return form

    def show_error(self, error: ClientError | None) -> None:
        """Shows why signing in failed; None takes the line away."""
        self.problem.setVisible(error is not None)
        self.problem.setText(error.message if error else "")

    def _on_submit(self) -> None:
        self.show_error(None)
        self._presenter.sign_in(self.url.text(), self.email.text(), self.password.text())

    def _on_server_chosen(self, index: QModelIndex) -> None:
        profile: Profile = index.data(ProfileRole)
        self.show_error(None)
        self.url.setText(profile.url)
        self.email.setText(profile.email)
        self._presenter.resume(profile)

    def _on_password_wanted(self, profile: Profile, why: str) -> None:
        self.url.setText(profile.url)
        self.email.setText(profile.email)
        self.problem.setText(why)
        self.problem.show()
        self.password.setFocus()

    def _on_busy(self, is_busy: bool) -> None:
        self.submit.setEnabled(not is_busy)
        self.submit.setText("Signing in …" if is_busy else "Sign in")
        if not is_busy:
            self.password.clear()

    def _remove_current(self) -> None:
        profile = self.servers.currentIndex().data(ProfileRole)
        if profile is not None:
            self._presenter.remove(profile)

    def _show_or_hide_servers(self) -> None:
        model = self._presenter.model
        self._server_pane.setVisible(model.rowCount() > 0)
        # One press of Enter leads back to where one was.
        self.servers.setCurrentIndex(model.index(0))
