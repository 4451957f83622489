"""Help before the ticket: articles of the desk's knowledge base, or of a folder of Markdown files on this machine.

The folder is searched by SQLite FTS5 in an index that is derived from it and built anew when it is lost; what a desk
answered is kept in memory for a while, so that typing the same words again asks nobody.
"""

from __future__ import annotations

import re
import sqlite3
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from client.places import Places
from client.words import language
from uploader.errors import UploaderError
from uploader.inbox import Article, Library

MOST = 5
KEEP_S, KEEP_COUNT = 600.0, 200
"""How long an answer of a desk holds, and how many are kept."""
LEAST_LETTERS = 3
"""Shorter words find everything."""
MOST_BYTES = 512 * 1024
"""Of one file; a longer one is no article."""
EXCERPT_CHARACTERS = 160
_WORDS = """
    about after again all also and any anymore are because been before but can cannot could did does doing don down
    ever every everything for from get gets goes got had has have help here how into isn its just longer more most much
    new not nothing now off one only other our out over please problem same she should since some something still stops
    such suddenly than that the their them then there they this through today too under very want was when where which
    while who why will with without won work working works would wrong yesterday you your
    ahora algo algun alguna antes aqui asi aun aunque ayer ayuda bien cada como con cual cuando dar debe deja del desde
    despues dice donde ella ellos entonces entre era eres esa ese eso esta estaba estan estar este esto estos fue
    funciona hace hacer hacia han hasta hay hola hoy las les los mas mis mucho muy nada ninguna ninguno nos nuestro otra
    otras otro otros para pasa pero poco poder porque problema puede puedo que quien quiero sale sea ser sido siempre
    siguen sigue sin sobre solo son soy sus tambien tampoco tan tanto tengo tiene toda todas todo todos tras una unas
    uno unos usted van vez voy veces
"""
COMMON = frozenset(_WORDS.split())
"""They say nothing of what it is about, in Spanish or English."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """``fault``: why the desk's knowledge base could not be asked; None: it could, or there is none."""

    articles: tuple[Article, ...] = ()
    fault: UploaderError | None = None


class Articles:
    """Any thread; ``find`` may ask a desk and block for as long as that takes."""

    def __init__(self, index: Path, places: Places, folder: Callable[[], str]) -> None:
        self._index, self._places, self._folder = index, places, folder
        self._known: OrderedDict[tuple[str, str], tuple[float, tuple[Article, ...]]] = OrderedDict()

    def find(self, query: str, desk: str = "") -> Suggested:
        """Five at most, best first; none for words that say too little. A desk that cannot be asked adds none."""
        words = _words(query)
        if not words:
            return Suggested()
        found = self._in_folder(words)
        name = self._places.desk_name(desk)
        try:
            found += self._at_desk(name, " ".join(words))
        except UploaderError as fault:
            return Suggested(found, fault)
        return Suggested(found[:MOST])

    def _at_desk(self, name: str, query: str) -> tuple[Article, ...]:
        known = self._known.get((name, query))
        if known is not None and time.monotonic() - known[0] < KEEP_S:
            return known[1]
        desk = self._places.desk(name)
        with self._places.keychain_told(name):
            found = desk.articles(query, language()) if isinstance(desk, Library) else ()
        self._known[name, query] = (time.monotonic(), found)
        while len(self._known) > KEEP_COUNT:
            self._known.popitem(last=False)
        return found

    def _in_folder(self, words: list[str]) -> tuple[Article, ...]:
        folder = self._folder()
        if not folder or not Path(folder).expanduser().is_dir():
            return ()
        try:
            return self._search(Path(folder).expanduser(), words)
        except sqlite3.DatabaseError:
            self._index.unlink(missing_ok=True)
            return self._search(Path(folder).expanduser(), words)

    def _search(self, folder: Path, words: list[str]) -> tuple[Article, ...]:
        with closing(sqlite3.connect(self._index, timeout=5)) as database, database:
            database.executescript(
                "CREATE TABLE IF NOT EXISTS known(path TEXT PRIMARY KEY, mtime INTEGER);"
                "CREATE VIRTUAL TABLE IF NOT EXISTS page USING fts5(path UNINDEXED, title, text,"
                " tokenize = 'unicode61 remove_diacritics 2', prefix = '3 4');"
            )
            _refresh(database, folder)
            stems = [_stem(word) for word in words]
            rows = database.execute(
                "SELECT path, title, text FROM page WHERE page MATCH ? ORDER BY bm25(page, 0, 8, 1) LIMIT ?",
                (" OR ".join(f'"{stem}"*' for stem in stems), 4 * MOST),
            ).fetchall()
        told = [row for row in rows if _tells_of(f"{row[1]} {row[2]}", stems)][:MOST]
        return tuple(Article(title, Path(path).as_uri(), _excerpt(text), path, text) for path, title, text in told)


def _words(query: str) -> list[str]:
    """The telling ones; none where there are only such as everybody writes."""
    found = re.findall(r"\w+", unicodedata.normalize("NFC", query).casefold())
    return [word for word in found if len(word) >= LEAST_LETTERS and _bare(word) not in COMMON][:12]


def _bare(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


def _stem(word: str) -> str:
    """What a word shares with its plural and its other forms, more or less."""
    return word[: len(word) - (2 if len(word) > 7 else 1 if len(word) > 5 else 0)]


def _tells_of(text: str, stems: list[str]) -> bool:
    """Whether half of what was asked for is in it."""
    held = {_bare(word) for word in re.findall(r"[^\W_]+", text.casefold())}
    found = sum(any(word.startswith(_bare(stem)) for word in held) for stem in stems)
    return 2 * found >= len(stems)


def _refresh(database: sqlite3.Connection, folder: Path) -> None:
    known = dict(database.execute("SELECT path, mtime FROM known"))
    present = {str(path): mtime for path, mtime in _files(folder)}
    for path in [*(known.keys() - present.keys()), *(p for p, mtime in present.items() if known.get(p) != mtime)]:
        database.execute("DELETE FROM known WHERE path = ?", (path,))
        database.execute("DELETE FROM page WHERE path = ?", (path,))
        if path in present:
            title, text = _read(Path(path))
            database.execute("INSERT INTO known VALUES(?, ?)", (path, present[path]))
            database.execute("INSERT INTO page VALUES(?, ?, ?)", (path, title, text))


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.rglob("*.md"):
        with suppress(OSError):
            about = path.stat()
            if about.st_size <= MOST_BYTES and path.is_file():
                yield path.absolute(), about.st_mtime_ns


def _read(path: Path) -> tuple[str, str]:
    """Title (the first heading, else the file's name) and the rest, in Markdown as it was written."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return path.stem, ""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    heading = re.search(r"^#{1,3}\s+(.+)$", text, re.MULTILINE)
    title = heading[1].strip(" #") if heading else path.stem.replace("-", " ")
    return title, (text.replace(heading[0], "", 1) if heading else text).strip()


def _excerpt(text: str) -> str:
    """Its beginning without the marks; what stands between backticks is left as it is."""
    parts = re.split(r"`+", re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text[:4000]))
    for place in range(0, len(parts), 2):
        marks = r"^\s{0,3}(?:#{1,6}|>)\s*|(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)"
        parts[place] = re.sub(marks, "", parts[place], flags=re.MULTILINE)
    line = " ".join("".join(parts).split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
