"""A person without documentation connects a real help desk, reports, is answered, answers and rates: by keys and mouse.

Nothing is called, and nothing is known of the windows but their titles and what is seen of them: a red line says what
is wrong, a green one that it works. Request Tracker is played in Spanish by keys alone, e-mail in English by mouse too.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.journeys.conftest import own_environment
from tests.journeys.stage import Stage, box_of, wait_for
from tests.journeys.user import User
from tests.servers.mail import PASSWORD, MailServer
from tests.servers.rt import RtServer
from tests.uploader.desks.test_email import answer, read

RED, GREEN, ACCENT = (0x1E, 0x26, 0xB3), (0x46, 0x79, 0x1A), (0xDE, 0x5D, 0x2F)
"""What is wrong, what is well, and what is to be pressed next, in BGR."""
SUBJECT, QUESTION, WORDS = "El proyector de la sala parpadea", "¿Qué monitor es?", "Es el de la izquierda"
REPORT = (SUBJECT, "Desde hoy, cada minuto.")
COMMENT = "Muy amables"


@dataclass(frozen=True)
class Titles:
    """How the windows and notifications are called in one language."""

    settings: str = "Ajustes"
    connect: str = "Conectar una mesa de ayuda"
    editor: str = "Captura"
    report: str = "Reportar un problema"
    review: str = "Esto es lo que se enviar"
    sent: str = "Enviado como "
    tickets: str = "Mis tickets"
    answered: str = "hay respuesta"
    replied: str = "Respuesta enviada"


ENGLISH = Titles(
    "Settings", "Connect a help desk", "Capture", "Report a problem", "This is what will be sent",
    "Handed to the help desk", "My tickets", "there is an answer", "Answer sent",
)  # fmt: skip


class Walk:
    """What the person does on the screen."""

    def __init__(self, user: User, titles: Titles) -> None:
        self.user, self.stage, self.titles = user, user.stage, titles

    def at_front(self, title: str) -> tuple[int, int, int, int]:
        """Waits until this window has the keyboard and stands still; its x, y, width, height."""
        self.stage.window(f"^{title}")
        wait_for(lambda: self.user.active().startswith(title), f"“{title}” at the front")
        self.stage.still()
        return self.stage.window(f"^{title}")

    def sees(self, bgr: tuple[int, int, int]) -> bool:
        """Whether words of this colour stand somewhere; small letters have few pixels of just this one."""
        near = abs(self.stage.look().astype(int) - bgr).max(axis=2) < 20
        return int(near.sum()) > 20

    def gone(self, title: str) -> None:
        wait_for(lambda: not self.user.sees(f"^{title}"), f"the end of “{title}”")

    def choose(self, from_below: int, title: str) -> tuple[int, int, int, int]:
        """An entry of the tray's menu."""
        x, y, width, height = wait_for(self.user.icon, "the icon in the tray")
        self.stage.click(x + width // 2, y + height // 2, 3)
        self.stage.still()
        self.stage.key(*["Up"] * from_below, "Return")
        return self.at_front(title)

    def write(self, *fields: str) -> None:
        """One after the other; an empty one is left as it is, and one sign chooses from a list."""
        for number, words in enumerate(fields):
            if number:
                self.stage.key("Tab")
            if words:
                self.stage.type(words)

    def by_settings(self) -> str:
        """Opens the wizard from the page of reports; the window that is behind it."""
        self.choose(2, self.titles.settings)
        self.stage.key(*["Down"] * 5, "Tab", "space")
        return self.titles.settings

    def by_form(self) -> str:
        """The same from the line of the form that says where the report would go."""
        self.stage.key("ctrl+shift+r")
        self.at_front(self.titles.report)
        self.stage.key("shift+Tab", "shift+Tab", "shift+Tab", "space")  # behind the two buttons
        return self.titles.report

    def connect(self, behind: str, address: str, fields: tuple[str, ...], secret: str) -> None:
        """With a wrong secret among the fields at first: the wizard says so, and the keyboard is where it is wrong."""
        _, _, _, small = self.at_front(self.titles.connect)
        self.stage.type(address)
        self.stage.key("Return")
        wait_for(lambda: self.stage.window(f"^{self.titles.connect}")[3] > 1.5 * small, "a desk that is recognised")
        self.stage.still()
        self.write(*fields)
        self.stage.key("Return")
        wait_for(lambda: self.sees(RED), "a line that says what is wrong")
        self.stage.still()
        self.stage.type(secret)
        self.stage.key("Return")
        wait_for(lambda: self.sees(GREEN), "the way to the help desk")
        wait_for(lambda: not self.sees(RED), "a way without faults")
        self.stage.still()
        self.stage.key("Return")
        self.gone(self.titles.connect)
        self.at_front(behind)

    def capture(self) -> None:
        """A part of the screen, into the report."""
        self.user.freeze("Print")
        self.stage.drag((300, 300), (900, 600))
        self.at_front(self.titles.editor)
        self.stage.key("ctrl+Return")
        self.at_front(self.titles.report)

    def send(self) -> dict[str, bytes]:
        """What leaves is shown once more; the files that left."""
        self.stage.key("ctrl+Return")
        self.at_front(self.titles.review)
        self.stage.key("Return")
        self.gone(self.titles.report)
        self.stage.window(f"^{self.titles.sent}")
        (sent,) = (self.user.paths.data / "sent").iterdir()
        return {file.name: file.read_bytes() for file in (sent / "files").iterdir()}

    def open_news(self) -> tuple[int, int, int, int]:
        """By a click at the notification, which comes by itself."""
        x, y, width, height = self.stage.window(self.titles.answered)
        self.stage.click(x + width // 2, y + height * 3 // 4)
        return self.at_front(self.titles.tickets)

    def reply_by_keys(self) -> None:
        """In the conversation that is open, with the keyboard in the list: the field comes after what can be opened."""
        wait_for(lambda: known_of(self.user)["replies"], "the question, read")
        self.stage.still()
        self.stage.key(*["Tab"] * 6)
        self.stage.type(WORDS)
        self.stage.key("ctrl+Return")

    def reply_by_mouse(self, place: tuple[int, int, int, int]) -> None:
        """Into the large field above the buttons; the one that sends is the only one in colour."""
        x, y, width, height = place
        self.stage.click(x + width // 2, y + height - 100)
        self.stage.type(WORDS)
        self.stage.still()
        foot = self.stage.look()[y + height - 70 : y + height, x : x + width]
        button = box_of(foot, ACCENT)
        assert button, "no button in colour"
        self.stage.click(x + button[0] + button[2] // 2, y + height - 70 + button[1] + button[3] // 2)

    def rate(self) -> None:
        """Four stars and a comment, as soon as it is asked for."""
        self.stage.window(f"^{self.titles.replied}$")
        self.stage.key("F5")
        wait_for(lambda: known_of(self.user)["state"] == "solved", "the news that it is solved")
        wait_for(lambda: self.sees(GREEN), "that it is solved")
        self.stage.still()
        self.stage.key("shift+Tab", "shift+Tab", "shift+Tab", "space")
        self.stage.type(COMMENT)
        self.stage.key("Return")
        self.stage.still()


@pytest.fixture
def person(stage: Stage, home: Path, tmp_path: Path) -> Iterator[User]:
    """Somebody with a keychain."""
    chain = {
        "PYTHON_KEYRING_BACKEND": "tests.client.keychain.FileKeychain",
        "TESTIGO_TEST_KEYCHAIN": str(tmp_path / "keychain.json"),
    }
    found = User(stage, {**own_environment(), **chain})
    yield found
    found.leave()


def test_request_tracker_by_keys_alone_in_spanish(person: User, rt: RtServer) -> None:
    person.settings('[general]\nlanguage = "es"\n')
    person.start()
    walk = Walk(person, Titles())
    walk.connect(walk.by_settings(), rt.url, ("1-99-wrong", "", "Ana Díaz", "ana@example.test"), rt.tokens["ana"])
    person.stage.key("Escape")
    walk.gone(walk.titles.settings)
    walk.capture()
    walk.write(*REPORT)
    sent = walk.send()
    (ticket,) = rt.ask("GET", "tickets?query=" + quote(f"Subject = '{SUBJECT}'"))["items"]
    held = rt.ask("GET", f"ticket/{ticket['id']}/attachments?fields=Filename")["items"]
    kept = {part["Filename"]: part["id"] for part in held if part.get("Filename")}
    for name, content in sent.items():
        assert b64decode(rt.ask("GET", f"attachment/{kept[name]}")["Content"]) == content
    rt.ask("POST", f"ticket/{ticket['id']}/correspond", {"Content": QUESTION, "ContentType": "text/plain"})
    walk.choose(5, walk.titles.tickets)
    walk.reply_by_keys()
    wait_for(lambda: said(rt, ticket["id"]) == 2, "the answer at the help desk")
    rt.ask("PUT", f"ticket/{ticket['id']}", {"Status": "resolved"})
    walk.rate()
    check_rating(person)
    assert said(rt, ticket["id"]) == 2


def test_an_e_mail_desk_by_keys_and_mouse_in_english(person: User, mail: MailServer) -> None:
    mail.empty()
    person.settings('[general]\nlanguage = "en"\n')
    person.start()
    walk = Walk(person, ENGLISH)
    servers = (f"127.0.0.1:{mail.ports['bare']}", f"127.0.0.1:{mail.ports['imap']}")
    more = (" ", "", "n", "n")  # behind “More settings”, third and fourth: no encryption, on this computer, either way
    walk.connect(walk.by_form(), "soporte@desk.test", ("Ana", "ana@desk.test", "", "wrong", *servers, *more), PASSWORD)
    walk.write(*REPORT)  # the form still stands there
    walk.capture()
    sent = walk.send()
    (ticket,) = (read(content) for content in mail.box("soporte"))
    held = {part.get_filename(): part.get_content() for part in ticket.iter_attachments()}
    assert {name: held.get(name) for name in sent} == sent
    mail.deliver("ana@desk.test", answer(ticket["Message-ID"], f"Re: [#77] {SUBJECT}", f"<p>{QUESTION}</p>"))
    walk.reply_by_mouse(walk.open_news())
    wait_for(lambda: len(written(mail)) == 1, "the answer at the help desk")
    mail.deliver("ana@desk.test", answer(ticket["Message-ID"], f"[#77] Resuelto: {SUBJECT}", "<p>Listo</p>"))
    walk.rate()
    check_rating(person)
    assert len(written(mail)) == 1


def known_of(person: User) -> dict[str, Any]:
    """The ticket as the program knows it."""
    (mine,) = (known for known in person.asked("tickets", "--offline")["tickets"] if known["subject"] == SUBJECT)
    return mine


def check_rating(person: User) -> None:
    """The service keeps none, so it stands with the ticket as it was last seen."""
    mine = known_of(person)
    assert (mine["state"], mine["score"]) == ("solved", 4)
    assert COMMENT in person.testigo("tickets", "show", mine["id"], "--offline").stdout


def written(mail: MailServer) -> list[bytes]:
    """The mails with the person's answer, wherever they went."""
    return [content for name in ("soporte", "berta") for content in mail.box(name) if WORDS.encode() in content]


def said(rt: RtServer, ticket: str) -> int:
    """How often somebody wrote into the conversation after the report."""
    events = rt.ask("GET", f"ticket/{ticket}/history?fields=Type&per_page=50")["items"]
    return sum(event["Type"] == "Correspond" for event in events)
