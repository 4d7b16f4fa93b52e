"""An LMTP server that keeps what Postfix delivers, byte for byte.

Theory of operation: Postfix's lmtp(8) client hands every message over here. The sink offers 8BITMIME, so
nothing is converted, and XFORWARD with IDENT, so that lmtp(8) names the queue id of the message it delivers:
that id is also in the `250 ... queued as ID` reply the SMTP client got, which ties a delivery to its
transaction without touching the message. One thread serves one connection; the sockets are plain.
"""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from tests.integration.threads import Listener

GREETING = b"220 sink LMTP\r\n"
CAPABILITIES = (
    b"250-sink\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n"
)


@dataclass(frozen=True)
class Delivery:
    """One message as it arrived: addresses without angle brackets, CRLF lines, dots unstuffed."""

    queue_id: str
    sender: str
    sender_options: str
    recipients: tuple[str, ...]
    content: bytes


class LmtpSink:
    """Listens on 127.0.0.1 at a port of the system's choice and records deliveries by queue id."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deliveries: dict[str, list[Delivery]] = {}
        listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = listening.getsockname()[1]
        self._listener = Listener(listening, self._serve, "lmtp-sink")

    def close(self) -> None:
        self._listener.close()

    def deliveries(self, queue_id: str) -> tuple[Delivery, ...]:
        """What has arrived under this queue id so far."""
        with self._changed:
            return tuple(self._deliveries.get(queue_id, ()))

    def count(self) -> int:
        """How many deliveries are recorded."""
        with self._changed:
            return sum(len(found) for found in self._deliveries.values())

    def take(self) -> tuple[Delivery, ...]:
        """All deliveries recorded; they are forgotten."""
        with self._changed:
            found = tuple(one for several in self._deliveries.values() for one in several)
            self._deliveries.clear()
        return found

    def wait(self, seconds: float) -> None:
        """Wait until something arrives, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def forget(self) -> None:
        """Drop what was recorded, so that a long run does not keep every body."""
        with self._changed:
            self._deliveries.clear()

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            connection.sendall(GREETING)
            _Dialogue(connection, self._record).run(lines)

    def _record(self, delivery: Delivery) -> None:
        with self._changed:
            self._deliveries.setdefault(delivery.queue_id, []).append(delivery)
            self._changed.notify_all()


class _Dialogue:
    """One LMTP connection."""

    def __init__(self, connection: socket.socket, record: Callable[[Delivery], None]) -> None:
        self._connection = connection
        self._record = record
        self._queue_id = ""
        self._reset()

    def _reset(self) -> None:
        self._sender = ""
        self._sender_options = ""
        self._recipients: list[str] = []

    def run(self, lines: BinaryIO) -> None:
        while line := lines.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                self._connection.sendall(b"221 2.0.0 bye\r\n")
                return
            if verb == b"DATA":
                self._data(lines)
            else:
                self._connection.sendall(self._command(verb, line))

    def _command(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"LHLO":
            return CAPABILITIES
        if verb == b"XFOR":
            self._xforward(line)
        elif verb == b"MAIL":
            self._reset()
            self._sender, self._sender_options = _path(line)
        elif verb == b"RCPT":
            self._recipients.append(_path(line)[0])
        elif verb == b"RSET":
            self._reset()
        return b"250 2.0.0 ok\r\n"

    def _xforward(self, line: bytes) -> None:
        for word in line.decode("latin-1").split()[1:]:
            name, _, value = word.partition("=")
            if name.upper() == "IDENT":
                self._queue_id = value

    def _data(self, lines: BinaryIO) -> None:
        self._connection.sendall(b"354 go\r\n")
        content: list[bytes] = []
        while (line := lines.readline()) != b".\r\n":
            if not line:
                return
            content.append(line[1:] if line.startswith(b".") else line)
        self._record(
            Delivery(
                self._queue_id,
                self._sender,
                self._sender_options,
                tuple(sorted(self._recipients)),
                b"".join(content),
            )
        )
        self._connection.sendall(b"250 2.0.0 kept\r\n" * len(self._recipients))
        self._reset()


def _path(line: bytes) -> tuple[str, str]:
    """The address between the angle brackets of a MAIL or RCPT line, and what follows it."""
    text = line.decode("latin-1").rstrip("\r\n")
    start = text.index("<") + 1
    end = text.index(">", start)
    return text[start:end], text[end + 1 :].strip()
