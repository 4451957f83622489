"""The conversations with a help desk, out of a mailbox: what came, what was sent, and which belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from uploader.errors import Gone, Refused
from uploader.imap import Mailbox
from uploader.inbox import RemoteFile, most_of
from uploader.mail import (
    HEADERS,
    Leaf,
    Letter,
    decoded,
    file_name,
    leaves,
    read_head,
    server_time,
    thread_of,
    without_quote,
    words_of,
)
from uploader.plain_text import CUT, plain_text, tidy

SENT_NAMES = ("Sent", "Sent Items", "Sent Messages", "Enviados", "Elementos enviados")
OURS = ".testigo@"
MOST_LETTERS = 100
"""Of one conversation, the newest: the others are in the mail program."""
MOST_AT_ONCE = 2000
TEXT_BYTES = 1_600_000
"""Of one text: what is longer is cut for the reader anyway."""
LINE_BYTES = 78
WANTED = f"UID INTERNALDATE BODY.PEEK[HEADER.FIELDS ({' '.join(HEADERS)})]"


class Threads:
    """Reads one mailbox that is signed in. ``numbers`` finds the desk's own number in a subject."""

    def __init__(self, box: Mailbox, numbers: re.Pattern[str]) -> None:
        self._box, self._numbers = box, numbers
        self._sent = box.folder_for("\\Sent", SENT_NAMES)
        self._validity = dict[bool, int]()

    def holds(self, id_: str, *, sent_only: bool = False) -> bool:
        """Whether this mail was sent: its copy is there, or somebody has answered it."""
        if self._open(sent=True) and self._box.search("HEADER", "Message-ID", id_):
            return True
        if sent_only:
            return False
        self._open(sent=False)
        either = ("OR", "HEADER", "In-Reply-To", id_, "OR", "HEADER", "References", id_, "HEADER", "Message-ID", id_)
        return bool(self._box.search(*either))

    def keep(self, content: bytes) -> None:
        """Puts a copy among the sent mails."""
        if self._sent is None:
            self._box.create(SENT_NAMES[0])
            self._sent = SENT_NAMES[0]
        self._box.append(self._sent, content)

    def changed(self, mark: str, address: str) -> tuple[list[list[Letter]], str]:
        """The conversations with something new since ``mark``, each oldest first; and the mark for the next time."""
        since = _read_mark(mark)
        found, now = dict[str, list[Letter]](), list[str]()
        for sent in (False, True):
            if not self._open(sent=sent):
                now.append("0.0")
                continue
            validity, last = since[sent]
            first = last + 1 if validity == self._validity[sent] else 1
            newest = self._box.search("UID", "*")
            now.append(f"{self._validity[sent]}.{max([*newest, first - 1])}")
            for letter in self._ours(sent, ("UID", f"{first}:*"), first):
                found.setdefault(letter.thread, []).append(letter)
        marks = ".".join(now)
        whole = mark == "" or any(since[sent][0] != self._validity.get(sent, 0) for sent in (False, True))
        newest_first = sorted(found.values(), key=lambda letters: letters[-1].at, reverse=True)[
            : most_of("" if whole else mark)
        ]
        if not whole:
            newest_first = [self.letters(letters[0].thread, address) for letters in newest_first]
        return [_in_order(letters) for letters in newest_first if letters], marks

    def letters(self, thread: str, address: str) -> list[Letter]:
        """All mails of one conversation, oldest first; also those that name only its number."""
        if not thread_of(thread) or thread != thread_of(thread):
            return []
        core = thread[1:].partition("@")[0]
        found = list[Letter]()
        for sent in (True, False):
            if self._open(sent=sent):
                found += [each for each in self._ours(sent, (), 1, core) if each.thread == thread]
        numbers = {hit[0] for each in found if not each.own and (hit := self._numbers.search(each.subject[:500]))}
        known = {each.id for each in found}
        if numbers:
            self._open(sent=False)
            uids = self._box.search("FROM", address.rpartition("@")[2])[-MOST_LETTERS:]
            for each in self._heads(uids, sent=False):
                hit = self._numbers.search(each.subject[:500])
                if hit and hit[0] in numbers and each.id not in known and not each.thread:
                    found.append(each)
        return _in_order(found)[-MOST_LETTERS:]

    def read(self, letters: Iterable[Letter]) -> Iterator[tuple[Letter, str, tuple[RemoteFile, ...]]]:
        """Each with its words and files; only the words are brought."""
        for letter in letters:
            self._open(sent=letter.sent)
            for answer in self._box.fetch([letter.uid], "BODYSTRUCTURE"):
                parts = leaves(answer.get("BODYSTRUCTURE"))
                texts = [part for part in parts if not part.is_file]
                plain = next((part for part in texts if part.kind == "text/plain"), None)
                chosen, text = plain or next(iter(texts), None), ""
                if chosen is not None:
                    raw = self._piece(letter.uid, f"BODY.PEEK[{chosen.section}]<0.{TEXT_BYTES}>")
                    words = words_of(decoded(raw, chosen.encoding), chosen.charset)
                    text = without_quote(tidy(words)) if chosen is plain else plain_text(words)
                    text += CUT if len(raw) >= TEXT_BYTES and not text.endswith(CUT) else ""
                files = []
                for part in (part for part in parts if part.is_file):
                    head = self._piece(letter.uid, f"BODY.PEEK[{part.section}.MIME]") if len(parts) > 1 else b""
                    name = file_name(head or self._piece(letter.uid, "BODY.PEEK[HEADER]")) or part.kind.replace(
                        "/", "."
                    )
                    key = f"{'S' if letter.sent else 'I'}/{self._validity[letter.sent]}/{letter.uid}/{part.section}/"
                    files.append(RemoteFile(key + part.encoding, name, self._size_of(letter.uid, part), part.kind))
                yield letter, text, tuple(files)

    def _size_of(self, uid: int, part: Leaf) -> int:
        """Of what is so short that an estimate would say nothing, the true one."""
        if part.encoding not in ("base64", "quoted-printable") or part.size_bytes > LINE_BYTES:
            return part.raw_bytes
        return len(decoded(self._piece(uid, f"BODY.PEEK[{part.section}]"), part.encoding))

    def blocks(self, key: str, piece_bytes: int) -> tuple[str, Iterator[bytes]]:
        """How a file is encoded, and its bytes so. Raises: Gone."""
        where, validity, uid, section, encoding = (*key.split("/"), "", "", "", "")[:5]
        good = self._open(sent=where == "S") and str(self._validity[where == "S"]) == validity
        if not good or not uid.isdecimal() or not re.fullmatch(r"[\d.]+", section):
            raise Gone("{host} does not know it, or no longer ({status})", host=self._box.host, status=key[:60])
        return encoding, self._pieces(int(uid), section, piece_bytes)

    def _pieces(self, uid: int, section: str, piece_bytes: int) -> Iterator[bytes]:
        at = 0
        while True:
            piece = self._piece(uid, f"BODY.PEEK[{section}]<{at}.{piece_bytes}>")
            yield piece
            at += len(piece)
            if len(piece) < piece_bytes:
                return

    def _piece(self, uid: int, wanted: str) -> bytes:
        for answer in self._box.fetch([uid], wanted):
            for name, value in answer.items():
                if name.startswith("BODY["):
                    return value if isinstance(value, bytes) else str(value or "").encode()
        return b""

    def _open(self, *, sent: bool) -> bool:
        """Opens the folder; False when there is none."""
        folder = self._sent if sent else "INBOX"
        if folder is None:
            return False
        with suppress(Gone, Refused):
            self._validity[sent] = self._box.select(folder)
            return True
        return False

    def _ours(self, sent: bool, span: tuple[str, ...], first: int, core: str = OURS) -> list[Letter]:
        """Mails of ours and answers to them in the open folder, from UID ``first`` on."""
        if sent:
            uids = self._box.search(*span, "HEADER", "Message-ID", core)
            uids += self._box.search(*span, "HEADER", "References", core)
        else:
            uids = self._box.search(*span, "OR", "HEADER", "References", core, "HEADER", "In-Reply-To", core)
        wanted = sorted({uid for uid in uids if uid >= first})[-MOST_AT_ONCE:]
        return [letter for letter in self._heads(wanted, sent=sent) if letter.thread]

    def _heads(self, uids: list[int], *, sent: bool) -> Iterator[Letter]:
        for answer in self._box.fetch(uids, WANTED):
            head = next((value for name, value in answer.items() if name.startswith("BODY[")), b"")
            uid, at = str(answer.get("UID", "")), server_time(str(answer.get("INTERNALDATE") or ""))
            if uid.isdecimal() and isinstance(head, bytes):
                yield read_head(head, int(uid), at, sent=sent)


def _in_order(letters: list[Letter]) -> list[Letter]:
    """Oldest first, each mail once: who writes to himself finds it in both folders."""
    found = dict[str, Letter]()
    for letter in sorted(letters, key=lambda each: (each.at, not each.sent, each.uid)):
        found.setdefault(letter.id or f"{letter.sent}{letter.uid}", letter)
    return list(found.values())


def _read_mark(mark: str) -> dict[bool, tuple[int, int]]:
    numbers = [int(part) for part in mark.split(".") if part.isdecimal()]
    inbox, seen, sent, seen_sent = numbers if len(numbers) == 4 else (0, 0, 0, 0)
    return {False: (inbox, seen), True: (sent, seen_sent)}
