from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.uploader.desk_suite import attachment
from tests.uploader.share_suite import ShareSuite
from uploader.errors import Unreachable
from uploader.journal import MemoryJournal
from uploader.shares.folder import FolderShare
from uploader.ticket import Share, quiet


class TestFolderShare(ShareSuite):
    @pytest.fixture
    def share(self, tmp_path: Path) -> FolderShare:
        (tmp_path / "shared").mkdir()
        return FolderShare(path=tmp_path / "shared")

    def read(self, url: str) -> bytes:
        return Path(unquote(urlsplit(url).path)).read_bytes()

    def count(self, share: Share) -> int:
        assert isinstance(share, FolderShare)
        return sum(path.is_file() for path in share.path.rglob("*"))

    def test_a_missing_folder_is_tried_again_later(self, share: FolderShare, tmp_path: Path) -> None:
        share.path.rmdir()
        with pytest.raises(Unreachable, match="not there"):
            share.put(attachment(tmp_path, "x", b"x"), MemoryJournal(), quiet)

    def test_a_web_address_of_the_folder_becomes_the_link(self, share: FolderShare, tmp_path: Path) -> None:
        public = FolderShare(path=share.path, url="https://files.example.org/t/")
        link = public.put(attachment(tmp_path, "a b.bin", b"x"), MemoryJournal(), quiet)
        assert link.url.startswith("https://files.example.org/t/")
        assert link.url.endswith("/a%20b.bin")

    def test_readers_get_the_access_that_the_folder_grants(self, share: FolderShare, tmp_path: Path) -> None:
        share.path.chmod(0o755)
        share.put(attachment(tmp_path, "x.bin", b"x"), MemoryJournal(), quiet)
        (file,) = (path for path in share.path.rglob("*") if path.is_file())
        assert file.stat().st_mode & 0o777 == 0o644
        assert file.parent.stat().st_mode & 0o777 == 0o755
