"""What the screen of a trace does: loads head, tree and the content of what is chosen. Knows no widget."""

from collections import OrderedDict

from PySide6.QtCore import QObject, Signal

from lumenspan_desktop.errors import ClientError, Problem
from lumenspan_desktop.net import LatestOnly, Network
from lumenspan_desktop.trace.client import Details, NodePage, TraceClient
from lumenspan_desktop.trace.tree_model import TraceTreeModel

KEPT_DETAILS = 64


class TracePresenter(QObject):
    """One trace.

    Signals:
        head_loaded(Details): the trace as a whole.
        completed(int, bool): observations in the tree, and whether there are more than it can hold.
        details_changed(Details): the content of what is chosen is here.
        details_awaited(Node): this is chosen and its content is on its way.
        details_missing(): the content of what is chosen could not be loaded.
        error_changed(ClientError | None): what to show in the error bar; None takes it away.
        signed_out(ClientError): the server no longer takes the token.
    """

    head_loaded = Signal(object)
    completed = Signal(int, bool)
    details_changed = Signal(object)
    details_awaited = Signal(object)
    details_missing = Signal()
    error_changed = Signal(object)
    signed_out = Signal(object)

    def __init__(self, network: Network, client: TraceClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.model = TraceTreeModel(self)
        self.head: Details | None = None
        self.is_complete = False
        self._chosen: str | None = None
        # Going back and forth between a few observations must not ask the server again.
        self._kept: OrderedDict[str, Details] = OrderedDict()
        self._head = LatestOnly(network, self)
        self._head.succeeded.connect(self._on_head)
        self._nodes = LatestOnly(network, self)
        self._nodes.succeeded.connect(self._on_nodes)
        self._rest = LatestOnly(network, self)
        self._rest.succeeded.connect(self._on_rest)
        self._details = LatestOnly(network, self)
        self._details.succeeded.connect(self._on_details)
        self._details.failed.connect(lambda _error: self.details_missing.emit())
        for asking in (self._head, self._nodes, self._rest, self._details):
            asking.failed.connect(self._on_failed)

    def start(self) -> None:
        """Loads head and tree at once."""
        self._head.ask(self._client.head)
        self._nodes.ask(lambda: self._client.observations())

    def choose(self, observation_id: str | None) -> None:
        """Shows one observation, or with None the trace as a whole."""
        if observation_id == self._chosen and self._details.is_busy:
            return
        self._chosen = observation_id
        known = self.head if observation_id is None else self._kept.get(observation_id)
        if known is not None or observation_id is None:
            self._details.cancel()
            if known is not None:
                self.details_changed.emit(known)
            return
        self.details_awaited.emit(self.model.node_of(observation_id))
        self._details.ask(lambda: self._client.details(observation_id))

    def reload(self) -> None:
        """Loads everything anew: a trace that still runs grows."""
        self._kept.clear()
        self.error_changed.emit(None)
        self.start()
        if self._chosen is not None:
            self.choose(self._chosen)

    def retry(self) -> None:
        """Tries again what failed."""
        self.error_changed.emit(None)
        if self.head is None or not self.is_complete:
            self.start()
        if self._chosen is not None:
            self.choose(self._chosen)

    def close(self) -> None:
        """Ends every request; nothing is heard afterwards."""
        for asking in (self._head, self._nodes, self._rest, self._details):
            asking.cancel()

    def _on_head(self, head: Details) -> None:
        self.head = head
        self.model.set_head(head.node)
        self.head_loaded.emit(head)
        if self._chosen is None:
            self.details_changed.emit(head)

    def _on_nodes(self, page: NodePage) -> None:
        self.model.add(page.nodes)
        cursor = page.end_cursor
        if cursor is None:
            self._finish(is_cut=False)
        else:
            # Nearly every trace is complete with one page; a long one shows its first page meanwhile.
            self._rest.ask(lambda: self._client.rest(cursor))

    def _on_rest(self, page: NodePage) -> None:
        self.model.add(page.nodes)
        self._finish(is_cut=page.end_cursor is not None)

    def _finish(self, is_cut: bool) -> None:
        self.is_complete = True
        self.completed.emit(len(self.model.nodes), is_cut)

    def _on_details(self, details: Details) -> None:
        self._kept[details.node.id] = details
        if len(self._kept) > KEPT_DETAILS:
            self._kept.popitem(last=False)
        self.error_changed.emit(None)
        self.details_changed.emit(details)

    def _on_failed(self, error: ClientError) -> None:
        if error.problem is Problem.UNAUTHENTICATED:
            self.signed_out.emit(error)
        else:
            self.error_changed.emit(error)
