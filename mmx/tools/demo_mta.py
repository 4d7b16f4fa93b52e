"""The MTA of the demonstration: it hands a message to mmx as Postfix does, and does what mmx answers.

Order and data are Postfix's (S12, S18): OPTNEG, CONNECT, HELO, MAIL, RCPT, DATA, then the content in one go,
because mmx asks for no replies to it, then end of message. Edits are applied one by one to the header block,
the replaced body is put together from its pieces, and the verdict becomes the SMTP reply that a client would
get. When mmx is silent for longer than `patience`, or goes away, the reply is 451, as with the tempfail of
Postfix's own milter_default_action.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.core.header_list import HeaderEdit, HeaderList
from mmx.tools.demo_milters import MESSAGE
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, frame

_OFFER: Final = (option.VERSION, option.ALL_ACTIONS, option.ALL_PROTOCOL)
_SERVICE_UNAVAILABLE: Final = "451 4.7.1 Service unavailable - try again later"
_TEXTS: Final = {
    reply.REJECT: "550 5.7.1 Command rejected",
    reply.TEMPFAIL: _SERVICE_UNAVAILABLE,
    reply.SHUTDOWN: "421 4.7.0 Server closing connection",
}
_GREETINGS: Final = {
    command.CONNECT: "220 mx.example.org ESMTP",
    command.HELO: "250 mx.example.org",
    command.MAIL: "250 2.1.0 Ok",
    command.RCPT: "250 2.1.5 Ok",
    command.DATA: "354 End data with <CR><LF>.<CR><LF>",
    command.EOM: "250 2.0.0 Ok: queued",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its envelope; header values begin with their blank."""

    sender: str
    recipients: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    body: tuple[str, ...]

    def lines(self) -> list[str]:
        """The message as text."""
        return [*(f"{name}:{value}" for name, value in self.headers), "", *self.body]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One step between MTA and mmx: when it began and ended (seconds of the loop), and the SMTP reply."""

    step: str
    began: float
    ended: float
    smtp: str

    @property
    def is_positive(self) -> bool:
        return self.smtp[0] in "23"


@dataclass(slots=True)
class Outcome:
    """What became of a message."""

    exchanges: list[Exchange] = field(default_factory=list)
    keep_alives: list[float] = field(default_factory=list)
    """When mmx asked for patience, in seconds of the loop."""
    delivered: list[str] | None = None
    """The message as it goes on, None if it does not."""


class _Delivery:
    """The message while mmx edits it (E1 to E8)."""

    def __init__(self, message: Message) -> None:
        self._headers = HeaderList.of([(name.encode(), value.encode()) for name, value in message.headers])
        self._body = "".join(f"{line}\r\n" for line in message.body).encode()
        self._replaced: list[bytes] = []

    def take(self, received: bytes) -> None:
        """Apply one edit."""
        code, data = received[CODE], received[DATA:]
        if code == reply.REPLBODY:
            self._replaced.append(data)
        elif code == reply.ADDHEADER:
            self._headers.apply(HeaderEdit(code, 0, *payload.decode_header(data)))
        elif code in (reply.INSHEADER, reply.CHGHEADER):
            self._headers.apply(HeaderEdit(code, *payload.decode_indexed_header(data)))

    def lines(self) -> list[str]:
        """The message as text."""
        body = b"".join(self._replaced) if self._replaced else self._body
        headers = [f"{name.decode()}:{value.decode()}" for name, value in self._headers.visible()]
        return [*headers, "", *body.decode().splitlines()]


class Mta:
    """One connection to mmx, for one message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._outcome = Outcome()

    async def play(self, message: Message) -> Outcome:
        """Hand over the message."""
        self._send(command.OPTNEG, payload.encode_options(*_OFFER, {}))
        await self._receive()
        connection = payload.encode_connection(b"mail.example.net", b"4", 40025, b"192.0.2.7")
        await self._ask(command.CONNECT, connection, [(b"j", b"mx.example.org"), (b"v", b"Postfix 3.7.11")])
        await self._ask(command.HELO, payload.encode_strings(b"mail.example.net"))
        if await self._envelope(message):
            await self._content(message)
        self._send(command.ABORT)
        self._send(command.QUIT)
        self._writer.close()
        with suppress(ConnectionError):  # mmx has gone already
            await self._writer.wait_closed()
        return self._outcome

    async def _envelope(self, message: Message) -> bool:
        """MAIL, RCPT and DATA; false if the message ends here."""
        sender = payload.encode_strings(message.sender.encode())
        if not await self._ask(command.MAIL, sender):
            return False
        accepted = 0
        for recipient in message.recipients:
            address = payload.encode_strings(recipient.encode())
            accepted += await self._ask(command.RCPT, address, name=f"RCPT {recipient}")
        return accepted > 0 and await self._ask(command.DATA, b"", [(b"i", b"4Demo1")])

    async def _content(self, message: Message) -> None:
        for name, value in message.headers:
            self._send(command.HEADER, payload.encode_strings(name.encode(), value.encode()))
        self._send(command.EOH)
        self._send(command.BODY, "".join(f"{line}\r\n" for line in message.body).encode())
        delivery = _Delivery(message)
        if await self._ask(command.EOM, b"", name=MESSAGE, delivery=delivery):
            self._outcome.delivered = delivery.lines()

    async def _ask(
        self,
        code: int,
        data: bytes,
        macros: list[tuple[bytes, bytes]] | None = None,
        *,
        name: str = "",
        delivery: _Delivery | None = None,
    ) -> bool:
        """Send a command with its macros and wait for the verdict; true if it is positive."""
        began = asyncio.get_running_loop().time()
        self._send(command.MACRO, payload.encode_macros(code, macros or []))
        self._send(code, data)
        smtp = await self._verdict(code, delivery)
        ended = asyncio.get_running_loop().time()
        exchange = Exchange(name or command.NAMES[code], began, ended, smtp)
        self._outcome.exchanges.append(exchange)
        return exchange.is_positive

    async def _verdict(self, code: int, delivery: _Delivery | None) -> str:
        while True:
            try:
                received = await self._receive()
            except (TimeoutError, EOFError):
                return _SERVICE_UNAVAILABLE
            said = received[CODE]
            if said == reply.PROGRESS:
                self._outcome.keep_alives.append(asyncio.get_running_loop().time())
            elif said == reply.REPLYCODE:
                return payload.decode_one_string(received[DATA:]).decode()
            elif said in reply.VERDICTS:
                return _TEXTS.get(said) or _GREETINGS[code]
            elif delivery is not None:
                delivery.take(received)

    def _send(self, code: int, data: bytes = b"") -> None:
        self._writer.write(frame(code, data))

    async def _receive(self) -> bytes:
        """One frame; TimeoutError if nothing comes, EOFError if mmx has gone."""
        async with asyncio.timeout(self._patience):
            prefix = await self._reader.readexactly(CODE)
            return prefix + await self._reader.readexactly(int.from_bytes(prefix, "big"))


async def deliver(message: Message, path: Path, patience: float) -> Outcome:
    """Hand one message to the mmx that listens on `path`; `patience` is the longest silence, in seconds."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    return await Mta(reader, writer, patience).play(message)
