"""An SMTP client for a benchmark: one session, one command at a time, every wait and every line bounded.

It is a client of asyncio, not smtplib in threads: with one thread the same loop runs both kinds of load, a
session costs a coroutine, and the clock is read where the reply is. It speaks no TLS and does no pipelining:
the latency of a message is then the sum of its round trips, which is what a filter adds to.
"""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from mmx.errors import MmxError
from mmx.tools.bench.tally import Result
from mmx.tools.mail_file import Message
from mmx.tools.mta.outcome import ACCEPT, Envelope

LONGEST_LINE: Final = 8192
MOST_LINES: Final = 200
_VERDICTS: Final = {2: ACCEPT, 4: "tempfail", 5: "reject"}


class SmtpError(MmxError):
    """The server cannot be reached, is silent, or speaks no SMTP; `kind` is one word."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of the server: its code and its last line."""

    code: int
    text: str

    @property
    def is_positive(self) -> bool:
        return self.code // 100 in (2, 3)

    @property
    def verdict(self) -> str:
        """As that of a milter would be."""
        return "shutdown" if self.code == 421 else _VERDICTS[self.code // 100]


def content(message: Message) -> bytes:
    """A message as DATA wants it: dots doubled at the start of lines, the final dot added."""
    text = message.text().replace(b"\n", b"\r\n")
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..") + b".\r\n"


class SmtpSession:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within: float) -> None:
        self._reader = reader
        self._writer = writer
        self._within = within

    @classmethod
    async def connect(cls, host: str, port: int, within: float) -> "SmtpSession":
        """Reach the server at an address. Raises SmtpError."""
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            async with asyncio.timeout(within):
                reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_LINE)
        except TimeoutError:
            raise SmtpError("timeout", f"{place} does not answer within {within:g} s") from None
        except OSError as error:
            kind = "refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
            raise SmtpError(kind, f"{place}: {error.strerror or error}") from None
        return cls(reader, writer, within)

    async def open(self, name: str) -> Reply:
        """Greeting and EHLO; the reply that refuses, or the last. Raises SmtpError."""
        greeting = await self._reply()
        return await self._ask(b"EHLO " + name.encode()) if greeting.is_positive else greeting

    async def deliver(self, envelope: Envelope, data: bytes) -> Result:
        """One message, which is `content` of it. Raises SmtpError."""
        began = perf_counter()
        result = Result()
        reply = await self._transaction(envelope, data, result)
        result.verdict = reply.verdict
        result.seconds = perf_counter() - began
        if not reply.is_positive and reply.verdict != "shutdown":
            await self._ask(b"RSET")
        return result

    async def quit(self) -> None:
        """Take leave. Raises SmtpError."""
        await self._ask(b"QUIT")

    def close(self) -> None:
        """Go without a word."""
        self._writer.close()

    async def _transaction(self, envelope: Envelope, data: bytes, result: Result) -> Reply:
        """The reply that decides."""
        sender = envelope.sender
        reply = await self._ask(b" ".join((b"MAIL FROM:" + sender.address, *sender.parameters)))
        if not reply.is_positive:
            return reply
        for recipient in envelope.recipients:
            reply = await self._ask(b" ".join((b"RCPT TO:" + recipient.address, *recipient.parameters)))
            if reply.code == 421:
                return reply
            result.refused += not reply.is_positive
        if result.refused == len(envelope.recipients):
            return reply
        reply = await self._ask(b"DATA")
        return await self._send(data) if reply.is_positive else reply

    async def _ask(self, command: bytes) -> Reply:
        return await self._send(command + b"\r\n")

    async def _send(self, data: bytes) -> Reply:
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._within):
                await self._writer.drain()
        except TimeoutError:
            raise SmtpError("timeout", f"nothing was read within {self._within:g} s") from None
        except ConnectionError:
            pass  # the last words of the server may still be there to read
        return await self._reply()

    async def _reply(self) -> Reply:
        try:
            async with asyncio.timeout(self._within):
                return await self._read()
        except TimeoutError:
            raise SmtpError("timeout", f"no reply within {self._within:g} s") from None
        except (ConnectionError, EOFError):
            raise SmtpError("closed", "the server closed the connection") from None

    async def _read(self) -> Reply:
        for _ in range(MOST_LINES):
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                break
            code = line[:3]
            if not code.isdigit() or code[:1] not in b"2345":
                break
            if line[3:4] != b"-":
                return Reply(int(code), line[4:].decode("latin-1").rstrip())
        raise SmtpError("protocol", "the server sends what is no SMTP reply")
