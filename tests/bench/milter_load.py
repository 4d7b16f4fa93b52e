"""Load by the milter protocol: a client that plays Postfix on mmx's socket.

The order of frames, their macros and what goes out in one write are Postfix 3.7's: an event and its macros a
write, one reply awaited; the content as one burst; ABORT together with the next MAIL; ABORT, ABORT, QUIT.
"""

import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, MAX_DATA, frame
from tests.bench import message
from tests.bench.errors import BenchError

SESSIONS: Final = 8
_TIMEOUT: Final = 60.0
_LENGTH: Final = struct.Struct(">I")
_QUEUE_ID: Final = (b"i", b"4fXyZw1T2Xz8")
_CONNECT_MACROS: Final = [
    (b"j", b"mx.test.invalid"),
    (b"{daemon_name}", b"mx.test.invalid"),
    (b"{daemon_addr}", b"127.0.0.1"),
    (b"v", b"Postfix 3.7.11"),
    (b"_", b"client.test [192.0.2.7]"),
]
ABORT: Final = frame(command.ABORT)
_QUIT: Final = frame(command.QUIT)


def _event(code: int, data: bytes, macros: list[tuple[bytes, bytes]]) -> bytes:
    return frame(command.MACRO, payload.encode_macros(code, macros)) + frame(code, data)


def _mailbox(stage: bytes, address: bytes) -> list[tuple[bytes, bytes]]:
    host = address.rpartition(b"@")[2]
    return [(b"{%s_addr}" % stage, address), (b"{%s_host}" % stage, host), (b"{%s_mailer}" % stage, b"smtp")]


_GREETING: Final[tuple[tuple[int, bytes, list[tuple[bytes, bytes]]], ...]] = (
    (command.CONNECT, payload.encode_connection(b"client.test", b"4", 40000, b"192.0.2.7"), _CONNECT_MACROS),
    (command.HELO, b"client.test\0", []),
)
_ENVELOPE: Final = (
    (command.MAIL, b"<author@sender.test>\0SIZE=10000\0", _mailbox(b"mail", b"author@sender.test")),
    (command.RCPT, b"<reader@rcpt.test>\0", _mailbox(b"rcpt", b"reader@rcpt.test")),
    (command.DATA, b"", [_QUEUE_ID]),
)


def greeting() -> list[bytes]:
    """CONNECT and HELO, as they are written."""
    return [_event(*event) for event in _GREETING]


def envelope() -> list[bytes]:
    """MAIL, RCPT and DATA, as they are written."""
    return [_event(*event) for event in _ENVELOPE]


def content_burst(size: int = message.SIZE) -> bytes:
    """The content of a message of `size` bytes, from the first header to end of message."""
    parts = [_event(command.HEADER, b"%s\0 %s\0" % field, [_QUEUE_ID]) for field in message.headers()]
    parts.append(_event(command.EOH, b"", [_QUEUE_ID]))
    body = message.body(size)
    chunks = (body[start : start + MAX_DATA] for start in range(0, len(body), MAX_DATA))
    parts += [_event(command.BODY, chunk, [_QUEUE_ID]) for chunk in chunks]
    parts.append(_event(command.EOM, b"", [_QUEUE_ID]))
    return b"".join(parts)


class MilterClient:
    """One session as smtpd(8) and cleanup(8) hold it. Also a context manager that ends it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT)
        self._socket.connect(str(path))
        self._socket.sendall(
            frame(command.OPTNEG, payload.encode_options(6, option.ALL_ACTIONS, option.ALL_PROTOCOL, {}))
        )
        received = self._read()
        if received[CODE] != command.OPTNEG:
            raise BenchError(f"options were answered with {received!r}")
        self._protocol = payload.decode_options(received[DATA:]).protocol
        self._open = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        try:
            self._socket.sendall(ABORT + ABORT + _QUIT)
        except OSError:
            pass  # mmx has already ended: the failure is reported where a reply was due
        self._socket.close()

    def greet(self) -> None:
        """CONNECT and HELO."""
        for code, data, macros in _GREETING:
            self._ask(code, data, macros)

    def send(self, burst: bytes) -> None:
        """One message whose content is `burst`; it must be accepted."""
        for code, data, macros in _ENVELOPE:
            self._ask(code, data, macros)
        for bit in (option.NR_HDR, option.NR_EOH, option.NR_BODY):
            if not self._protocol & bit:
                raise BenchError("mmx wants to answer content events")
        self._socket.sendall(burst)
        self._expect_continue("end of message")
        self._open = ABORT

    def _ask(self, code: int, data: bytes, macros: list[tuple[bytes, bytes]]) -> None:
        self._socket.sendall(self._open + _event(code, data, macros))
        self._open = b""
        if not self._protocol & option.NO_REPLY[code]:
            self._expect_continue(command.NAMES[code])

    def _expect_continue(self, step: str) -> None:
        received = self._read()
        while received[CODE] == reply.PROGRESS:
            received = self._read()
        if received[CODE] not in (reply.CONTINUE, reply.ACCEPT):
            raise BenchError(f"{step} was answered with {received[CODE:]!r}")

    def _read(self) -> bytes:
        prefix = self._exactly(_LENGTH.size)
        return prefix + self._exactly(_LENGTH.unpack(prefix)[0])

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            received = self._socket.recv(size - len(data))
            if not received:
                raise BenchError("mmx closed the connection")
            data += received
        return data


def send(path: Path, messages: int, *, sessions: int = SESSIONS, a_session: int = 0) -> None:
    """Send `messages` in all over `sessions` links at a time, each anew after `a_session` (0: never)."""
    burst = content_burst()
    failures: list[str] = []

    def run(left: int) -> None:
        try:
            while left > 0:
                share = min(left, a_session or left)
                left -= share
                with MilterClient(path) as client:
                    client.greet()
                    for _ in range(share):
                        client.send(burst)
        except (OSError, BenchError) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=run, args=(messages // sessions,)) for _ in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise BenchError(f"{len(failures)} clients failed; the first: {failures[0]}")
