"""What the sign-in screen does. Knows no widget."""

from PySide6.QtCore import QObject, Signal

from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.net import LatestOnly, Network
from lumenspan_desktop.profiles import Profile, Profiles
from lumenspan_desktop.sign_in.client import SignInClient
from lumenspan_desktop.sign_in.profile_model import ProfileListModel


class SignInPresenter(QObject):
    """Signs in by password or by a kept token.

    Signals:
        signed_in(Session): the way is open.
        failed(ClientError): why it is not.
        password_wanted(Profile, str): the kept token no longer serves; the text says why.
        busy_changed(bool): whether an answer is awaited.
    """

    signed_in = Signal(object)
    failed = Signal(object)
    password_wanted = Signal(object, str)
    busy_changed = Signal(bool)

    def __init__(self, network: Network, profiles: Profiles, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._profiles = profiles
        self.client = SignInClient(profiles)
        self.model = ProfileListModel(self)
        self._resuming: Profile | None = None
        self._asking = LatestOnly(network, self)
        self._asking.succeeded.connect(self.signed_in)
        self._asking.failed.connect(self._on_failed)
        self._asking.busy_changed.connect(self.busy_changed)
        self.refresh()

    def refresh(self) -> None:
        """Reads the kept profiles again."""
        self.model.replace(self._profiles.all())

    def sign_in(self, url: str, email: str, password: str) -> None:
        """Signs in by password and keeps the profile."""
        self._resuming = None
        self._asking.ask(lambda: self.client.sign_in(url, email, password))

    def resume(self, profile: Profile) -> None:
        """Signs in with the kept token."""
        self._resuming = profile
        self._asking.ask(lambda: self.client.resume(profile))

    def remove(self, profile: Profile) -> None:
        """Forgets a profile and its token."""
        self._profiles.remove(profile.id)
        self.refresh()

    def close(self) -> None:
        """Ends the open request."""
        self._asking.cancel()

    def _on_failed(self, error: ClientError) -> None:
        if self._resuming is not None and error.problem is Problem.UNAUTHENTICATED:
            self.password_wanted.emit(self._resuming, error.message)
        else:
            self.failed.emit(error)
