"""A computer's place in the network, for a process of a test: it can lose its address and get one in another network.

It is a network namespace with one line to here. It needs root, and dies with the process that holds it, which dies with
the test run.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import Process, find_program


class Network:
    """``server`` is this machine as the inside sees it, ``address`` the inside as this machine does.

    Source: RFC 2544, appendix C.2.2: 198.18.0.0/15 is for measuring, so nobody has it.
    """

    def __init__(self, folder: Path) -> None:
        self._ip, self._enter, mark = find_program("ip"), find_program("nsenter"), folder / "up"
        hold = [find_program("unshare"), "--net", "sh", "-c", ': > "$0"; exec sleep infinity', mark]
        self._holder = Process(hold, folder, 0, answers=mark.exists)
        self._line, self._place = f"t{self._holder.pid}", f"198.18.{secrets.randbelow(256)}"
        self.server, self.address, self._networks = f"{self._place}.255", "", 0
        try:
            self._run("link", "add", self._line, "type", "veth", "peer", "name", "line", "netns", str(self._holder.pid))
            self._run("address", "add", f"{self.server}/32", "dev", self._line)
            self._run("link", "set", self._line, "up")
            self._run("link", "set", "line", "up", inside=True)
            self.join()
        except BaseException:
            self.stop()
            raise

    def inside(self, *command: str) -> list[str]:
        """The same command, to be run there."""
        return [self._enter, "--net", f"--target={self._holder.pid}", "--", *command]

    def leave(self) -> None:
        """The address is gone, and nobody is told: what was connected hangs on both sides."""
        self._run("address", "flush", "dev", "line", inside=True)

    def join(self) -> None:
        """An address in a network where it has not been before."""
        router, self.address = f"{self._place}.{self._networks * 4 + 1}", f"{self._place}.{self._networks * 4 + 2}"
        self._networks += 1
        self._run("address", "add", f"{router}/30", "dev", self._line)
        self._run("address", "add", f"{self.address}/30", "dev", "line", inside=True)
        self._run("route", "replace", "default", "via", router, inside=True)

    def stop(self) -> None:
        """Connections that hang keep the namespace for minutes, but not the line."""
        self._holder.stop(kill=True)
        subprocess.run([self._ip, "link", "delete", self._line], stderr=subprocess.DEVNULL, timeout=20)

    def _run(self, *words: str, inside: bool = False) -> None:
        command: Sequence[str] = [self._ip, *words]
        ran = subprocess.run(self.inside(*command) if inside else command, capture_output=True, text=True, timeout=20)
        assert ran.returncode == 0, f"{words}: {ran.stderr}"
