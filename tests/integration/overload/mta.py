"""Many MTA connections at once, each with one message, played by asyncio.

Theory of operation: a `Sender` plays one connection up to its verdict and says in an `Answer` how it ended.
What counts for the tests is that each connection ends in one, and that a message which is let pass bears the
mark of every child.
"""

import asyncio
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from tests.integration.scripted_child import packet

OFFER = packet("O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))
CONNECT = packet("D", b"Cv\0Postfix 3.7.11\0") + packet("C", b"client.test\x004" + b"\x0f\xa0192.0.2.7\0")
HELO = packet("D", b"H") + packet("H", b"client.test\0")
RCPT = packet("D", b"R") + packet("R", b"<r1@rcpt.test>\0")
DATA = packet("D", b"Ti\0QUEUEID\0") + packet("T")
HEADERS = b"".join(
    packet("L", name + b"\0 " + value + b"\0")
    for name, value in ((b"From", b"a@sender.test"), (b"Subject", b"a test"))
)
MODIFICATIONS = "+2-ehimbqp"
EVENTS = ("negotiate", "connect", "helo", "mail", "rcpt", "data", "eom")


@dataclass(frozen=True)
class Answer:
    """The last reply of a connection and the event it answered; `marks` are the X-Mark headers added.

    `code` is the milter's reply code, or one of: "refused" (not connected), "closed" (by mmx), "hung".
    """

    event: str
    code: str
    text: str = ""
    marks: frozenset[str] = frozenset()
    body: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """The MTA would deliver the message: it was let pass, or mmx was told to stay out of it."""
        return (self.code in "ca" and self.event == "eom") or self.code == "a"

    @property
    def deferred(self) -> bool:
        """A temporary failure that the protocol knows."""
        return self.code == "t" or (self.code == "y" and self.text.startswith("4"))


@dataclass
class Gate:
    """Where connections wait for each other: opened once `expected` have arrived, or given up."""

    expected: int

    def __post_init__(self) -> None:
        self.arrived = 0
        self._open = asyncio.Event()

    async def wait(self) -> None:
        self.arrive()
        await self._open.wait()

    def arrive(self) -> None:
        self.arrived += 1
        if self.arrived >= self.expected:
            self._open.set()


class Sender:
    """One connection. It waits at the gate before MAIL, if there is one."""

    def __init__(
        self, path: Path, word: str = "fine", body: bytes = b"hello\r\n", gate: Gate | None = None
    ) -> None:
        self._path = path
        self._mail = packet("D", b"M") + packet("M", f"<{word}@sender.test>\0".encode())
        self._body = body
        self._gate = gate
        self._event = "negotiate"
        self._marks: set[str] = set()
        self._size = 0

    async def send(self, limit: float) -> Answer:
        """The whole session, within `limit` seconds."""
        began = time.monotonic()
        waiting = self._gate
        try:
            async with asyncio.timeout(limit):
                code, text = await self._play()
        except TimeoutError:
            code, text = "hung", ""
        except ConnectionRefusedError as error:
            code, text = "refused", str(error)
        except (EOFError, ConnectionError) as error:
            code, text = "closed", str(error)
        if self._event in EVENTS[:3] and waiting is not None:
            waiting.arrive()
        return Answer(self._event, code, text, frozenset(self._marks), self._size, time.monotonic() - began)

    async def _play(self) -> tuple[str, str]:
        reader, writer = await connect(self._path)
        try:
            return await self._talk(reader, writer)
        finally:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, str]:
        for event, sent in zip(EVENTS, (OFFER, CONNECT, HELO, self._mail, RCPT, DATA), strict=False):
            if event == "mail" and self._gate is not None:
                await self._gate.wait()
            self._event = event
            writer.write(sent)
            code, text = await self._verdict(reader)
            if code not in "cO":
                writer.write(packet("Q"))
                return code, text
        self._event = "eom"
        writer.write(HEADERS + packet("N"))
        for start in range(0, len(self._body), 65535):
            writer.write(packet("B", self._body[start : start + 65535]))
            await writer.drain()
        writer.write(packet("E"))
        verdict = await self._verdict(reader)
        writer.write(packet("A") + packet("Q"))
        return verdict

    async def _verdict(self, reader: asyncio.StreamReader) -> tuple[str, str]:
        while True:
            code, data = await read(reader)
            if code == "h" and data.startswith(b"X-Mark-"):
                self._marks.add(data[7:].split(b"\0")[0].decode())
            elif code == "b":
                self._size += len(data)
            if code not in MODIFICATIONS:
                return code, data.rstrip(b"\0").decode("latin-1")


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a unix socket. A full backlog is waited for, as by connect(2) that may block."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    while True:
        try:
            sock.connect(str(path))
        except BlockingIOError:
            await asyncio.sleep(0.02)
        else:
            return await asyncio.open_unix_connection(sock=sock)


async def read(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """One packet."""
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    data = await reader.readexactly(length)
    return chr(data[0]), data[1:]


def storm(
    path: Path,
    count: int,
    *,
    limit: float,
    word: str = "fine",
    body: bytes = b"hello\r\n",
    together: bool = True,
) -> list[Answer]:
    """So many connections, all opened at once and, with `together`, all open before the first MAIL."""

    async def run() -> list[Answer]:
        gate = Gate(count) if together else None
        return await asyncio.gather(*(Sender(path, word, body, gate).send(limit) for _ in range(count)))

    return asyncio.run(run())


def one(path: Path, word: str = "fine", body: bytes = b"hello\r\n", limit: float = 20.0) -> Answer:
    """A single message."""
    return storm(path, 1, limit=limit, word=word, body=body)[0]
