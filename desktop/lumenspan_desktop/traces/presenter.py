"""What the list does: loads, pages in, filters, orders and follows the live tail. Knows no widget."""

from collections.abc import AsyncGenerator
from typing import Any

from PySide6.QtCore import QObject, Signal

from lumenspan_desktop.errors import ClientError
from lumenspan_desktop.net import Follower, LatestOnly, Network
from lumenspan_desktop.traces.client import (
    Order,
    OrderField,
    TailBatch,
    TraceFilter,
    TracePage,
    TraceRow,
    TracesClient,
)
from lumenspan_desktop.traces.table_model import TraceTableModel


class TracesPresenter(QObject):
    """The list of one project.

    Signals:
        error_changed(ClientError | None): what to show in the error bar; None takes it away.
        busy_changed(bool): whether the first page is awaited.
        loaded(int, bool): rows held, and whether a time limit cut the search short.
        order_changed(Order): the order in force.
        tail_changed(str): `off`, `connecting`, `live` or `reconnecting`.
        environments_changed(tuple[str, ...]): names for the filter bar.
        signed_out(ClientError): the server no longer takes the token.
    """

    error_changed = Signal(object)
    busy_changed = Signal(bool)
    loaded = Signal(int, bool)
    order_changed = Signal(object)
    tail_changed = Signal(str)
    environments_changed = Signal(object)
    signed_out = Signal(object)

    def __init__(
        self,
        network: Network,
        client: TracesClient,
        parent: QObject | None = None,
        *,
        backoff_s: float = 0.5,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self.model = TraceTableModel(self)
        self.filter = TraceFilter()
        self.order = Order()
        self.tail_state = "off"
        self._end_cursor: str | None = None
        self._is_cut = False
        # Tail rows that arrived while the first page was on its way: it may have been read before them.
        self._tailed_meanwhile: list[TraceRow] = []

        self._first = LatestOnly(network, self)
        self._first.succeeded.connect(self._on_first_page)
        self._first.failed.connect(self._on_failed)
        self._first.busy_changed.connect(self.busy_changed)
        self._next = LatestOnly(network, self)
        self._next.succeeded.connect(self._on_next_page)
        self._next.failed.connect(self._on_failed)
        self._environments = LatestOnly(network, self)
        self._environments.succeeded.connect(self.environments_changed)
        self._follower = Follower(network, self, first_backoff_s=backoff_s)
        self._follower.received.connect(self._on_tailed)
        self._follower.connected.connect(self._on_connected)
        self._follower.interrupted.connect(lambda _error: self._set_tail("reconnecting"))
        self._follower.refused.connect(self._on_refused)
        self.model.more_wanted.connect(self._load_next)

    @property
    def is_tailing(self) -> bool:
        """Whether the live tail is on, connected or not."""
        return self.tail_state != "off"

    @property
    def is_busy(self) -> bool:
        """Whether the first page is awaited."""
        return self._first.is_busy

    @property
    def is_cut(self) -> bool:
        """Whether a time limit cut the search short."""
        return self._is_cut

    def start(self) -> None:
        """Loads the first page and what the filter bar offers."""
        self.reload()
        self._environments.ask(self._client.environments)

    def reload(self) -> None:
        """Loads the list anew from the top; rows stay on screen until the answer is here."""
        self._next.cancel()
        self._tailed_meanwhile.clear()
        wanted, order = self.filter, self.order
        self._first.ask(lambda: self._client.page(wanted, order))

    def retry(self) -> None:
        """Tries again what failed."""
        self.error_changed.emit(None)
        if self._end_cursor is None or not self.model.rows:
            self.reload()
        else:
            self._load_next()

    def set_filter(self, wanted: TraceFilter) -> None:
        """Lists the traces of this filter; the tail follows it as well."""
        if wanted == self.filter:
            return
        self.filter = wanted
        self.reload()
        if self.is_tailing:
            self._follow()

    def set_order(self, order: Order) -> None:
        """Lists in this order; any but the newest first ends the tail, which has nothing to say there."""
        if order == self.order:
            return
        self.order = order
        if order != Order():
            self.set_tail(False)
        self.order_changed.emit(order)
        self.reload()

    def set_tail(self, is_on: bool) -> None:
        """Starts or ends following new traces; starting puts the newest on top."""
        if is_on == self.is_tailing:
            return
        if not is_on:
            self._follower.stop()
            self._set_tail("off")
            return
        self.set_order(Order(OrderField.TIMESTAMP))
        self._follow()

    def close(self) -> None:
        """Ends every request; nothing is heard afterwards."""
        for asking in (self._first, self._next, self._environments):
            asking.cancel()
        self._follower.stop()

    def _follow(self) -> None:
        self._set_tail("connecting")
        wanted = self.filter

        def open_tail(cursor: str | None) -> AsyncGenerator[tuple[str, Any] | None, None]:
            return self._client.tail(wanted, cursor)

        self._follower.start(open_tail)

    def _set_tail(self, state: str) -> None:
        if state != self.tail_state:
            self.tail_state = state
            self.tail_changed.emit(state)

    def _load_next(self) -> None:
        cursor = self._end_cursor
        if cursor is None or self._next.is_busy or self._first.is_busy:
            return
        wanted, order = self.filter, self.order
        self._next.ask(lambda: self._client.page(wanted, order, cursor))

    def _on_first_page(self, page: TracePage) -> None:
        self.model.has_more = page.end_cursor is not None
        self._is_cut = page.is_cut
        self._end_cursor = page.end_cursor
        self.model.replace(page.rows)
        self.model.merge_newest(self._tailed_meanwhile)
        self._tailed_meanwhile.clear()
        self._done()

    def _on_next_page(self, page: TracePage) -> None:
        self.model.has_more = page.end_cursor is not None
        self._end_cursor = page.end_cursor
        self._is_cut = self._is_cut or page.is_cut
        self.model.append(page.rows)
        self._done()

    def _done(self) -> None:
        self.error_changed.emit(None)
        self.loaded.emit(len(self.model.rows), self._is_cut)

    def _on_failed(self, error: ClientError) -> None:
        if error.problem == "UNAUTHENTICATED":
            self.signed_out.emit(error)
        else:
            self.error_changed.emit(error)

    def _on_connected(self, has_resumed: bool) -> None:
        self._set_tail("live")
        if not has_resumed:
            # Nothing says what was written between the last page and this connection: read it again.
            self.reload()

    def _on_tailed(self, batch: TailBatch) -> None:
        self._set_tail("live")
        if batch.is_gap:
            self.reload()
        if self._first.is_busy:
            self._tailed_meanwhile.extend(batch.rows)
        self.model.merge_newest(batch.rows)
        self.loaded.emit(len(self.model.rows), self._is_cut)

    def _on_refused(self, error: ClientError) -> None:
        self._set_tail("off")
        self._on_failed(error)
