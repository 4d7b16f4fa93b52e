"""One command of an MTA and what a milter says to it, as Postfix's milter8.c has it.

Before each command goes a MACRO frame, with or without pairs, also where the milter declined the command.
What no reply is due to waits for the next command that needs one (S13), or until it is much. After SKIP no
more commands of that kind are sent in a row. Edits, requests for patience and the reply are noted in the
outcome of the moment. What Postfix bears is among its `problems`; what makes it give the milter up, and do
its milter_default_action, is a MilterLostError.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mmx.core.action import Loss
from mmx.core.plan import OVERHEAD, POSTFIX_MACROS
from mmx.tools.mta.link import Link, MilterLostError
from mmx.tools.mta.macros import Macros
from mmx.tools.mta.outcome import Exchange, Outcome
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, DATA, MAX_DATA, frame
from mmx.wire.payload import Options

MOST_EDITS: Final = 512 << 20
"""Bytes of edits that are taken of one message, each with what it costs beside its bytes."""
MOST_PROGRESS: Final = 100_000
"""PROGRESS replies that are taken of one message; each makes the MTA wait anew."""

STEPS: Final = {2: 0x7F, 3: 0x17F, 4: 0x37F, 5: 0x37F, 6: option.ALL_PROTOCOL}
"""The protocol bits that Postfix offers, by version; there is no 5 in Postfix, it offers what 4 does."""

_FLUSH: Final = 64 << 10
"""Bytes that wait for a command that needs a reply."""
_SINCE: Final = {command.UNKNOWN: 3, command.DATA: 4}
"""The first version that has a command (N3)."""
_CONTENT: Final = frozenset({command.HEADER, command.EOH, command.BODY, command.EOM})
_FAREWELL: Final = frame(command.ABORT) + frame(command.QUIT)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a session is held. Timeouts are Postfix's, in seconds, each for one wait."""

    version: int = option.VERSION
    actions: int = option.ALL_ACTIONS
    protocol: int = option.ALL_PROTOCOL
    lists: Mapping[int, tuple[bytes, ...]] = field(default_factory=lambda: POSTFIX_MACROS)
    """Stage to the names of macros that are sent to a milter which asks for none."""
    macros: Mapping[str, str] = field(default_factory=dict)
    """Macros by name, before what they would be."""
    chunk: int = MAX_DATA
    """Bytes of one piece of body."""
    connect_timeout: float = 30.0
    command_timeout: float = 30.0
    content_timeout: float = 300.0


class Dialogue:
    """The commands of one connection."""

    def __init__(self, link: Link, terms: Terms, macros: Macros) -> None:
        self._link = link
        self._terms = terms
        self._macros = macros
        self._loop = asyncio.get_running_loop()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._skipped = 0
        self._body_is_over = False
        self._edit_bytes = 0
        self.outcome = Outcome(self._loop.time())
        """Where things are noted."""
        self.options = Options(terms.version, 0, 0, {})
        """What the milter negotiated."""

    @property
    def now(self) -> float:
        """The time, as exchanges have it."""
        return self._loop.time()

    async def offer(self, offered: bytes) -> bytes:
        """Negotiate; the answer. Raises MilterLostError."""
        self._put(frame(command.OPTNEG, offered))
        await self._flush(command.OPTNEG)
        return await self._answer(command.OPTNEG)

    async def ask(self, code: int, data: bytes, about: bytes) -> bytes | None:
        """Send a command; the reply, None if none is due. Raises MilterLostError."""
        protocol = self.options.protocol
        if self.options.version < _SINCE.get(code, 0) or self._terms.version < _SINCE.get(code, 0):
            return None
        if code == self._skipped:
            return None
        self._skipped = 0
        self._put(self._macros.frame(code))
        if protocol & option.NOT_WANTED[code]:
            return None
        self._put(frame(code, data))
        if protocol & option.NO_REPLY[code]:
            if self._buffered >= _FLUSH:
                await self._flush(code)
            return None
        if self._link.has_frames:
            raise self.broken(f"said something before {command.NAMES[code]}, when no reply was due")
        await self._flush(code)
        return await self._answer(code, about)

    def _put(self, one: bytes) -> None:
        self._buffer.append(one)
        self._buffered += len(one)

    async def _flush(self, code: int) -> None:
        self._link.write(self._buffer)
        self._buffered = 0
        await self._link.drain(self._timeout(code))

    async def _answer(self, code: int, about: bytes = b"") -> bytes:
        """Wait for the reply, and take the edits before it."""
        now = self._loop.time()
        exchange = Exchange(code, about, now, now)
        self.outcome.exchanges.append(exchange)
        self._body_is_over, self._edit_bytes = False, 0
        within, what = self._timeout(code), f"to {command.NAMES[code]}"
        while True:
            exchange.ended, received = await self._link.receive(within, what)
            said = received[CODE]
            if said == reply.PROGRESS and len(received) == DATA:
                self._be_patient(exchange.ended)
            elif said in reply.EDITS:
                self._take(code, received)
            else:
                self._check(code, received)
                exchange.reply = received
                if said == reply.SKIP:
                    self._skipped = code
                return received

    def _be_patient(self, at: float) -> None:
        self._end_body()
        self.outcome.progress.append(at)
        if len(self.outcome.progress) > MOST_PROGRESS:
            raise self.broken(f"asks for patience more than {MOST_PROGRESS} times")

    def _check(self, code: int, received: bytes) -> None:
        said = received[CODE]
        name = reply.NAMES.get(said, f"the unknown code {said:#04x}")
        if (said == reply.OPTNEG) is not (code == command.OPTNEG) or (
            said not in reply.VERDICTS and said != reply.OPTNEG
        ):
            no_milter = "; is it a milter at all?" if code == command.OPTNEG else ""
            raise self.broken(f"answers {name} to {command.NAMES[code]}{no_milter}")
        if said in reply.WITHOUT_DATA and len(received) > DATA:
            raise self.broken(f"sends data with {name}")

    def _take(self, code: int, received: bytes) -> None:
        """An edit."""
        said = received[CODE]
        name = reply.NAMES[said]
        if said == reply.QUARANTINE:
            self.outcome.held = True
        if code != command.EOM and said != reply.QUARANTINE:
            raise self.broken(f"sends {name} before end of message")
        if code != command.EOM:
            self.outcome.problems.append(
                f"QUARANTINE at {command.NAMES[code]}: Postfix holds the message and shows it no more of it"
            )
        if said == reply.REPLBODY and self._body_is_over:
            raise self.broken("replaces the body in pieces with something between: for Postfix an error")
        if said != reply.REPLBODY:
            self._end_body()
        if not option.ACTION_OF_EDIT[said] & self.options.actions:
            problem = f"{name} was never negotiated: Postfix does it, mmx does not"
            if problem not in self.outcome.problems:
                self.outcome.problems.append(problem)
        self._edit_bytes += len(received) + OVERHEAD
        if self._edit_bytes > MOST_EDITS:
            raise self.broken(f"sends more than {MOST_EDITS >> 20} MiB of edits")
        self.outcome.edits.append(received)

    def _end_body(self) -> None:
        """Whatever comes after a piece of a replaced body ends that body (E8)."""
        edits = self.outcome.edits
        if edits and edits[-1][CODE] == reply.REPLBODY:
            self._body_is_over = True

    def put_abort(self) -> None:
        """Give the message up, with the next command."""
        self._put(frame(command.ABORT))

    def take_leave(self) -> None:
        """Say what Postfix says at the end of a session (S21)."""
        self._put(_FAREWELL)
        self._link.write(self._buffer)

    def close(self) -> None:
        """Go without a word."""
        self._buffer.clear()
        self._link.close()

    def _timeout(self, code: int) -> float:
        return self._terms.content_timeout if code in _CONTENT else self._terms.command_timeout

    def broken(self, why: str) -> MilterLostError:
        """It cannot go on with this milter."""
        self._link.close()
        return MilterLostError(Loss("frame", f"{self._link.name} {why}"))
