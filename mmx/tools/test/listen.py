"""Hears what the children of the running mmx say of a mail that is being played to it.

It asks for a trace over the control socket (mmx.aio.trace), of the client's address if it has one. Of the
sessions traced the one is ours whose CONNECT is the very frame that was sent. The trace runs as soon as a
question asked after it is answered, since the daemon takes requests in order. It tells of events in a moment,
but not before it answers the MTA; `settle` waits until as many replies to the MTA were told of as it got.
"""

import asyncio
import base64
import json
from collections import deque
from contextlib import suppress
from typing import Any, Final, Self

from mmx.errors import MmxError
from mmx.tools.control_client import ANSWER_TIME, check_hello, explain, parse_line, refusal
from mmx.tools.test.said import Conversation, Said
from mmx.wire import command, reply
from mmx.wire.framing import CODE, DATA

LONGEST_LINE: Final = 1 << 20
"""Bytes of an event: a header of 64 KiB in base64, with room."""
SETTLE: Final = 5.0
"""Seconds in which a reply has to be told of."""
_KEPT: Final = 2000
"""Events that are kept until it is known whether their session is ours."""

_REPLIES: Final = reply.VERDICTS | {reply.OPTNEG}

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Ear:
    """A trace of one session. `said` are the lines that nobody has taken."""

    def __init__(self, path: str, streams: _Streams, connection: bytes, clock: float) -> None:
        self._path = path
        self._reader, self._writer = streams
        self._connection = connection
        self._clock = clock
        self._session = ""
        self._pending: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._conversation = Conversation()
        self._replies = 0
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen(), name="listen to the children")
        self.said: list[Said] = []
        self.trouble = ""
        """Why something may be missing."""

    @classmethod
    async def open(cls, path: str, address: str, connection: bytes, clock: float) -> Self:
        """Begin a trace of clients with this address, of all if it is "". `connection` is the data of our
        CONNECT, `clock` what to take from a Unix time to get the times of `said`. Raises MmxError.
        """
        request = {"do": "trace", "client": address or None}
        ear = cls(path, await _ask(path, request), connection, clock)
        try:
            reader, writer = await _ask(path, {"do": "sessions", "count": 1})
            await _result(path, reader)
            writer.close()
        except BaseException:
            await ear.close()
            raise
        return ear

    async def settle(self, replies: int) -> None:
        """Wait until so many replies of the session were told of, and what came before them."""
        try:
            async with asyncio.timeout(SETTLE):
                while self._replies < replies and not self._task.done():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            self.trouble = self.trouble or "mmx does not tell of all its replies"

    def take(self) -> list[Said]:
        """What was said since, one child after another in the order of the chain."""
        said, self.said = self.said, []
        names = self._conversation.names
        return sorted(said, key=lambda line: names.index(line.by))

    async def close(self) -> None:
        """End the trace."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._writer.close()

    async def _listen(self) -> None:
        try:
            while True:
                self._take(await _event(self._path, self._reader))
                self._news.set()
        except MmxError as error:
            self.trouble = str(error)
            self._news.set()

    def _take(self, event: dict[str, Any]) -> None:
        if "lost" in event:
            self.trouble = f"{event['lost']} events were lost"
        elif self._session:
            self._hear(event)
        else:
            self._pending.append(event)
            if self._is_ours(event):
                self._session = event["session"]
                for one in self._pending:
                    self._hear(one)
                self._pending.clear()

    def _is_ours(self, event: dict[str, Any]) -> bool:
        if event["child"] or event["what"] != "in":
            return False
        received = base64.b64decode(event["data"])
        return received[CODE] == command.CONNECT and received[DATA:] == self._connection

    def _hear(self, event: dict[str, Any]) -> None:
        if event["session"] != self._session:
            return
        if event["what"] == "out" and not event["child"]:
            self._replies += base64.b64decode(event["data"])[CODE] in _REPLIES
        said = self._conversation.hear(event, event["at"] - self._clock)
        if said is not None:
            self.said.append(said)


async def _ask(path: str, request: dict[str, Any]) -> _Streams:
    """Put a question; what comes is to be read by the caller. Raises MmxError."""
    try:
        streams = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
    except OSError as error:
        raise explain(path, error) from error
    reader, writer = streams
    try:
        async with asyncio.timeout(ANSWER_TIME):
            check_hello(path, await _line(path, reader))
            writer.write(json.dumps(request).encode() + b"\n")
    except TimeoutError as error:
        writer.close()
        raise explain(path, error) from error
    except BaseException:
        writer.close()
        raise
    return streams


async def _result(path: str, reader: asyncio.StreamReader) -> None:
    """Wait for the end of an answer."""
    try:
        async with asyncio.timeout(ANSWER_TIME):
            while "result" not in await _answer(path, reader):
                pass
    except TimeoutError as error:
        raise explain(path, error) from error


async def _event(path: str, reader: asyncio.StreamReader) -> dict[str, Any]:
    event = (await _answer(path, reader)).get("event")
    return event if isinstance(event, dict) else {"lost": "some"}


async def _answer(path: str, reader: asyncio.StreamReader) -> dict[str, Any]:
    line = await _line(path, reader)
    if "error" in line:
        raise refusal(line)
    return line


async def _line(path: str, reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        return parse_line(path, await reader.readline())
    except ValueError:
        return parse_line(path, b"too long")
    except OSError as error:
        raise explain(path, error) from error
