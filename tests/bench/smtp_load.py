"""Load by SMTP: some clients, each with one connection, send messages one after another.

Bare sockets instead of smtplib: the clients share the machine with what is measured, and should cost little.
"""

import socket
import threading
import time
from typing import Final

from tests.bench import message
from tests.bench.errors import BenchError

SESSIONS: Final = 8
_TIMEOUT: Final = 60.0


def send(port: int, messages: int, sessions: int = SESSIONS) -> float:
    """Send `messages` in all to 127.0.0.1:`port`; seconds from the first connection to the last reply."""
    shares = [messages // sessions + (number < messages % sessions) for number in range(sessions)]
    failures: list[str] = []
    clients = [threading.Thread(target=_run, args=(port, share, failures)) for share in shares]
    begin = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.perf_counter() - begin
    if failures:
        raise BenchError(f"{len(failures)} clients failed; the first: {failures[0]}")
    return seconds


def _run(port: int, messages: int, failures: list[str]) -> None:
    content = message.text() + b".\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _expect(connection, b"220")
            _say(connection, b"EHLO client.test\r\n", b"250")
            for _ in range(messages):
                _say(connection, b"MAIL FROM:<author@sender.test>\r\n", b"250")
                _say(connection, b"RCPT TO:<reader@rcpt.test>\r\n", b"250")
                _say(connection, b"DATA\r\n", b"354")
                _say(connection, content, b"250")
            _say(connection, b"QUIT\r\n", b"221")
    except (OSError, BenchError) as error:
        failures.append(str(error))


def _say(connection: socket.socket, words: bytes, code: bytes) -> None:
    connection.sendall(words)
    _expect(connection, code)


def _expect(connection: socket.socket, code: bytes) -> None:
    reply = b""
    while not _is_whole(reply):
        received = connection.recv(4096)
        if not received:
            raise BenchError(f"connection closed after {reply!r}, {code.decode()} was due")
        reply += received
    if not reply.startswith(code):
        raise BenchError(f"{reply.decode('latin-1').strip()}, {code.decode()} was due")


def _is_whole(reply: bytes) -> bool:
    """The last line of a reply has a space after its code (RFC 5321, 4.2.1)."""
    if not reply.endswith(b"\r\n"):
        return False
    last = reply[:-2].rpartition(b"\r\n")[2]
    return last[3:4] != b"-"
