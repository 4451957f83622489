"""The part of the fault proxies that knows bytes: listening, both sides of a connection, counting, slowing, cutting."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable

from tests.servers.faults import Fault
from tests.servers.framing import LONGEST_HEAD_BYTES, Head

PIECE_BYTES = 256 * 1024
Match = Callable[[str, str], bool]


class Cut(Exception):
    """This connection is over: the client sees a reset."""


class End(Exception):
    """This connection is over: the client sees the end of the stream."""


class Side:
    """A socket and what was read from it too far."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.pending = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self) -> bytes:
        """What is pending or comes next; empty at the end of the stream."""
        came, self.pending = self.pending, b""
        return came or self.sock.recv(PIECE_BYTES)

    def read_head(self) -> Head | None:
        """The next head; None when the peer hung up before it."""
        came = self.pending
        while (end := came.find(b"\r\n\r\n")) < 0:
            more = self.sock.recv(PIECE_BYTES)
            if not more or len(came) > LONGEST_HEAD_BYTES:
                return None
            came += more
        self.pending = came[end + 4 :]
        return Head(came[: end + 4])

    def reset(self) -> None:
        """Closes as a broken line does."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            self.sock.close()


def readable(*sides: Side) -> list[Side]:
    """Those that can be read now; waits for the first."""
    pending = [side for side in sides if side.pending]
    if pending:
        return pending
    poll = select.poll()
    for side in sides:
        poll.register(side.sock, select.POLLIN)
    ready = {number for number, _ in poll.poll()}
    return [side for side in sides if side.sock.fileno() in ready]


class Line:
    """One direction of one message: counts, slows, corrupts, cuts."""

    def __init__(self, to: Side, proxy: Proxy, *, bytes_per_s: float | None, corrupt_at: int | None) -> None:
        self._to, self._proxy, self._bytes_per_s, self._corrupt_at = to, proxy, bytes_per_s, corrupt_at
        self.passed_bytes = 0

    def pass_on(self, part: bytes, up_to_bytes: int | None = None) -> bool:
        """Sends ``part``; False once more than ``up_to_bytes`` wanted to pass in all: the rest was not sent."""
        whole = len(part)
        if up_to_bytes is not None:
            part = part[: max(0, up_to_bytes - self.passed_bytes)]
        is_cut = len(part) < whole
        if self._corrupt_at is not None and 0 <= (at := self._corrupt_at - self.passed_bytes) < len(part):
            part = part[:at] + bytes([part[at] ^ 0xFF]) + part[at + 1 :]
        step = len(part) if self._bytes_per_s is None else max(1, int(self._bytes_per_s / 20))
        for start in range(0, len(part), step or 1):
            piece = part[start : start + step]
            self._to.sock.sendall(piece)
            self.passed_bytes += len(piece)
            if self._bytes_per_s is not None:
                self._proxy.wait(len(piece) / self._bytes_per_s)
        return not is_cut


class Proxy:
    """Listens on a free port of ``host``, one thread a connection; a queue of faults. The server is on loopback."""

    def __init__(self, target_port: int, host: str = "127.0.0.1") -> None:
        self._target_port, self._host = target_port, host
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._faults: list[tuple[Fault, Match, int, int | None]] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = self._bind(0)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.struck = 0
        """How many faults have done something; one that waits for more bytes than there are does nothing."""
        self.clients: set[str] = set()
        """The addresses that connections came from."""
        self._up = False
        self.up()

    def _bind(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, port))
        return listener

    def next(
        self, fault: Fault, match: Match = lambda method, path: True, *, times: int | None = 1, skip: int = 0
    ) -> None:
        """Queues ``fault`` for the next ``times`` requests that match (None: for all), after the first ``skip``."""
        with self._lock:
            self._faults.append((fault, match, skip, times))

    def heal(self) -> None:
        """Forgets every fault that is queued."""
        with self._lock:
            self._faults.clear()

    @property
    def waiting(self) -> int:
        """How many queued faults have not happened yet: a test asserts that its fault did."""
        with self._lock:
            return len(self._faults)

    def strike(self) -> None:
        """A fault does now what it is for; counted before anybody can see it."""
        with self._lock:
            self.struck += 1

    def take(self, method: str, path: str) -> Fault:
        with self._lock:
            for number, (fault, match, skip, times) in enumerate(self._faults):
                if not match(method, path):
                    continue
                if skip:
                    self._faults[number] = (fault, match, skip - 1, times)
                    continue
                if times is not None:
                    self._faults[number : number + 1] = [(fault, match, 0, times - 1)] if times > 1 else []
                return fault
        return Fault()

    def down(self) -> None:
        """Refuses connections and cuts the open ones, until ``up``; the port stays taken."""
        if not self._up:
            return
        self._up = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = self._bind(self.port)
        self.cut()

    def up(self) -> None:
        if self._up:
            return
        self._up = True
        self._listener.listen(64)
        self._start(self._accept, self._listener)

    def cut(self) -> None:
        """Breaks every connection that is open now; new ones are welcome."""
        with self._lock:
            for sock in self._open:
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it ended by itself

    def close(self) -> None:
        self._closed.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was down
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def wait(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise Cut

    def _start(self, work: Callable[[socket.socket], None], sock: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(sock,), name="fault proxy", daemon=True)
        with self._lock:
            self._threads = [running for running in self._threads if running.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, (client, _) = listener.accept()
            except OSError:
                return
            self.clients.add(client)
            self.connections += 1
            with self._lock:
                self._open.add(sock)
            self._start(self._carry, sock)

    def _carry(self, sock: socket.socket) -> None:
        client = Side(sock)
        server = None
        try:
            server = Side(socket.create_connection(("127.0.0.1", self._target_port)))
            with self._lock:
                self._open.add(server.sock)
            self._serve(client, server)
        except End:
            pass
        except (Cut, OSError):
            with self._lock:
                client.reset()
        finally:
            with self._lock:
                for side in (client, server):
                    if side is not None:
                        self._open.discard(side.sock)
                        side.sock.close()

    def stall(self, client: Side) -> None:
        """Nothing moves until the client gives up or the proxy is closed."""
        poll = select.poll()
        poll.register(client.sock, select.POLLRDHUP)
        while not poll.poll(50):
            self.wait(0)
        raise Cut

    def _serve(self, client: Side, server: Side) -> None:
        raise NotImplementedError
