"""The settings form of every kind of share, made from its declaration."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QLineEdit

from client import words
from client.ui.buttons import LinkButton
from client.ui.settings_window import PAGES, SettingsWindow
from tests.ui.every_window import running_session
from tests.ui.test_every_window import unsaid
from uploader.catalog import SHARES

NAMES_OF_THEIR_OWN = {"S3", "SFTP", "tus", "WebDAV", "Dropbox", "Google Drive", "OneDrive / SharePoint", "Azure Blob",
                      "Nextcloud", "Google Cloud Storage", "files-x"}  # fmt: skip


@pytest.mark.parametrize("kind", SHARES)
def test_every_word_of_the_form_can_be_translated(app: QApplication, kind: str) -> None:
    words.speak(words.PSEUDO)
    with running_session() as (session, bridge):
        session.change({"shares.files-x.kind": kind, "report.share": "files-x"})
        window = SettingsWindow(session, bridge)
        window.list.setCurrentRow(PAGES.index("report"))
        window.show()
        found = [entry for entry in unsaid(window) if entry[1] not in NAMES_OF_THEIR_OWN]
        window.close()
    assert not [(what, text) for what, text in found if what != "QLineEdit" and not text.startswith("⟦")]


@pytest.mark.parametrize("kind", SHARES)
def test_secrets_are_hidden_and_never_shown_again(app: QApplication, kind: str) -> None:
    with running_session() as (session, bridge):
        session.change({"shares.files-x.kind": kind, "report.share": "files-x"})
        window = SettingsWindow(session, bridge)
        window.list.setCurrentRow(PAGES.index("report"))
        window.show()
        secret = [f for place in window.places for f in place.fields if f.setting.kind == "secret"]
        for field in secret:
            line = field.control
            assert isinstance(line, QLineEdit)
            assert line.echoMode() == QLineEdit.EchoMode.Password
            assert line.text() == ""
        window.close()


def test_what_few_need_is_behind_one_button(app: QApplication) -> None:
    with running_session() as (session, bridge):
        session.change({"shares.files-x.kind": "s3", "report.share": "files-x"})
        window = SettingsWindow(session, bridge)
        window.list.setCurrentRow(PAGES.index("report"))
        window.show()
        rare = [f for place in window.places for f in place.fields if f.setting.rare]
        assert rare
        assert not any(field.isVisible() for field in rare)
        next(b for b in window.findChildren(LinkButton) if b.text() == "More settings").click()
        assert all(field.isVisible() for field in rare)
        window.close()
