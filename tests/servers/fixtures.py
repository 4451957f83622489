"""Real servers and bad lines for the tests; each server starts when the first test of a run asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.servers.fault_proxy import FaultProxy, TcpProxy


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str], FaultProxy]]:
    """``fault_proxy(url)``: a proxy in front of that server, closed at the end of the test."""
    made: list[FaultProxy] = []

    def make(url: str) -> FaultProxy:
        made.append(FaultProxy(url))
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
