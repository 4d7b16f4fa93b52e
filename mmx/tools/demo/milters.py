"""The small milters of the demonstration, each on a unix socket.

They answer one command at a time, as most milters do, and note when they saw each step of a message, how long
they took and what they said. A step is a command; header, body and end of message are one step, "message".
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, FrameSplitter, frame

MESSAGE: Final = "message"
SENT_AWAY: Final = "sent away"
FORBIDDEN_WORD: Final = b"casino"
UNKNOWN_RECIPIENT: Final = b"<nobody@example.org>"

_LONGEST_FRAME: Final = 65536
_CONTINUE: Final = frame(reply.CONTINUE)
_STREAMED: Final = frozenset({command.HEADER, command.EOH, command.BODY})


@dataclass(frozen=True, slots=True)
class Moment:
    """A milter's part in one step; times are those of the event loop, in seconds."""

    milter: str
    step: str
    began: float
    ended: float
    said: str


class Conversation(asyncio.Protocol):
    """One connection of mmx to a milter."""

    def __init__(self, milter: "Milter") -> None:
        self._milter = milter
        self._splitter = FrameSplitter(_LONGEST_FRAME)
        self._transport: asyncio.WriteTransport | None = None
        self._step = ""
        self._began = 0.0
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what asyncio promises
        self._transport = transport
        self._milter.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - any end is an end
        self._note(SENT_AWAY)
        self._milter.leave(self)

    def data_received(self, data: bytes) -> None:
        for received in self._splitter.feed(data):
            self._take(received[CODE], received[DATA:])

    def send(self, *frames: bytes) -> None:
        """Say something without giving a verdict."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(frames))

    def answer(self, verdict: bytes, said: str) -> None:
        """Give a verdict; `said` is how the time line tells it."""
        self._note(said)
        self.send(verdict)

    def hang_up(self, said: str = "") -> None:
        """Close the connection without another word; what was written still goes out."""
        self._note(said)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _begin(self, step: str) -> None:
        if self._step != step:
            self._step = step
            self._began = asyncio.get_running_loop().time()

    def _note(self, said: str) -> None:
        if self._step and said:
            now = asyncio.get_running_loop().time()
            self._milter.note(Moment(self._milter.name, self._step, self._began, now, said))
        self._step = ""

    def _take(self, code: int, data: bytes) -> None:
        if code == command.OPTNEG:
            options = payload.encode_options(option.VERSION, self._milter.actions, option.NOUNKNOWN, {})
            self.send(frame(reply.OPTNEG, options))
        elif code in _STREAMED:
            self._begin(MESSAGE)
            self.body += data if code == command.BODY else b""
            self.send(_CONTINUE)
        elif code == command.EOM:
            self._begin(MESSAGE)
            self._milter.on_end(self)
        elif code == command.RCPT:
            address = payload.decode_address(data)[0]
            self._begin(f"RCPT {address.decode()}")
            self.answer(*self._milter.on_recipient(address))
        elif code == command.ABORT:
            self._note(SENT_AWAY)
            self.body = b""
        elif code == command.QUIT:
            self.hang_up(SENT_AWAY)
        elif code != command.MACRO:
            self.body = b""
            self._begin(command.NAMES[code])
            self.answer(_CONTINUE, "continue")


class Milter:
    """A milter that lets everything pass."""

    name = "milter"
    actions = 0

    def __init__(self, note: Callable[[Moment], None]) -> None:
        self.note = note
        self.conversations: set[Conversation] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.AbstractServer | None = None

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def start(self, directory: Path) -> None:
        """Listen on a socket of its name in `directory`."""
        loop = asyncio.get_running_loop()
        path = str(directory / f"{self.name}.sock")
        self._server = await loop.create_unix_server(lambda: Conversation(self), path)

    async def stop(self, directory: Path) -> None:
        """Go away: no socket, no connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
            (directory / f"{self.name}.sock").unlink(missing_ok=True)
        for conversation in list(self.conversations):
            conversation.abort()
        await self._idle.wait()

    def enter(self, conversation: Conversation) -> None:
        """A connection began."""
        self.conversations.add(conversation)
        self._idle.clear()

    def leave(self, conversation: Conversation) -> None:
        """A connection ended."""
        self.conversations.discard(conversation)
        if not self.conversations:
            self._idle.set()

    def on_recipient(self, address: bytes) -> tuple[bytes, str]:  # noqa: ARG002 - for those who choose
        """The answer to a recipient, and how the time line tells it."""
        return _CONTINUE, "continue"

    def on_end(self, conversation: Conversation) -> None:
        """End of message: edits, then the verdict."""
        conversation.answer(_CONTINUE, "continue")


def _header(name: str, value: str) -> bytes:
    return frame(reply.ADDHEADER, payload.encode_strings(name.encode(), value.encode()))


def _refusal(text: str) -> bytes:
    return frame(reply.REPLYCODE, text.encode() + b"\0")


class Stamp(Milter):
    """Adds a header."""

    name = "stamp"
    actions = option.ADDHDRS

    def on_end(self, conversation: Conversation) -> None:
        conversation.send(_header("X-Stamp", "seen by stamp"))
        conversation.answer(_CONTINUE, "+X-Stamp")


class Words(Milter):
    """Refuses a word and a recipient."""

    name = "words"

    def on_recipient(self, address: bytes) -> tuple[bytes, str]:
        if address == UNKNOWN_RECIPIENT:
            return _refusal("550 5.1.1 No such user here"), "550"
        return _CONTINUE, "continue"

    def on_end(self, conversation: Conversation) -> None:
        if FORBIDDEN_WORD in conversation.body:
            conversation.answer(_refusal("550 5.7.1 We do not gamble"), "550")
        else:
            conversation.answer(_CONTINUE, "continue")


class Scan(Milter):
    """Takes its time."""

    name = "scan"
    actions = option.ADDHDRS

    def __init__(self, note: Callable[[Moment], None]) -> None:
        super().__init__(note)
        self.pause = 0.0
        """Seconds from end of message to the verdict."""

    def on_end(self, conversation: Conversation) -> None:
        asyncio.get_running_loop().call_later(self.pause, self._finish, conversation)

    def _finish(self, conversation: Conversation) -> None:
        if conversation in self.conversations:
            conversation.send(_header("X-Scan", "nothing found"))
            conversation.answer(_CONTINUE, "+X-Scan")


class Footer(Milter):
    """Edits header and body, or dies while it does."""

    name = "footer"
    actions = option.ADDHDRS | option.CHGBODY

    def __init__(self, note: Callable[[Moment], None]) -> None:
        super().__init__(note)
        self.dies = False

    def on_end(self, conversation: Conversation) -> None:
        half = len(conversation.body) // 2
        conversation.send(_header("X-Footer", "added"), frame(reply.REPLBODY, conversation.body[:half]))
        if self.dies:
            conversation.hang_up("dies")
            return
        conversation.send(
            frame(reply.REPLBODY, conversation.body[half:] + b"==> a footer for every mail\r\n")
        )
        conversation.answer(_CONTINUE, "+footer")
