"""What the system says of the network: whether there is one, and whether it costs by the byte."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QNetworkInformation

from client.session import Session

FIRST_LOOK_MS = 1500
"""The icon comes first; the system's own network service takes a while to answer."""


class NetworkWatch(QObject):
    """Tells the session of every change. Where the system says nothing, the network counts as there and free."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        QTimer.singleShot(FIRST_LOOK_MS, self, self._begin)

    def _begin(self) -> None:
        if not QNetworkInformation.loadDefaultBackend():
            return
        known = QNetworkInformation.instance()
        known.reachabilityChanged.connect(lambda _: self._tell())
        known.isMeteredChanged.connect(lambda _: self._tell())
        self._tell()

    def _tell(self) -> None:
        known = QNetworkInformation.instance()
        gone = known.reachability() == QNetworkInformation.Reachability.Disconnected
        self._session.network_changed(online=not gone, metered=known.isMetered())
