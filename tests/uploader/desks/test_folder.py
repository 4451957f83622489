from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import re
import stat
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.uploader.desk_suite import DeskSuite, attachment, make_ticket
from uploader.desks.folder import FolderDesk, slug
from uploader.errors import NoSpace, Temporary, Unreachable
from uploader.folder_access import reach
from uploader.journal import MemoryJournal
from uploader.ticket import Desk, Link, SharedFile, TextSection, quiet

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def submit_many(path: str, machine: int, count: int) -> None:
    desk = FolderDesk(path=Path(path))
    work = Path(path).parent / f"machine-{machine}"
    work.mkdir()
    for number in range(count):
        desk.submit(make_ticket(work, report_id=f"m{machine}-{number}"), MemoryJournal(), quiet)


def watch_for_halves(path: str, stop: Any, seen: Any) -> None:
    """A reader that looks all the time: whatever ticket it sees must be whole."""
    while not stop.is_set():
        for folder in Path(path).glob("T-*"):
            ticket = json.loads((folder / "ticket.json").read_text("utf-8"))
            if not (folder / "ticket.html").read_text("utf-8").rstrip().endswith("</html>"):
                seen.value = -1
                return
            if any((folder / a["path"]).stat().st_size != a["size_bytes"] for a in ticket["attachments"] if a["path"]):
                seen.value = -1
                return
            seen.value += 1


@pytest.fixture
def dead_mount(tmp_path: Path) -> Iterator[Path]:
    """A file system whose server never answers, as a network drive after its server is gone."""
    place = tmp_path / "dead"
    place.mkdir()
    try:
        device = tmp_path / "fuse"
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(10, 229))  # Source: the kernel's devices.txt
        server = os.open(device, os.O_RDWR)
    except OSError as error:
        pytest.skip(f"this kernel has no FUSE for us: {error.strerror}")
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"dead", str(place).encode(), b"fuse", 0, options):
        os.close(server)
        pytest.skip(f"this kernel lets nobody mount here: {os.strerror(ctypes.get_errno())}")
    yield place
    os.close(server)  # whoever still waits is told that nobody will answer
    libc.umount2(str(place).encode(), 2)


class TestFolderDesk(DeskSuite):
    @pytest.fixture
    def desk(self, tmp_path: Path) -> FolderDesk:
        (tmp_path / "desk").mkdir()
        return FolderDesk(path=tmp_path / "desk")

    def tickets(self, desk: Desk) -> list[dict[str, Any]]:
        assert isinstance(desk, FolderDesk)
        found = []
        for folder in sorted(desk.path.glob("T-*")):
            stored = json.loads((folder / "ticket.json").read_text("utf-8"))
            files = [(a["name"], (folder / a["path"]).read_bytes()) for a in stored["attachments"] if a["path"]]
            ours = {"ticket.json", "ticket.html", *(a["path"] for a in stored["attachments"])}
            assert {path.name for path in folder.iterdir()} <= ours
            links = [a["url"] for a in stored["attachments"] if a["via"] == "link"]
            text = "\n".join([stored["description"], *links, *stored["fields"].values()])
            found.append({**stored, "files": files, "text": text})
        return found

    def test_the_json_has_the_promised_fields(self, desk: FolderDesk, tmp_path: Path) -> None:
        desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        (folder,) = desk.path.glob("T-*")
        assert folder.name == "T-000001-nandu-no-carga"
        stored = json.loads((folder / "ticket.json").read_text("utf-8"))
        assert {"id", "report_id", "subject", "description", "kind", "priority", "requester", "created_at",
                "attachments", "sections"} <= set(stored)  # fmt: skip
        assert stored["created_at"] == "2026-11-21T10:15:00Z"
        for file in stored["attachments"]:
            assert {"name", "size_bytes", "sha256", "via", "path", "url"} <= set(file)

    def test_several_machines_at_once_never_share_a_number_and_no_reader_sees_half(
        self, desk: FolderDesk, tmp_path: Path
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        stop, seen = spawn.Event(), spawn.Value("i", 0)
        reader = spawn.Process(target=watch_for_halves, args=(str(desk.path), stop, seen))
        machines = [spawn.Process(target=submit_many, args=(str(desk.path), m, 8)) for m in range(4)]
        for process in (reader, *machines):
            process.start()
        for process in machines:
            process.join()
            assert process.exitcode == 0
        stop.set()
        reader.join()
        assert reader.exitcode == 0
        assert seen.value > 0
        tickets = self.tickets(desk)
        assert len(tickets) == 32
        assert {t["id"] for t in tickets} == {f"T-{n:06d}" for n in range(1, 33)}
        listed = re.findall(r'href="(T-\d+[^"/]*)/ticket.html"', (desk.path / "index.html").read_text("utf-8"))
        assert len(listed) == 32
        assert listed == sorted(listed, reverse=True)

    def test_every_value_is_escaped_and_nothing_may_run(self, desk: FolderDesk, tmp_path: Path) -> None:
        ticket = make_ticket(
            tmp_path,
            subject=HOSTILE,
            description=HOSTILE,
            requester=HOSTILE,
            kind=HOSTILE,
            priority=HOSTILE,
            attachments=(attachment(tmp_path, "a <b> 'c' .png", b"x", "image/png"),),
            links=(
                SharedFile(HOSTILE, 1, "x", HOSTILE, Link("javascript:alert(1)")),
                SharedFile("b", 1, "x", "00", Link('https://x/"><script>alert(1)</script>')),
            ),
            sections=(TextSection(HOSTILE, HOSTILE, HOSTILE, HOSTILE), TextSection("findings", "x", HOSTILE)),
            fields={HOSTILE: HOSTILE},
        )
        desk.submit(ticket, MemoryJournal(), quiet)
        (folder,) = desk.path.glob("T-*")
        for page, scripts in ((folder / "ticket.html", 0), (desk.path / "index.html", 1)):
            read = _Elements()
            read.feed(page.read_text("utf-8"))
            assert read.scripts == scripts
            assert not read.handlers
            assert all(not address.startswith("javascript") for address in read.addresses)
            assert "default-src 'none'" in read.policy
            assert "unsafe" not in read.policy
            assert ("script-src 'none'" in read.policy) == (scripts == 0)

    def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(self, tmp_path: Path) -> None:
        place = tmp_path / "small"
        place.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
        if mounted.returncode:
            pytest.skip("only root can mount a small disk")
        try:
            desk = FolderDesk(path=place)
            big = make_ticket(tmp_path, attachments=(attachment(tmp_path, "big.bin", os.urandom(2_000_000)),))
            journal = MemoryJournal()
            with pytest.raises(NoSpace, match="no space left"):
                desk.submit(big, journal, quiet)
            assert self.tickets(desk) == []
            subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
            desk.submit(big, journal, quiet)
            assert self.tickets(desk)[0]["id"] == "T-000001"
        finally:
            subprocess.run(["umount", str(place)], check=True)

    def test_a_read_only_folder_is_tried_again_and_says_what_to_do(self, tmp_path: Path) -> None:
        place = tmp_path / "readonly"
        place.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], capture_output=True).returncode:
            pytest.skip("only root can mount a read-only disk")
        try:
            with pytest.raises(Temporary, match="ask for permission"):
                FolderDesk(path=place).submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        finally:
            subprocess.run(["umount", str(place)], check=True)

    def test_a_missing_folder_is_tried_again(self, tmp_path: Path) -> None:
        with pytest.raises(Unreachable, match="not there"):
            FolderDesk(path=tmp_path / "nowhere").submit(make_ticket(tmp_path), MemoryJournal(), quiet)

    def test_a_dead_mount_is_given_up_after_the_limit(self, dead_mount: Path) -> None:
        with pytest.raises(Unreachable, match="does not answer"):
            reach(dead_mount, limit_s=0.2)
        with pytest.raises(Unreachable, match="does not answer"):  # and no second thread waits behind the first
            reach(dead_mount, limit_s=0.2)
        assert sum(thread.name == "reach-folder" for thread in threading.enumerate()) == 1

    def test_a_damaged_ticket_of_somebody_else_does_not_stop_the_index(self, desk: FolderDesk, tmp_path: Path) -> None:
        broken = desk.path / "T-000007-roto"
        broken.mkdir()
        (broken / "ticket.json").write_text("{")
        answer = desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        assert answer.id == "T-000008"
        page = (desk.path / "index.html").read_text("utf-8")
        assert "T-000007" in page
        assert "T-000008" in page

    def test_an_index_that_cannot_be_renewed_does_not_fail_the_ticket(self, desk: FolderDesk, tmp_path: Path) -> None:
        (desk.path / "index.html").mkdir()
        answer = desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        assert answer.id == "T-000001"
        assert len(self.tickets(desk)) == 1

    def test_agents_get_the_access_that_the_folder_grants(self, desk: FolderDesk, tmp_path: Path) -> None:
        desk.path.chmod(0o775)
        before = os.umask(0o077)
        try:
            desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        finally:
            os.umask(before)
        for path in desk.path.rglob("*"):
            assert path.stat().st_mode & 0o777 == (0o775 if path.is_dir() else 0o664), path


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.policy = 0, ""
        self.handlers: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name.startswith("on"):
                self.handlers.append(name)
            if name in ("href", "src"):
                self.addresses.append(value or "")
            if name == "content" and "default-src" in (value or ""):
                self.policy = value or ""


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("No puedo pagar", "no-puedo-pagar"),
        ("🐦🐦", ""),
        ("../../etc", "etc"),
        ("a" * 99, "a" * 40),
        ("  ¿Qué?  ", "que"),
    ],
)
def test_the_folder_name_is_plain(subject: str, expected: str) -> None:
    assert slug(subject) == expected
