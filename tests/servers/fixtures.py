"""Real servers and bad lines for the tests; each server starts when the first test of a run asks for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.servers.azurite import AzuriteServer, start_azurite
from tests.servers.django_helpdesk import HelpdeskServer, start_django_helpdesk
from tests.servers.fault_proxy import FaultProxy, TcpProxy
from tests.servers.mail import MailServer, start_mail
from tests.servers.moto import start_moto
from tests.servers.network import Network
from tests.servers.nginx import start_nginx
from tests.servers.process import NotInstalled
from tests.servers.prosody import ChatServer, start_prosody
from tests.servers.rclone import start_rclone
from tests.servers.redmine import RedmineServer, start_redmine
from tests.servers.rgw import Rgw, start_rgw
from tests.servers.roundup import RoundupServer, start_roundup
from tests.servers.rt import RtServer, start_rt
from tests.servers.s3 import S3Server
from tests.servers.sshd import SftpServer, start_sshd
from tests.servers.tus import TusServer, start_tus
from tests.servers.webdav import WebdavServer
from tests.servers.wsgidav import start_wsgidav

ATTEMPTS = 3


class Server(Protocol):
    def stop(self) -> None: ...


Started = TypeVar("Started", bound=Server)


def lend(start: Callable[[Path], Started], folders: pytest.TempPathFactory) -> Iterator[Started]:
    """Starts a server in a folder of the run's; afterwards stops it and removes what it held."""
    for attempt in range(ATTEMPTS):
        folder = folders.mktemp(start.__name__)
        try:
            server = start(folder)
            break
        except NotInstalled as missing:
            pytest.skip(f"{missing} is not installed: make servers installs it")
        except RuntimeError:  # its port was free, and somebody else's before it was there
            if attempt + 1 == ATTEMPTS:
                raise
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def rgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rgw]:
    yield from lend(start_rgw, tmp_path_factory)


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from lend(start_rclone, tmp_path_factory)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from lend(start_moto, tmp_path_factory)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteServer]:
    yield from lend(start_azurite, tmp_path_factory)


@pytest.fixture(scope="session")
def tusd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TusServer]:
    yield from lend(start_tus, tmp_path_factory)


@pytest.fixture(scope="session")
def nginx_dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebdavServer]:
    yield from lend(start_nginx, tmp_path_factory)


@pytest.fixture(scope="session")
def wsgidav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebdavServer]:
    yield from lend(start_wsgidav, tmp_path_factory)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    yield from lend(start_sshd, tmp_path_factory)


@pytest.fixture(scope="session")
def redmine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedmineServer]:
    yield from lend(start_redmine, tmp_path_factory)


@pytest.fixture(scope="session")
def roundup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoundupServer]:
    yield from lend(start_roundup, tmp_path_factory)


@pytest.fixture(scope="session")
def rt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtServer]:
    yield from lend(start_rt, tmp_path_factory)


@pytest.fixture(scope="session")
def django_helpdesk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelpdeskServer]:
    yield from lend(start_django_helpdesk, tmp_path_factory)


@pytest.fixture(scope="session")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    yield from lend(start_mail, tmp_path_factory)


@pytest.fixture(scope="session")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    yield from lend(start_prosody, tmp_path_factory)


@pytest.fixture
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    if os.geteuid():
        pytest.skip("only root may make a network namespace")
    yield from lend(Network, tmp_path_factory)


class OpenProxy(Protocol):
    def __call__(self, url: str, host: str = "127.0.0.1") -> FaultProxy: ...


@pytest.fixture
def fault_proxy() -> Iterator[OpenProxy]:
    """``fault_proxy(url)``: a proxy in front of that server, closed at the end of the test."""
    made: list[FaultProxy] = []

    def make(url: str, host: str = "127.0.0.1") -> FaultProxy:
        made.append(FaultProxy(url, host))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def tcp_proxy() -> Iterator[Callable[[int], TcpProxy]]:
    """``tcp_proxy(port)``: the same for what does not speak HTTP."""
    made: list[TcpProxy] = []

    def make(port: int) -> TcpProxy:
        made.append(TcpProxy(port))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()
