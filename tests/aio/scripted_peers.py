"""The children and the MTA of a scripted run (scripted_run.py)."""

import asyncio
import re
from pathlib import Path
from typing import Final

from mmx.wire import command, reply
from mmx.wire.framing import CODE, FrameSplitter, frame
from mmx.wire.payload import encode_connection, encode_options
from tests.aio.peers import CONTINUE, LIMIT, OPTNEG, FakeMta
from tests.aio.scripted_run import (
    DIE,
    EDITS,
    GARBAGE,
    LARGE,
    OPTIONS,
    PARTNER,
    SAYS,
    Run,
    SessionPlan,
    outcome,
)

_ANSWERS: Final = frame(reply.OPTNEG, encode_options(*OPTIONS, {}))
_UNASKED: Final = frozenset({command.MACRO, command.ABORT, command.QUIT, command.QUIT_NC})
_CONTENT: Final = frozenset({command.HEADER, command.EOH, command.BODY, command.EOM})
_PLACE: Final = re.compile(rb"m(\d+)\.s(\d+)@|\.s(\d+)\.")


class ScriptedConnection:
    """One session as a child sees it."""

    def __init__(self, name: str, run: Run, writer: asyncio.StreamWriter) -> None:
        self._name = name
        self._run = run
        self._writer = writer
        self._session = 0
        self._message = 0
        self._is_out = False
        """It gave an early verdict and answers no more of this message."""

    def take(self, received: bytes) -> None:
        """Answer one command."""
        code = received[CODE]
        if code == command.OPTNEG:
            self._writer.write(_ANSWERS)
            return
        self._find_place(code, received)
        if code in _UNASKED or (self._is_out and code in _CONTENT):
            return
        self._run.replied(self._name, self._session, code)
        deed = self._run.deed(self._name, self._session, self._message, code)
        if code == command.RCPT and b"<r0@" not in received:
            deed = ""
        if deed in (DIE, GARBAGE):
            self._run.failed(self._name, code, deed)
            if deed == DIE:
                self._writer.close()
            else:
                self._writer.write(frame(0x5A))
            self._is_out = True
            return
        self._say(code, deed or "continue")

    def _find_place(self, code: int, received: bytes) -> None:
        if code in (command.CONNECT, command.MAIL):
            match = _PLACE.search(received)
            assert match is not None
            self._session = int(match[2] or match[3])
            self._message = int(match[1] or 0)
            self._is_out = False

    def _say(self, code: int, word: str) -> None:
        run = self._run
        run.said(self._name, code, word)
        kinds: tuple[str, ...] = ()
        if code == command.EOM and word in ("continue", "accept", "quarantine"):
            kinds = run.plans[self._session].messages[self._message - 1].edits.get(self._name, ())
            run.edited(self._name, self._session, (*kinds, *([word.upper()] * (word == "quarantine"))))
        self._is_out = word != "continue" and code in _CONTENT
        self._writer.write(b"".join(EDITS[kind] for kind in kinds) + SAYS[word])


class ObservingConnection:
    """One message as the child that observes sees it: every other one is refused at its end."""

    def __init__(self, name: str, run: Run, writer: asyncio.StreamWriter) -> None:
        self._run = run
        self._writer = writer
        self._number = 0

    def take(self, received: bytes) -> None:
        """Answer one command."""
        code = received[CODE]
        if code == command.OPTNEG:
            self._writer.write(_ANSWERS)
        elif code == command.MAIL:
            match = _PLACE.search(received)
            self._number = int(match[2]) if match is not None else 0
            self._writer.write(CONTINUE)
        elif code == command.EOM:
            word = "reject" if self._number % 2 else "continue"
            self._run.observed(word)
            self._writer.write(SAYS[word])
        elif code not in _UNASKED:
            self._writer.write(CONTINUE)


class ScriptedServer:
    """A child on a unix socket."""

    def __init__(self, directory: Path, name: str, run: Run, *, observes: bool = False) -> None:
        self._path = directory / f"{name}.sock"
        self._name = name
        self._run = run
        self._kind = ObservingConnection if observes else ScriptedConnection
        self.open = 0

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    def close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        connection = self._kind(self._name, self._run, writer)
        splitter = FrameSplitter(LIMIT)
        try:
            while data := await reader.read(65536):
                for received in splitter.feed(data):
                    connection.take(received)
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.open -= 1


async def play(run: Run, number: int, path: Path) -> None:
    """One session of the MTA, as it was drawn."""
    plan = run.plans[number]
    mta = await FakeMta.connect(path)
    run.connected(probe=plan.probe)
    if not plan.probe and await _greets(run, number, mta):
        await _asks(run, number, plan, mta)
        for message in range(1, len(plan.messages) + 1):
            await _message(run, number, message, mta)
    if plan.says_quit:
        await mta.send(frame(command.QUIT))
        assert await mta.hears_end()
    await mta.close()
    run.closed(number)


async def _greets(run: Run, number: int, mta: FakeMta) -> bool:
    """Whether the client was let in."""
    await mta.ask(OPTNEG)
    await mta.send(frame(command.MACRO, b"Cj\0mx.example.org\0v\0Postfix 3.7.11\0"))
    host = b"mail.s%d.example.net" % number
    for received in (
        frame(command.CONNECT, encode_connection(host, b"4", 2525, b"192.0.2.7")),
        frame(command.HELO, host + b"\0"),
    ):
        if await mta.ask(received) != CONTINUE:
            deed = run.plans[number].greeting
            assert deed is not None
            run.ended(number, deed.what)
            return False
    return True


async def _asks(run: Run, number: int, plan: SessionPlan, mta: FakeMta) -> None:
    if plan.unknown is not None:
        answer = await mta.ask(frame(command.UNKNOWN, b"NONSENSE\0"))
        assert (answer == CONTINUE) == (plan.unknown.what == "continue")


async def _message(run: Run, number: int, message: int, mta: FakeMta) -> None:
    plan = run.plans[number].messages[message - 1]
    domain = PARTNER if plan.partner else "example.net"
    run.began(plan)
    sender = f"<m{message}.s{number}@{domain}>\0".encode()
    passed = await mta.ask(frame(command.MAIL, sender)) == CONTINUE
    if passed:
        recipients = [frame(command.RCPT, b"<r%d@example.org>\0" % one) for one in range(plan.recipients)]
        answers = [await mta.ask(received) for received in recipients]
        passed = CONTINUE in answers
    if plan.given_up:
        await mta.send(frame(command.ABORT))
        await mta.send(frame(command.MACRO, b"Mi\0x\0"))
        run.ended(number, "aborted")
        return
    if passed and await mta.ask(frame(command.DATA)) == CONTINUE:
        size = LARGE if plan.large else 100
        run.sent(number, size)
        content = (
            frame(command.HEADER, b"Subject\0 x\0"),
            frame(command.EOH),
            frame(command.BODY, b"x" * size),
        )
        await mta.send(*content, frame(command.EOM))
        while (await mta.receive())[CODE] not in reply.VERDICTS:
            pass
    else:
        await mta.send(frame(command.ABORT))
    run.ended(number, outcome(plan), plan.deed.child if plan.deed is not None else "")
