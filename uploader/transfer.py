"""The engine of every upload: begun once, resumed from what the server has, checked, and linked.

Plan, session, pieces, object, link: each step is remembered in the journal, and the server is asked what it has.

What may be told to the user while it runs is bytes and nothing else; sessions and links live in the journal only.
"""

from __future__ import annotations

import secrets
from abc import abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from uploader.errors import FileChanged, Gone, Refused, Temporary, TooLarge
from uploader.flow import MOST_TRIES, Flow, persist, work_off
from uploader.names import clean_name
from uploader.setting import setting
from uploader.source import BytesSource, Identity, PlainSource, Source, hash_of, identify
from uploader.ticket import AS_SET, Attachment, Link, Progress, Share, Wishes, quiet
from uploader.ways import Parts, Stream, Upload, Whole, send_part, send_stream, send_whole
from uploader.wire import Wire

if TYPE_CHECKING:
    from uploader.journal import Journal

PAGE = "open.html"
STANDSTILL_S = 90.0
"""The wire ends a stall after 60 s; this is for what does not go by it, a dead mount."""

WIDTH = 4
"""Parts at a time."""
MOST_BEGINNINGS = 3
"""How often a session that the server has forgotten is begun anew in one run."""
FIRST_TRIES = 3
"""Before anything has begun there is nothing to hold on to: whoever is away is told soon."""
SOON_S = 10.0
"""When the next try shall come after a run that brought some bytes there."""

R = TypeVar("R")


class Plan(msgspec.Struct, frozen=True):
    """What is decided once per upload and kept in the journal."""

    file: Identity
    upload: Upload
    seal_key: str = ""


@dataclass(frozen=True, kw_only=True)
class UploadShare(Share):
    """A share that sends through this engine."""

    expires_days: float = setting(
        "The link ends after, in days", help="0: it does not end by itself.", kind="number", default=30.0, least=0,
        most=3650,
    )  # fmt: skip
    seal: str = setting(
        "Sealed",
        help="The file is encrypted here; the service cannot read it, nor can its virus scanner. "
        "The key is part of the link, or stands beside it in the ticket.",
        choices=("no", "link", "apart"),
        default="no",
        rare=True,
    )

    def open_wire(self) -> Wire:
        """Connections as this share may have them; every call of its uploads goes through one of these."""
        return Wire()

    @abstractmethod
    def way(self, wire: Wire) -> Parts | Stream | Whole: ...

    @abstractmethod
    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        """The link to a stored object. Harmless to repeat. ``days`` 0: for ever; ``password`` empty: none."""

    def receipt(self, upload: Upload, stored: str) -> str:
        """What ``erase`` needs for an object that has no link yet."""
        return stored

    def erase(self, wire: Wire, receipt: str) -> None:
        """Ends the link and deletes the object; harmless when it is gone."""
        raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """Opens the link as anybody would. Raises: UploaderError when it does not lead to the whole file."""
        found = wire.length(link.url)
        if found is not None and found != upload.size_bytes:
            raise Temporary("the link leads to something else than the file that was sent; it is checked again")

    def download(self, link: Link) -> str:
        """Where a program that opens a sealed file reads it, when the link itself leads to a page about it."""
        return link.url

    def put(self, file: Attachment, journal: Journal, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        with self.open_wire() as wire:
            return Sending(self, wire, file, journal, wishes).run(progress)

    def abandon(self, file: Attachment, journal: Journal) -> None:
        with self.open_wire() as wire:
            Sending(self, wire, file, journal, AS_SET).abandon()

    def revoke(self, receipt: str) -> None:
        with self.open_wire() as wire:
            self.erase(wire, receipt)


class Sending:
    """One ``put`` of an ``UploadShare``. ``run`` belongs to one thread; it starts others and ends them."""

    def __init__(self, share: UploadShare, wire: Wire, file: Attachment, journal: Journal, wishes: Wishes) -> None:
        self._share, self._wire, self._file, self._journal, self._wishes = share, wire, file, journal, wishes
        self._way = share.way(wire)
        self._step = f"share/{file.sha256}/{file.name}/"
        self._sealed = share.seal != "no" if wishes.sealed is None else wishes.sealed
        self._progress: Progress = quiet
        self._planned = Identity(0, 0, 0)
        self._hashed = False
        self._seen_bytes = 0
        self._resumed_bytes = 0

    def run(self, progress: Progress) -> Link:
        self._progress = progress
        if link := self._known_link():
            return link
        was_stored = self._journal.result(self._step + "stored") is not None
        if self._sealed and not self._file.sha256:  # what is sealed names its hash at its beginning
            self._file = replace(self._file, sha256=self._calmly(partial(hash_of, self._file)))
            self._hashed = True
        plan = self._plan()
        self._planned = plan.file
        stored = self._journal.result(self._step + "stored") or self._store(plan.upload, self._source(plan))
        sha256 = self._journal.once(self._step + "sha256", lambda: self._file.sha256 or hash_of(self._file))
        self._seen_bytes = self._file.size_bytes
        self._tell()
        try:
            made = self._link(plan, stored)
        except Gone:
            self._forget()
            if was_stored:  # by an earlier run, and removed since: all of it goes again
                return self.run(progress)
            raise
        link = replace(made, sha256=sha256, resumed_from_bytes=self._resumed_bytes)
        written = self._journal.once(self._step + "link", lambda: msgspec.json.encode(link).decode())
        return msgspec.json.decode(written, type=Link)

    def _known_link(self) -> Link | None:
        """The link of an earlier run, if it is to this very file, as it was wished, and still holds for a while."""
        done, plan = self._journal.result(self._step + "link"), self._journal.result(self._step + "plan")
        if done is None or plan is None:
            return None
        link, known = msgspec.json.decode(done, type=Link), msgspec.json.decode(plan, type=Plan)
        if known.file != self._identify() or bool(known.seal_key) != self._sealed:
            return None
        if link.holds():
            return link
        self._journal.forget(self._step + "link")
        return None

    def abandon(self) -> None:
        """Removes from the service what this file left there, finished or not."""
        plan_text = self._journal.result(self._step + "plan")
        if plan_text is None:
            return
        plan = msgspec.json.decode(plan_text, type=Plan)
        if link := self._journal.result(self._step + "link"):
            receipt = msgspec.json.decode(link, type=Link).receipt
            self._calmly(lambda: self._share.erase(self._wire, receipt))
        else:
            for extra in ("", "page/"):
                self._abandon_one(plan.upload, extra)
        self._forget()

    def _abandon_one(self, upload: Upload, extra: str) -> None:
        session = self._journal.result(self._step + extra + "session")
        stored = self._journal.result(self._step + extra + "stored")
        if stored is None and session is not None:
            self._calmly(lambda: self._way.abort(upload, session))
        elif stored is not None:
            receipt = self._share.receipt(upload, stored)
            with suppress(Gone):
                self._calmly(lambda: self._share.erase(self._wire, receipt))

    def _forget(self) -> None:
        names = ("plan", "session", "stored", "sha256", "link")
        self._journal.forget(*(self._step + extra + name for extra in ("", "page/") for name in names))

    def _plan(self) -> Plan:
        """What was decided when this file was first met; decided anew when it is another file now."""
        if self._file.size_bytes > (self._share.abilities.largest_bytes or self._file.size_bytes):
            most = self._share.abilities.largest_bytes
            raise TooLarge("the file is larger than the service takes", limit_bytes=most)
        identity = self._identify()
        if identity.size_bytes != self._file.size_bytes:
            raise FileChanged("“{name}” has changed since it was attached", name=self._file.name)

        def decide() -> str:
            key = b64encode(secrets.token_bytes(32)).decode() if self._sealed else ""
            size = self._source(Plan(identity, _NOTHING, key)).size_bytes
            pieces = self._way.pieces.piece_bytes(size)
            name = secrets.token_hex(8) + ".sealed" if key else clean_name(self._file.name)
            kind = "application/octet-stream" if key else self._file.media_type or "application/octet-stream"
            upload = Upload(secrets.token_hex(16), name, size, kind, pieces)
            return msgspec.json.encode(Plan(identity, upload, key)).decode()

        plan = msgspec.json.decode(self._journal.once(self._step + "plan", decide), type=Plan)
        if (
            plan.file != identity or bool(plan.seal_key) != self._sealed
        ):  # a new key for new content: a sealed record must never be made of two files
            self.abandon()
            plan = msgspec.json.decode(self._journal.once(self._step + "plan", decide), type=Plan)
        return plan

    def _identify(self) -> Identity:
        """The file as it is now; hashed where nothing else proves that it is the one of an earlier run.

        A hash that is promised from outside is compared at the end, which is too late for what is sealed.
        """
        found = identify(self._file.path, self._file.name)
        if found.ctime_ns or (self._file.sha256 and not self._sealed):
            return found
        return replace(found, sha256=self._calmly(partial(hash_of, self._file)))

    def _source(self, plan: Plan) -> Source:
        if not plan.seal_key:
            return PlainSource(self._file)
        from uploader.seal import Sealed

        return Sealed(self._file, b64decode(plan.seal_key))

    def _tell(self) -> None:
        self._progress(min(self._seen_bytes, self._file.size_bytes), self._file.size_bytes)

    def _calmly(self, act: Callable[[], R], most_tries: int = MOST_TRIES) -> R:
        """One call to the service with patience, while the user may stop it."""
        flow, found = Flow(0, lambda: 0), list[R]()
        with self._ending():
            work_off(
                [lambda: found.append(persist(flow, self._way, act, most_tries))], 1, flow, self._tell, self._wire.cut
            )
        return found[0]

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Whatever ends a sending early also ends what its threads wait for."""
        try:
            yield
        except BaseException:
            self._wire.cut()
            self._wire.close()
            self._wire = self._share.open_wire()
            self._way = self._share.way(self._wire)
            raise

    def _store(self, upload: Upload, source: Source, extra: str = "") -> str:
        """Brings one object there and says how the service calls it; a forgotten session is begun anew."""
        step = self._step + extra
        for beginning in range(1, MOST_BEGINNINGS + 1):
            known = self._journal.result(step + "session") is not None
            begin = partial(self._way.begin, upload)
            session = self._journal.once(step + "session", partial(self._calmly, begin, FIRST_TRIES))
            try:
                receipts = self._send(upload, session, source, known, hashed=not extra)
                finish = partial(self._way.finish, upload, session, receipts)
                return self._journal.once(step + "stored", partial(self._calmly, finish))
            except Gone:
                self._journal.forget(step + "session")
                if beginning == MOST_BEGINNINGS:
                    raise
            except FileChanged:
                with suppress(Refused, Temporary):
                    self._way.abort(upload, session)
                self._forget()
                raise
        raise AssertionError("unreachable")

    def _send(self, upload: Upload, session: str, source: Source, known: bool, *, hashed: bool) -> dict[int, str]:
        """Sends what the server does not have, and takes the file's hash in the same pass."""
        flow = Flow(0, self._wishes.bytes_per_s)
        receipts: dict[int, str] = {}
        found: list[str] = []
        if hashed:
            before = self._calmly(partial(self._server_has, upload, session, receipts)) if known else 0
        else:
            before = 0
        flow.acknowledge(before)
        self._resumed_bytes = max(self._resumed_bytes, before)
        jobs, width = self._jobs(upload, session, source, flow, receipts)
        hashing = [lambda: found.append(hash_of(self._file, lambda: flow.stopped))] * (hashed and not self._hashed)

        def tell() -> None:
            if flow.still_s > STANDSTILL_S:
                raise Temporary("nothing has moved for {seconds} seconds", seconds=f"{STANDSTILL_S:.0f}")
            self._seen_bytes = flow.seen_bytes if hashed else self._seen_bytes
            self._tell()

        try:
            with self._ending():
                work_off(jobs, width, flow, tell, self._wire.cut, hashing)
        except Temporary as error:
            if flow.done_bytes > before and error.retry_after_s is None:
                error.retry_after_s = SOON_S
            raise
        if hashed:
            found = found or [self._file.sha256]
            expected = self._file.sha256 or self._planned.sha256 or found[0]
            now = replace(identify(self._file.path, self._file.name), sha256=self._planned.sha256)
            if found[0] != expected or now != self._planned:
                raise FileChanged("“{name}” has changed since it was attached", name=self._file.name)
            self._journal.once(self._step + "sha256", lambda: found[0])
        return receipts

    def _server_has(self, upload: Upload, session: str, receipts: dict[int, str]) -> int:
        """The bytes an earlier run brought there; of numbered pieces their receipts too."""
        if isinstance(self._way, Stream):
            return self._way.offset(upload, session)
        if not isinstance(self._way, Parts):
            return 0
        for number, part in self._way.have(upload, session).items():
            if number <= upload.piece_count and part.size_bytes == upload.piece(number)[1]:
                receipts[number] = part.receipt
        return sum(upload.piece(number)[1] for number in receipts)

    def _jobs(
        self, upload: Upload, session: str, source: Source, flow: Flow, receipts: dict[int, str]
    ) -> tuple[list[Callable[[], None]], int]:
        """What is left to do, and how much of it at a time."""
        way = self._way
        if isinstance(way, Parts):
            left = [number for number in range(1, upload.piece_count + 1) if number not in receipts]
            return [partial(send_part, way, upload, session, source, flow, receipts, n) for n in left], WIDTH
        if isinstance(way, Stream):
            return [partial(send_stream, way, upload, session, source, flow)], 1
        return [partial(send_whole, way, upload, source, flow, receipts)], 1

    def _link(self, plan: Plan, stored: str) -> Link:
        """The link as its reader gets it, opened once as a stranger would."""
        wishes, share = self._wishes, self._share
        days = share.expires_days if wishes.expires_days is None else wishes.expires_days
        password = secrets.token_urlsafe(12) if wishes.password and share.abilities.password else ""
        if wishes.password and not password:
            raise Refused("{service} knows no passwords for links; leave the password out", service=share.title)
        link = self._calmly(partial(share.link, self._wire, plan.upload, stored, days, password))
        with self._share.open_wire() as stranger:
            self._calmly(partial(share.look, stranger, plan.upload, link))
        if not plan.seal_key:
            return link
        from uploader.seal_page import key_text, page, sealed_link

        key, apart = b64decode(plan.seal_key), share.seal == "apart"
        text = key_text(key) if apart or not share.abilities.serves_pages else ""
        if not share.abilities.serves_pages:
            url = sealed_link(link.url, None if apart else key, share.download(link))
            return replace(link, url=url, sealed=True, key=text)
        html = page()
        beside = replace(plan.upload, name=PAGE, size_bytes=len(html), media_type="text/html; charset=utf-8")
        kept = self._journal.result(self._step + "page/stored") or self._store(beside, BytesSource(html), "page/")
        opened = self._calmly(partial(share.link, self._wire, beside, kept, days, ""))
        url = sealed_link(opened.url, None if apart else key, link.url)
        return replace(link, url=url, sealed=True, page=True, key=text)


_NOTHING = Upload("", "", 0, "", 1)
