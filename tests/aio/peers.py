"""Peers for the socket tests: a scripted child, an MTA, and an owner of links that keeps what it hears."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from mmx.aio.stream import Stream
from mmx.core.action import Loss
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, FrameSplitter, frame
from mmx.wire.payload import encode_connection, encode_options

LIMIT = 65 * 1024
BOUND = 10.0
"""Seconds that a test waits for what must happen at once."""

OPTNEG = frame(command.OPTNEG, encode_options(6, 0x1FF, 0x1FFFFF, {}))
MAIL = frame(command.MAIL, b"<s@example.net>\0")
CONTINUE = frame(reply.CONTINUE)
NO_ANSWER = frozenset({command.MACRO, command.ABORT, command.QUIT, command.QUIT_NC})


async def until(condition: Callable[[], object], bound: float = BOUND) -> None:
    """Wait until a condition holds; fail after `bound` seconds."""
    limit = time.monotonic() + bound
    while not condition():
        assert time.monotonic() < limit, "the condition did not come true"
        await asyncio.sleep(0.002)


class KeepingOwner:
    """An owner of one link that keeps what it is told."""

    def __init__(self, *, high_water: int = 64 * 1024, accepted: bool = True) -> None:
        loop = asyncio.get_running_loop()
        self.stream = Stream(self, limit=LIMIT, high_water=high_water, accepted=accepted, loop=loop)
        self.heard: list[str] = []
        self.frames: list[bytes] = []
        self.reads = 0
        self.loss: Loss | None = None

    def connected(self) -> None:
        self.heard.append("connected")

    def received(self, frames: list[bytes]) -> None:
        self.reads += 1
        self.frames += frames

    def lost(self, loss: Loss) -> None:
        self.heard.append("lost")
        self.loss = loss

    def blocked(self, blocked: bool) -> None:
        self.heard.append("blocked" if blocked else "free")


Answer = Callable[[bytes], bytes | None]


def answer_continue(received: bytes) -> bytes | None:
    """CONTINUE to whatever is answered; nothing declined."""
    if received[CODE] == command.OPTNEG:
        return frame(reply.OPTNEG, encode_options(6, 0, 0, {}))
    return None if received[CODE] in NO_ANSWER else CONTINUE


def answer_declining(protocol: int) -> Answer:
    """As `answer_continue`, with these protocol bits negotiated."""

    def answer(received: bytes) -> bytes | None:
        if received[CODE] == command.OPTNEG:
            return frame(reply.OPTNEG, encode_options(6, option.ADDHDRS, protocol, {}))
        return None if protocol & option.NO_REPLY.get(received[CODE], 0) else answer_continue(received)

    return answer


async def always() -> bool:
    """Nothing to wait for."""
    return True


class FakeChild:
    """A child on a unix socket; `answer` gives the bytes for each frame, None for silence."""

    def __init__(self, path: Path, answer: Answer = answer_continue) -> None:
        self.path = path
        self.answer = answer
        self.commands: list[int] = []
        self.frames: list[bytes] = []
        self.connections = 0
        self.closed = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.on_connect: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = self.serve

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self.writers:
            writer.close()
        await until(lambda: self.closed == self.connections)

    @property
    def endpoint(self) -> str:
        return f"unix:{self.path}"

    def cut(self) -> None:
        """Die: close every connection."""
        for writer in self.writers:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            await self.on_connect(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.closed += 1

    async def serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        may_read: Callable[[], Awaitable[object]] = always,
    ) -> None:
        splitter = FrameSplitter(LIMIT)
        while await may_read() and (data := await reader.read(65536)):
            for received in splitter.feed(data):
                self.commands.append(received[CODE])
                self.frames.append(received)
                answer = self.answer(received)
                if answer is not None:
                    writer.write(answer)


class FakeMta:
    """A connection of the MTA; reads frames one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, path: Path) -> Self:
        return cls(*await asyncio.open_unix_connection(path))

    async def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def receive(self) -> bytes:
        async with asyncio.timeout(BOUND):
            prefix = await self.reader.readexactly(CODE)
            return prefix + await self.reader.readexactly(int.from_bytes(prefix, "big"))

    async def ask(self, received: bytes) -> bytes:
        await self.send(received)
        return await self.receive()

    async def greet(self, address: bytes = b"192.0.2.7") -> None:
        """Negotiate as Postfix does, then CONNECT of a client and HELO."""
        offer = await self.ask(OPTNEG)
        assert offer[CODE] == command.OPTNEG
        macros = frame(command.MACRO, b"Cj\0mx.example.org\0v\0Postfix 3.7.11\0")
        where = encode_connection(b"mail.example.net", b"4", 2525, address)
        await self.send(macros)
        assert await self.ask(frame(command.CONNECT, where)) == CONTINUE
        assert await self.ask(frame(command.HELO, b"mail.example.net\0")) == CONTINUE

    async def envelope(self) -> bytes:
        """MAIL, RCPT, DATA; the first answer that is no CONTINUE, or the last one."""
        await self.send(frame(command.MACRO, b"Mi\0004XyZ12\0"))
        for received in (MAIL, frame(command.RCPT, b"<r@example.org>\0")):
            answer = await self.ask(received)
            if answer != CONTINUE:
                return answer
        return await self.ask(frame(command.DATA))

    async def content(self, size: int = 100) -> bytes:
        """A header, a body of `size` bytes, end of message; the final answer without PROGRESS."""
        await self.send(frame(command.HEADER, b"Subject\0 x\0"), frame(command.EOH))
        for start in range(0, size, 65535):
            await self.send(frame(command.BODY, b"x" * min(65535, size - start)))
        await self.send(frame(command.EOM))
        answer = await self.receive()
        while answer == frame(reply.PROGRESS):
            answer = await self.receive()
        return answer

    async def message(self, size: int = 100) -> bytes:
        """A whole message; its first answer that is no CONTINUE, or the final one."""
        answer = await self.envelope()
        return answer if answer != CONTINUE else await self.content(size)

    async def hears_end(self) -> bool:
        """The other side has closed, with nothing left to read."""
        async with asyncio.timeout(BOUND):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass
