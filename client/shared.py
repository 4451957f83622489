"""What lies outside because of us: links until they end, uploads until they are whole or taken away.

DATA/shared/links/HASH.json        one link: which share, what it needs to be revoked, when it ends
DATA/shared/uploads/HASH/          a file on its way without a report: its journal, and a lock
DATA/shared/given-up/ID.json       what was discarded here and is still to be removed there
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from client.folder import write_bytes
from client.lock import Busy, ProcessLock
from uploader.errors import Gone, InvalidField, Refused, UploaderError
from uploader.journal import Journal, Steps
from uploader.ticket import AS_SET, Attachment, Link, Progress, Share, Wishes

ID_CHARACTERS = 12
ABOUT = "about"
"""The step of an upload's journal that names its share and file."""
STALE = timedelta(days=7)
"""An unfinished upload that nobody has touched for so long is dead: services themselves forget most after a week."""

log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """One link. ``ended_by``: "service", "us", or "" when it never ends. ``receipt`` is for the share alone.

    ``url`` is what its reader opens, a key of the file in it or not; empty in what earlier versions noted.
    """

    share: str
    name: str
    size_bytes: int
    made_at: datetime
    expires_at: datetime | None
    ended_by: str
    receipt: str
    report_id: str = ""
    id: str = ""
    """By which it is named to be revoked when its address is lost."""
    url: str = ""


class GivenUp(msgspec.Struct, frozen=True):
    share: str
    files: tuple[tuple[str, str, int], ...]
    """Name, SHA-256 and size of each."""
    steps: Steps
    at: datetime


class Shared:
    """Remembers links and unfinished uploads on disk, and ends them when their time has come. Any thread."""

    def __init__(
        self,
        root: Path,
        open_share: Callable[[str], Share],
        told: Callable[[str], AbstractContextManager[None]] = lambda share: nullcontext(),
    ) -> None:
        """``told``: whatever a share refuses within is told as what it comes from."""
        self._root, self._open, self._told = root, open_share, told
        self._guard = threading.Lock()
        for name in ("links", "uploads", "given-up"):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    # -- links --------------------------------------------------------------------------------------------------

    def note(self, share: str, file: Attachment, link: Link, report_id: str = "") -> None:
        """Remembers a link that can be taken back, durably; harmless to repeat. Raises: OSError."""
        if not link.receipt:
            return
        made = datetime.now(UTC)
        place = self._place(link.url)
        entry = Entry(share, file.name, file.size_bytes, made, link.expires_at, link.ended_by, link.receipt, report_id,
                      place.stem[:ID_CHARACTERS], link.url)  # fmt: skip
        write_bytes(place, msgspec.json.encode(entry))

    def links(self) -> tuple[Entry, ...]:
        """All links that are not revoked, oldest first."""
        return tuple(sorted((entry for _, entry in self._entries()), key=lambda entry: entry.made_at))

    def revoke(self, url: str) -> Entry:
        """Ends a link, named by address or id, now and deletes its file.

        Raises: KeyError when it is none of ours; UploaderError.
        """
        place = self._place(url)
        if len(url) == ID_CHARACTERS and not url.strip("0123456789abcdef"):
            place = next((self._root / "links").glob(f"{url}*.json"), place)
        try:
            entry = msgspec.json.decode(place.read_bytes(), type=Entry)
        except (OSError, ValueError) as error:
            raise KeyError(url) from error
        self._revoke(place, entry)
        return entry

    def _revoke(self, place: Path, entry: Entry) -> None:
        with suppress(Gone), self._told(entry.share):
            self._open(entry.share).revoke(entry.receipt)
        place.unlink(missing_ok=True)

    def _entries(self) -> Iterator[tuple[Path, Entry]]:
        for place in sorted((self._root / "links").glob("*.json")):
            try:
                yield place, msgspec.json.decode(place.read_bytes(), type=Entry)
            except (OSError, ValueError) as fault:
                log.warning("a shared link's record cannot be read: %s: %s", place.name, fault)

    def _place(self, url: str) -> Path:
        """The fragment may hold a key and is never asked for."""
        return self._root / "links" / (hashlib.sha256(url.partition("#")[0].encode()).hexdigest()[:40] + ".json")

    # -- one file without a report ------------------------------------------------------------------------------

    def put(self, path: Path, name: str, share: str, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        """Shares one file; what an earlier, broken run of the same file brought there is not sent again.

        Raises: Busy when another process is sending this very file; UploaderError; OSError.
        """
        file = Attachment(name, path, path.stat().st_size, "", "")
        folder = self._upload(path, share)
        folder.mkdir(exist_ok=True, mode=0o700)
        with self._alone(folder), self._told(share):
            journal = self._journal(folder)
            journal.once(ABOUT, lambda: msgspec.json.encode((share, name)).decode())
            link = self._open(share).put(file, journal, progress, wishes)
            self.note(share, file, link)
            shutil.rmtree(folder, ignore_errors=True)
        return link

    def abandon(self, path: Path, name: str, share: str) -> bool:
        """Gives an unfinished upload up and removes it there; False when there was none.

        Raises: Busy; UploaderError.
        """
        folder = self._upload(path, share)
        if not (folder / "journal.json").exists():
            return False
        with self._alone(folder), self._told(share):
            self._open(share).abandon(Attachment(name, path, 0, "", ""), self._journal(folder))
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def _alone(self, folder: Path) -> AbstractContextManager[None]:
        """Only one process at a time is at work on an upload. Raises: Busy."""
        return ProcessLock(folder.with_suffix(".lock")).held(0)

    def _upload(self, path: Path, share: str) -> Path:
        return self._root / "uploads" / hashlib.sha256(f"{share}\n{path.absolute()}".encode()).hexdigest()[:40]

    @staticmethod
    def _journal(folder: Path) -> Journal:
        file = folder / "journal.json"
        steps: Steps = {}
        with suppress(OSError, ValueError):
            steps = msgspec.json.decode(file.read_bytes(), type=Steps)
        return Journal(steps, lambda steps: write_bytes(file, msgspec.json.encode(steps)))

    def paste(self, share: str, file: Attachment, journal: Journal, text: str) -> Link:
        """Notes a link that a person made by hand. Raises: InvalidField."""
        from uploader.shares.paste import Paste

        opened = self._open(share)
        if not isinstance(opened, Paste):
            raise InvalidField("share", "this share makes its links by itself; nothing is to be pasted")
        return opened.paste(file, journal, text)

    # -- leftovers ----------------------------------------------------------------------------------------------

    def give_up(self, share: str, files: Iterable[Attachment], steps: Steps) -> None:
        """What of a discarded report lies there, or is on its way there, shall be removed by ``sweep``."""
        known = tuple((f.name, f.sha256, f.size_bytes) for f in files if any(f"/{f.sha256}/" in step for step in steps))
        if known:
            given_up = GivenUp(share, known, steps, datetime.now(UTC))
            write_bytes(self._root / "given-up" / f"{secrets.token_hex(8)}.json", msgspec.json.encode(given_up))

    def sweep(self, names: Iterable[str] = (), known: Iterable[str] = (), now: datetime | None = None) -> None:
        """Ends what must end: links whose time is over, what was given up, and on the shares ``names`` unfinished
        uploads older than a week whose key is not ``known``. What cannot be reached now waits for the next sweep.
        """
        if not self._guard.acquire(blocking=False):
            return
        try:
            now = now or datetime.now(UTC)
            self._end_links(now)
            self._remove_given_up()
            keys = frozenset(known) | self._own_keys(now)
            for name in names:
                try:
                    self._open(name).sweep(keys, now - STALE)
                except UploaderError:
                    continue
                except Exception as fault:  # noqa: BLE001  # a share that answers nonsense must not stop the others
                    log.info("a share could not be swept: %s", type(fault).__name__)
        finally:
            self._guard.release()

    def _end_links(self, now: datetime) -> None:
        for place, entry in self._entries():
            if entry.expires_at is None or entry.expires_at > now:
                continue
            if not entry.receipt:  # made by hand: nothing of it is ours
                place.unlink(missing_ok=True)
                continue
            try:  # also where the service ends the link: the file would stay there for ever
                self._revoke(place, entry)
            except Refused:
                if entry.ended_by == "us":
                    log.warning("the link to a shared file could not be ended; its share refuses")
                else:
                    place.unlink(missing_ok=True)
            except UploaderError as error:
                log.info("the link to a shared file could not be ended yet: %s", error.code)

    def _remove_given_up(self) -> None:
        for place in sorted((self._root / "given-up").glob("*.json")):
            try:
                given_up = msgspec.json.decode(place.read_bytes(), type=GivenUp)
                share = self._open(given_up.share)
                journal = Journal(given_up.steps, lambda steps: None)
                for name, sha256, size_bytes in given_up.files:
                    link = given_up.steps.get(f"link/{sha256}/{name}")
                    share.abandon(Attachment(name, Path(), size_bytes, "", sha256), journal)
                    if link:
                        self._place(msgspec.json.decode(link, type=Link).url).unlink(missing_ok=True)
            except (UploaderError, OSError, ValueError) as error:
                log.info("a discarded upload could not be removed yet: %s", getattr(error, "code", "unreadable"))
            else:
                place.unlink(missing_ok=True)

    def _own_keys(self, now: datetime) -> set[str]:
        """Keys of files on their way without a report; what was not touched for a week is given up."""
        keys: set[str] = set()
        for folder in (self._root / "uploads").iterdir():
            try:
                journal = self._journal(folder)
                steps = msgspec.json.decode((folder / "journal.json").read_bytes(), type=Steps)
                keys |= keys_of(steps)
                if now - datetime.fromtimestamp(folder.stat().st_mtime, UTC) > STALE:
                    with self._alone(folder):
                        share, name = msgspec.json.decode(steps[ABOUT] or "", type=tuple[str, str])
                        self._open(share).abandon(Attachment(name, Path(), 0, "", ""), journal)
                        shutil.rmtree(folder, ignore_errors=True)
            except (OSError, ValueError, KeyError, Busy, UploaderError):
                continue  # a lock, one that is being sent, or one that cannot be reached now
        return keys


def opener(folder: Path) -> Attachment:
    """The page that opens a sealed file in a browser, as a file of ours in ``folder``."""
    from uploader.seal_page import page

    content, place = page(), folder / "open-sealed-files.html"
    write_bytes(place, content)
    digest = hashlib.sha256(content).hexdigest()
    return Attachment(place.name, place, len(content), "text/html", digest)


def keys_of(steps: Steps) -> set[str]:
    """The keys of all uploads that a journal knows."""
    found = set()
    for step, result in steps.items():
        if step.endswith("/plan") and result:
            with suppress(ValueError, KeyError, TypeError):
                found.add(str(msgspec.json.decode(result)["upload"]["key"]))
    return found
