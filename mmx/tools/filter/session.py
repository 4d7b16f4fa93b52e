"""One connection of an MTA to `mmx filter`.

Frames are read one by one; the steps of a rule are carried out before the next is read, as in a milter that
does one thing at a time, so a delay holds the whole session up. What no reply is due to, by what was
negotiated, gets none, whatever the rule says; its delays and deaths happen.

Each thing that happens is told at once (`Happening`): the peer's frames as they come, what is said, what is
done. Nothing of them is kept.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mmx.errors import ProtocolError
from mmx.tools.filter.script import (
    ANSWERED,
    Deed,
    Garbage,
    Negotiation,
    Pause,
    Rule,
    Say,
    SayHeader,
    Script,
    Seen,
    Step,
)
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, MAX_DATA, describe_length, frame

IDLE: Final = 7210.0
"""Seconds that libmilter waits for a command."""
_LONGEST: Final = MAX_DATA + 1
_CONTINUE: Final = Say(frame(reply.CONTINUE))
_RESET: Final = struct.pack("ii", 1, 0)

LISTENING, BEGIN, IN, OUT, ACT, END = "listening", "begin", "in", "out", "act", "end"


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened: one of the words above. `frame` is what was read or said, `text` what else there is to
    tell, `rule` the one that made it happen. Sessions and messages count from 1.
    """

    session: int
    message: int
    what: str
    frame: bytes = b""
    text: str = ""
    rule: Rule | None = None


class _OverError(Exception):
    """The session is over; the text says why."""


class Session:
    """One connection. `number` gives it the number it has among all; None: no more are wanted."""

    def __init__(
        self,
        script: Script,
        number: Callable[[], int | None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tell: Callable[[Happening], None],
    ) -> None:
        self._script = script
        self._take_number = number
        self._number = 0
        self._reader = reader
        self._writer = writer
        self._tell = tell
        self._seen = Seen(script.rules, 0)
        self._protocol = 0
        self._hangs = False

    async def run(self) -> None:
        """Serve it to its end."""
        try:
            first = await self._receive()
            self._begin()
            await self._take(first)
            while True:
                await self._take(await self._receive())
        except _OverError as error:
            self._note(END, text=str(error))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._note(END, text="closed by the peer")
        except TimeoutError:
            self._note(END, text=f"nothing came or could be sent for {IDLE:g} s")
        finally:
            self._writer.transport.abort() if self._hangs else self._writer.close()

    def _begin(self) -> None:
        # A connection counts from its first word on: somebody may only look whether anyone listens.
        number = self._take_number()
        if number is None:
            raise _OverError("one more than wanted")
        self._number = number
        self._seen = Seen(self._script.rules, number)
        self._note(BEGIN)

    async def _receive(self) -> bytes:
        async with asyncio.timeout(IDLE):
            prefix = await self._reader.readexactly(CODE)
            length = int.from_bytes(prefix, "big")
            if not 1 <= length <= _LONGEST:
                raise _OverError(describe_length(prefix, _LONGEST))
            return prefix + await self._reader.readexactly(length)

    async def _take(self, received: bytes) -> None:
        code, data = received[CODE], received[DATA:]
        trouble = ""
        if code != command.MACRO:
            try:
                self._seen.take(code, data)
            except ProtocolError as error:
                trouble = str(error)
        self._note(IN, received, trouble)
        if not self._hangs and code != command.MACRO:
            await self._respond(code, data)
        if code == command.QUIT:
            raise _OverError("the peer took leave")
        if code == command.QUIT_NC:
            self._seen = Seen(self._script.rules, self._number)

    async def _respond(self, code: int, data: bytes) -> None:
        rule = self._seen.rule(code)
        if rule is not None:
            for step in rule.steps:
                await self._carry_out(step, code, rule)
        if code == command.OPTNEG:
            if rule is None or Deed.SILENCE not in rule.steps:
                await self._negotiate(data)
        elif code in ANSWERED and (rule is None or not rule.answers):
            await self._carry_out(_CONTINUE, code, rule)

    async def _carry_out(self, step: Step, code: int, rule: Rule | None) -> None:
        if self._hangs:
            return
        match step:
            case Say(said):
                if not (said[CODE] in reply.VERDICTS and self._is_quiet(code)):
                    await self._say(said, rule)
            case SayHeader():
                leading_space = bool(self._protocol & option.HDR_LEADSPC)
                await self._say(step.frame(leading_space=leading_space), rule)
            case Garbage(data):
                self._note(ACT, text=f"{len(data)} bytes of garbage", rule=rule)
                await self._write(data)
            case Pause(seconds):
                self._note(ACT, text=f"waits {seconds:g} s", rule=rule)
                await asyncio.sleep(seconds)
            case _:
                self._do(step, rule)

    def _is_quiet(self, code: int) -> bool:
        return bool(self._protocol & option.NO_REPLY.get(code, 0))

    def _do(self, deed: Deed, rule: Rule | None) -> None:
        self._note(ACT, text=_TOLD[deed], rule=rule)
        if deed is Deed.HANG:
            self._hangs = True
        elif deed is Deed.RESET:
            # A unix socket has no RST; its peer sees an error if there is something that nobody read.
            peer = self._writer.get_extra_info("socket")
            if peer.family != socket.AF_UNIX:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._writer.transport.abort()
            raise _OverError("reset by the script")
        elif deed is Deed.CLOSE:
            raise _OverError("closed by the script")

    async def _negotiate(self, data: bytes) -> None:
        try:
            offer = payload.decode_options(data)
        except ProtocolError as error:
            raise _OverError(str(error)) from None
        answer = answer_to(offer, self._script.negotiation)
        self._protocol = answer.protocol
        await self._say(frame(reply.OPTNEG, payload.encode_options(*answer)), None)

    async def _say(self, said: bytes, rule: Rule | None) -> None:
        self._note(OUT, said, rule=rule)
        await self._write(said)

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(IDLE):
            await self._writer.drain()

    def _note(self, what: str, frame: bytes = b"", text: str = "", rule: Rule | None = None) -> None:
        self._tell(Happening(self._number, self._seen.message, what, frame, text, rule))


_TOLD: Final = {
    Deed.CLOSE: "closes the connection",
    Deed.RESET: "resets the connection",
    Deed.HANG: "hangs",
    Deed.SILENCE: "says nothing",
}


def answer_to(offer: payload.Options, wanted: Negotiation) -> payload.Options:
    """The answer to an offer: within it, unless more is wanted; libmilter does the same (N5)."""
    if wanted.beyond_offer:
        return payload.Options(wanted.version, wanted.actions, wanted.steps, wanted.macros)
    return payload.Options(
        min(wanted.version, offer.version),
        wanted.actions & offer.actions,
        wanted.steps & offer.protocol,
        wanted.macros if offer.actions & option.SETSYMLIST else {},
    )
