"""One application for all windows of a test run, in English and light until a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QListView

from client import words
from client.ui import look


@pytest.fixture(scope="session", autouse=True)
def application() -> Iterator[QApplication]:
    app = QApplication.instance() or QApplication(["testigo"])
    assert isinstance(app, QApplication)
    yield app
    # The offscreen clipboard lives until the process ends, past the interpreter that made what lies on it.
    app.clipboard().clear()


@pytest.fixture
def app(application: QApplication) -> Iterator[QApplication]:
    look.apply(application, "light", high_contrast=False)
    font = application.font()
    yield application
    for window in application.topLevelWidgets():
        window.close()
        if not isinstance(window, QListView):  # the list of a completer, which deletes it itself
            window.deleteLater()
    application.processEvents()
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # no loop runs here that would: each look would
    # else dress the windows of all tests before
    words.speak("en")
    look.retranslate()
    application.setFont(font)
    look.apply(application, "light", high_contrast=False)
