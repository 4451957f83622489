from __future__ import annotations

import threading

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from client.ui.bridge import Bridge


def test_once_it_is_closed_no_other_thread_reaches_qt(app: QApplication) -> None:
    bridge, came = Bridge(), list[str]()
    on_its_way, over = threading.Event(), threading.Event()

    def late() -> None:
        bridge.later(lambda: came.append("before"))
        on_its_way.set()
        assert over.wait(60)
        bridge.later(lambda: came.append("after"))

    thread = threading.Thread(target=late)
    thread.start()
    assert on_its_way.wait(60)
    assert bridge.close()
    over.set()
    thread.join()
    QCoreApplication.processEvents()
    assert came == ["before"]
