"""Children with an illness each, on unix sockets, served by threads."""

import contextlib
import select
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.scripted_child import packet, read_packet
from tests.integration.threads import Listener


class IllChild:
    """Context manager: listens on `path`; `serve` has each connection for itself."""

    def __init__(self, path: Path, serve: Callable[[socket.socket], None], backlog: int = 200) -> None:
        self.endpoint = f"unix:{path}"
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(backlog)

        def run(sock: socket.socket) -> None:
            with contextlib.suppress(EOFError):
                serve(sock)

        self._listener = Listener(self._socket, run, f"ill-{path.name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._path.unlink()


class Deaf:
    """Context manager: a socket that listens and is never accepted from."""

    def __init__(self, path: Path, backlog: int) -> None:
        self.endpoint = f"unix:{path}"
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(backlog)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._path.unlink()


def negotiate(sock: socket.socket, actions: int = 0x1FF, protocol: int = 0) -> None:
    """Answer OPTNEG."""
    read_packet(sock)
    sock.sendall(packet("O", struct.pack("!III", 6, actions, protocol)))


def wait_for_close(sock: socket.socket) -> None:
    """Read nothing; return when the peer has closed (its data stays in the buffer)."""
    sock.settimeout(0.1)
    while sock.recv(1, socket.MSG_PEEK):
        if _hung_up(sock):
            return


def _hung_up(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLHUP)
    return bool(poll.poll(50))


def never_reads(sock: socket.socket) -> None:
    """Lets everything pass up to DATA, and then reads nothing."""
    negotiate(sock)
    while True:
        code, _ = read_packet(sock)
        if code in "CHMRTU":
            sock.sendall(packet("c"))
        if code == "T":
            wait_for_close(sock)
            return
        if code == "Q":
            return


def never_answers(sock: socket.socket) -> None:
    """Negotiates and takes everything, without a word from MAIL on."""
    negotiate(sock)
    while True:
        code, _ = read_packet(sock)
        if code in "CH":
            sock.sendall(packet("c"))
        if code == "Q":
            return


def hangs_up(sock: socket.socket) -> None:
    """Accepts and closes."""


def negotiates_and_hangs_up(sock: socket.socket) -> None:
    negotiate(sock)


def replaces_body(size: int) -> Callable[[socket.socket], None]:
    """A child that is well and replaces every body by `size` bytes, an even number."""

    def serve(sock: socket.socket) -> None:
        negotiate(sock, protocol=0x10)  # NOBODY: it need not read what it replaces
        while True:
            code, _ = read_packet(sock)
            if code == "Q":
                return
            if code == "E":
                for start in range(0, size, 65534):
                    sock.sendall(packet("b", b"\r\n" * (min(65534, size - start) // 2)))
            if code in "CHMRTLNEU":
                sock.sendall(packet("c"))

    return serve
