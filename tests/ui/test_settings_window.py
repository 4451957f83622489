from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QMessageBox

from client import policy, words
from client.session import Session
from client.settings import OPTIONS
from client.ui import look
from client.ui.buttons import LinkButton, PlainButton
from client.ui.desk_fields import unkept_words
from client.ui.pieces import Label
from client.ui.place_fields import ADD, PlaceField
from client.ui.setting_fields import KeyField, NumberField, SettingField
from client.ui.settings_window import PAGES, SettingsWindow
from tests.client.keychain import FileKeychain, FullKeychain
from tests.ui.every_window import running_session, until
from uploader.inbox import OwnTicket
from uploader.setting import Secret
from uploader.ticket import Attachment, Link


@pytest.fixture
def session(app: QApplication) -> Iterator[Session]:
    with running_session() as (session, bridge):
        session.__dict__["bridge"] = bridge
        yield session


def opened(session: Session, page: str = "general") -> SettingsWindow:
    window = SettingsWindow(session, session.__dict__["bridge"])
    window.list.setCurrentRow(PAGES.index(page))
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    return window


def field(window: SettingsWindow, key: str) -> SettingField:
    return next(field for field in window.fields if field.key == key)


def note(of: SettingField) -> str:
    return " ".join(label.text() for label in of.findChildren(Label) if label is not of.label)


def choose(box: QComboBox, key: object) -> None:
    """As a user does: by the list."""
    box.setCurrentIndex(box.findData(key))
    box.activated.emit(box.currentIndex())


def test_each_change_holds_at_once(session: Session) -> None:
    window, heard = opened(session), []
    window.changed.connect(lambda: heard.append(session.settings.general.name))
    line = field(window, "general.name").control
    line.setFocus()
    QTest.keyClicks(line, "Lucia")
    QTest.keyClick(line, Qt.Key.Key_Tab)
    assert heard == ["Lucia"]
    assert 'name = "Lucia"' in session.paths.settings_file.read_text("utf-8")


def test_every_setting_is_on_one_page_and_is_found_by_its_words(session: Session) -> None:
    window = opened(session)
    seen = []
    for page in PAGES:
        window.list.setCurrentRow(PAGES.index(page))
        seen += [each.key for each in window.fields]
    hidden = [key for key, option in OPTIONS.items() if option.policy_only]
    assert len(seen) == len(set(seen))
    assert {*seen, *hidden, "report.desk", "report.share"} == set(OPTIONS)  # desk and share have a form of their own
    window.search.setText("mouse pointer")
    assert [each.key for each in window.fields] == ["capture.cursor", "recording.cursor"]
    window.search.setText("zebra")
    assert window.fields == []
    QTest.keyClick(window.search, Qt.Key.Key_Escape)
    assert window.isVisible()
    assert window.fields[0].key.startswith(PAGES[-1])


def test_who_searches_for_the_help_desk_finds_the_list_of_them_and_how_to_connect_one(session: Session) -> None:
    window, wanted = opened(session), list[bool]()
    window.connect_wanted.connect(lambda: wanted.append(True))
    window.search.setText("help desk")
    assert "report.desk" not in [each.key for each in window.fields]
    assert [place.choice.count() for place in window.places] == [2]
    next(button for button in window.findChildren(PlainButton) if button.text() == "Connect a help desk…").click()
    assert wanted == [True]


def test_keys_are_recorded_as_they_are_pressed(session: Session) -> None:
    window = opened(session, "hotkeys")
    keys = field(window, "hotkeys.region").control
    assert isinstance(keys, KeyField)
    line = keys.findChild(QLineEdit)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(line, Qt.Key.Key_X)
    QTest.keyClick(line, Qt.Key.Key_X, shift)
    assert session.settings.hotkeys.region == "Print"
    QTest.keyClick(line, Qt.Key.Key_X, control | shift)
    assert session.settings.hotkeys.region == "Ctrl+Shift+X"
    QTest.keyClick(line, Qt.Key.Key_F9)
    assert session.settings.hotkeys.region == "F9"
    QTest.keyClick(line, Qt.Key.Key_Backspace)
    assert session.settings.hotkeys.region == ""


def test_numbers_are_written_as_the_language_writes_them(session: Session) -> None:
    words.speak("es")
    window = opened(session, "capture")
    box = field(window, "capture.delay_s").control
    assert isinstance(box, NumberField)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "2,5")
    QTest.keyClick(box, Qt.Key.Key_Tab)
    assert session.settings.capture.delay_s == 2.5
    assert box.text() == "2,5"
    window.list.setCurrentRow(PAGES.index("recording"))
    whole = field(window, "recording.fps").control
    whole.setFocus()
    QTest.keyClick(whole, Qt.Key.Key_Up)
    assert session.settings.recording.fps == 16


def test_the_wheel_over_a_field_changes_nothing(session: Session) -> None:
    window = opened(session, "recording")
    box = field(window, "recording.fps").control
    place = QPointF(box.rect().center())
    none = Qt.KeyboardModifier.NoModifier
    turn = QWheelEvent(
        place,
        box.mapToGlobal(place),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        none,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, turn)
    assert session.settings.recording.fps == 15


def test_a_value_of_the_environment_is_shown_but_cannot_be_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTIGO_GENERAL_NAME", "Somebody")
    session.reload()
    name = field(opened(session), "general.name")
    assert not name.control.isEnabled()
    assert "Set by the environment for this run." in note(name)


def test_a_broken_file_is_told_with_its_line_and_goes_when_it_is_mended(session: Session) -> None:
    session.paths.settings_file.write_text("[general]\nlanguage = 3\n", "utf-8")
    session.reload()
    window = opened(session)
    assert "line 2" in window.fault.words
    name = field(window, "general.name")
    name.control.setFocus()
    QTest.keyClicks(name.control, "Lucia")
    QTest.keyClick(name.control, Qt.Key.Key_Tab)
    assert "Line 2" in note(name)
    session.paths.settings_file.write_text('[general]\nlanguage = "es"\n', "utf-8")
    heard: list[int] = []
    window.changed.connect(lambda: heard.append(1))
    other = opened(session)
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    until(lambda: not window.fault.isVisible())
    assert heard
    other.close()


def test_the_language_of_choices_follows(session: Session) -> None:
    window = opened(session)
    theme = field(window, "general.theme").control
    assert theme.itemText(2) == "Dark"
    words.speak("es")
    look.retranslate()
    assert theme.itemText(2) == "Oscuro"


# --- desks and shares


def place(window: SettingsWindow, what: int = 0) -> PlaceField:
    return window.places[what]


def test_the_desk_that_needs_no_setting_up_is_checked(session: Session) -> None:
    window = opened(session, "report")
    for what in (0, 1):
        QTest.mouseClick(place(window, what).check, Qt.MouseButton.LeftButton)
        until(lambda what=what: place(window, what).result.text() == "It works.")


def test_a_desk_is_added_set_up_renamed_checked_and_removed(
    app: QApplication, session: Session, tmp_path: Path
) -> None:
    window = opened(session, "report")
    choose(place(window).choice, ADD)
    until(lambda: place(window).fields)
    assert session.settings.report.desk == "folder", "reports go where they went while it is set up"
    QTest.mouseClick(place(window).check, Qt.MouseButton.LeftButton)
    until(lambda: "missing" in place(window).result.text())
    (tmp_path / "desk").mkdir()
    name, _, path = place(window).fields  # between them the kind
    line = path.findChild(QLineEdit)
    line.setFocus()
    QTest.keyClicks(line, str(tmp_path / "desk"))
    QTest.keyClick(line, Qt.Key.Key_Return)
    line = name.control
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, "Soporte Norte")
    QTest.keyClick(line, Qt.Key.Key_Return)
    until(lambda: place(window).name == "Soporte-Norte")
    assert session.settings.report.desk == "Soporte-Norte"
    assert dict(session.settings.desks) == {"Soporte-Norte": {"kind": "folder", "path": str(tmp_path / "desk")}}
    QTest.mouseClick(place(window).check, Qt.MouseButton.LeftButton)
    until(lambda: place(window).result.text() == "It works.")
    remove = next(b for b in place(window).findChildren(type(window.open_file)) if b.text() == "Remove")
    QTest.mouseClick(remove, Qt.MouseButton.LeftButton)
    until(app.activeModalWidget)
    box = app.activeModalWidget()
    assert isinstance(box, QMessageBox)
    next(button for button in box.buttons() if button.text() == "Remove").click()
    until(lambda: place(window).name == "folder")
    assert dict(session.settings.desks) == {}


def test_a_desk_that_is_removed_gives_its_place_back_to_the_one_before_it(app: QApplication, session: Session) -> None:
    for name in "abc":
        session.change({f"desks.{name}.kind": "folder", f"desks.{name}.path": "/x", "report.desk": name})
    session.change({"report.desk": "a"})
    window = opened(session, "report")
    choose(place(window).choice, ADD)
    until(lambda: place(window).name == "folder-2")
    for shown, left in (("folder-2", "a"), ("a", "c")):
        assert place(window).name == shown
        next(b for b in place(window).findChildren(LinkButton) if b.text() == "Remove").click()
        until(app.activeModalWidget)
        box = app.activeModalWidget()
        assert isinstance(box, QMessageBox)
        next(button for button in box.buttons() if button.text() == "Remove").click()
        until(lambda left=left: place(window).name == left)
        assert session.settings.report.desk == left


def test_two_desks_do_not_get_one_name(session: Session) -> None:
    session.change({"desks.a.kind": "folder", "desks.b.kind": "folder", "report.desk": "a"})
    window = opened(session, "report")
    name = place(window).fields[0]
    for wanted, why in (("b", "Another one has this name already."), ("...", "A name is needed.")):
        name.control.setFocus()
        name.control.selectAll()
        QTest.keyClicks(name.control, wanted)
        QTest.keyClick(name.control, Qt.Key.Key_Return)
        assert why in note(name)
    assert set(session.settings.desks) == {"a", "b"}
    choose(place(window).choice, "b")
    until(lambda: place(window).name == "b")
    assert session.settings.report.desk == "b"


def test_rules_are_read_and_written_in_the_users_words_and_kept_in_ours(session: Session) -> None:
    session.change({f"desks.{name}.kind": "folder" for name in ("ideas", "guardia")}
                   | {f"desks.{name}.path": "/x" for name in ("ideas", "guardia")}
                   | {"report.rules": "suggestion=ideas"})  # fmt: skip
    words.speak("es")
    window = opened(session, "report")
    line = field(window, "report.rules").control
    assert isinstance(line, QLineEdit)
    assert line.text() == "sugerencia=ideas"
    for typed, kept in (
        ("sugerencia=ideas; Incidente/alta = guardia", "suggestion=ideas; incident/high=guardia"),
        ("complaint=ideas; baja=guardia", "complaint=ideas; low=guardia"),
    ):
        line.clear()
        QTest.keyClicks(line, typed)
        line.editingFinished.emit()
        assert session.settings.report.rules == kept
    line.clear()
    QTest.keyClicks(line, "queja=nadie")
    line.editingFinished.emit()
    assert "nadie" in note(field(window, "report.rules"))
    assert session.settings.report.rules == kept


def test_choosing_a_desk_by_keys_moves_first_and_keeps_the_keyboard_there(session: Session) -> None:
    kinds = {f"desks.{name}.kind": "folder" for name in "ab"}
    session.change(kinds | {f"desks.{name}.path": "/x" for name in "ab"} | {"report.desk": "a"})
    window = opened(session, "report")
    window.activateWindow()
    box = place(window).choice
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    QTest.keyClick(box.view(), Qt.Key.Key_Down)
    assert session.settings.report.desk == "a", "an arrow only moves"
    QTest.keyClick(box.view(), Qt.Key.Key_Return)
    until(lambda: place(window).name == "b")
    assert session.settings.report.desk == "b"
    assert window.focusWidget() is place(window).choice


def test_who_comes_back_from_connecting_a_desk_is_at_the_choice_of_desks(session: Session) -> None:
    window = opened(session, "report")
    window.activateWindow()
    until(window.isActiveWindow)
    connect = next(b for b in window.findChildren(PlainButton) if b.text() == "Connect a help desk…")
    connect.setFocus()
    wizard = QLineEdit()
    wizard.show()
    wizard.activateWindow()
    until(wizard.isActiveWindow)
    session.change({"desks.a.kind": "folder", "desks.a.path": "/x", "report.desk": "a"})
    wizard.close()
    window.activateWindow()
    until(lambda: place(window).name == "a")
    assert window.focusWidget() is place(window).choice


def test_a_secret_that_was_kept_says_so_in_its_empty_field(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeychain())
    try:
        session.change({"desks.it.kind": "redmine", "desks.it.url": "https://x.org", "desks.it.project": "p",
                        "report.desk": "it"})  # fmt: skip
        hints = []
        for act in (lambda: None, lambda: session.places.login("it", Secret("k")), lambda: session.places.logout("it")):
            act()
            line = next(f for f in place(opened(session, "report")).fields if f.key == "key").control
            assert isinstance(line, QLineEdit)
            hints.append(line.placeholderText())
        assert hints == ["", "Kept in the keychain", ""]
    finally:
        keyring.set_keyring(before)


def test_a_renamed_place_takes_its_secrets_along_or_keeps_its_name(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    session.change({"shares.nube.kind": "s3", "shares.nube.bucket": "b", "report.share": "nube"})
    before = keyring.get_keyring()
    keyring.set_keyring(keychain := FullKeychain())
    held = {"nube": "k", "nube.token": "t"}
    try:
        for room, name, kept in (
            (2, "nube", held),
            (3, "nube", held),  # it takes the first and refuses the second
            (4, "Archivo", {"Archivo": "k", "Archivo.token": "t"}),
        ):
            keychain.room = room
            if room == 2:
                session.places.login("nube", Secret("k"))
                session.places.login("nube", Secret("t"), "token", first=False)
            window = opened(session, "report")
            line = place(window, 1).fields[0]
            line.control.setFocus()
            line.control.selectAll()
            QTest.keyClicks(line.control, "Archivo")
            QTest.keyClick(line.control, Qt.Key.Key_Return)
            assert (name == "Archivo") or "Wallet" in note(line)
            assert (list(session.settings.shares), keychain.kept()) == ([name], kept)
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("what", ["a rule", "a draft", "a ticket", "a link"])
def test_a_place_that_something_leans_on_keeps_its_name(app: QApplication, session: Session, what: str) -> None:
    session.change({"desks.it.kind": "folder", "shares.it.kind": "folder", "report.desk": "it", "report.share": "it"})
    if what == "a rule":
        session.change({"report.rules": "incident=it"})
    elif what == "a draft":
        session.new_draft(desk="it")
    elif what == "a ticket":
        now = datetime.now(UTC)
        session.tickets._keep("it", OwnTicket("1", "1", "", "Ratón", "open", "", "", now, now))
    else:
        session.shared.note("it", Attachment("a.mp4", Path("a.mp4"), 1, "", ""), Link("file:///a", receipt="a"))
    line = place(opened(session, "report"), int(what == "a link")).fields[0]
    line.control.setFocus()
    line.control.selectAll()
    QTest.keyClicks(line.control, "Archivo")
    QTest.keyClick(line.control, Qt.Key.Key_Return)
    assert "in use" in note(line)
    assert (list(session.settings.desks), list(session.settings.shares)) == (["it"], ["it"])


def test_a_secret_that_no_keychain_would_keep_is_answered_in_the_words_of_the_wizard(session: Session) -> None:
    session.change({"desks.it.kind": "rt", "desks.it.url": "https://x.org", "report.desk": "it"})
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        line = next(f for f in place(opened(session, "report")).fields if f.setting.kind == "secret")
        line.control.setFocus()
        QTest.keyClicks(line.control, "1-27-0000")
        QTest.keyClick(line.control, Qt.Key.Key_Return)
        assert unkept_words() in note(line)
    finally:
        keyring.set_keyring(before)


def managed(text: str) -> str:
    file = policy.FOLDER / "managed" / "all.toml"
    file.parent.mkdir(parents=True, mode=0o755)
    file.write_text(text)
    file.chmod(0o644)
    return str(file)


def test_what_policy_has_set_is_shown_disabled_with_its_origin(session: Session) -> None:
    file = managed("[sharing]\nseal = 'required'\n[general]\ntheme = 'dark'\n")
    session.reload()
    window = opened(session, "general")
    assert field(window, "general.name").control.isEnabled()
    for page, key in (("general", "general.theme"), ("sending", "sharing.seal")):
        window.list.setCurrentRow(PAGES.index(page))
        locked = field(window, key)
        assert not locked.control.isEnabled()
        assert note(locked).endswith(f"Set by your organisation: {file}")


def test_a_share_of_the_organisation_takes_nothing_but_a_password(session: Session) -> None:
    file = managed(
        "[report]\nshare = 'cloud'\n[shares.cloud]\nkind = 'webdav'\nurl = 'https://dav.example.org'\nuser = 'a'\n"
    )
    session.reload()
    window = opened(session, "report")
    desk, share = window.places
    assert {each.key for each in share.fields if each.control.isEnabled()} == {"password"}
    assert not share.choice.isEnabled()
    assert share.check.isEnabled()
    said = [label.text() for label in share.findChildren(Label)]
    assert said.count(f"Set by your organisation: {file}") == 2
    assert "Remove" not in [button.text() for button in share.findChildren(LinkButton)]
    assert desk.choice.isEnabled()
