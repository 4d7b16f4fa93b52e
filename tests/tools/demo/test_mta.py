"""The MTA of the demonstration against a scripted mmx: it must do with replies what Postfix does."""

import asyncio
from pathlib import Path

import pytest

from mmx.tools.demo.mta import Message, Outcome, deliver
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, FrameSplitter, frame
from tests.aio.peers import until

MAIL = Message("<a@example.net>", ("<b@example.org>",), (("Subject", " x"), ("X", " 1")), ("one",))
CONTINUE = frame(reply.CONTINUE)
STREAMED = option.NR_HDR | option.NR_EOH | option.NR_BODY | option.HDR_LEADSPC
NO_REPLY = {command.MACRO, command.HEADER, command.EOH, command.BODY, command.ABORT, command.QUIT}


class Script(asyncio.Protocol):
    """Answers continue, unless the table says otherwise; an empty answer closes the connection."""

    def __init__(self, answers: dict[int, list[bytes]], heard: list[str]) -> None:
        self._answers = answers
        self._heard = heard
        self._splitter = FrameSplitter(65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for received in self._splitter.feed(data):
            code = received[CODE]
            self._heard.append(command.NAMES[code])
            if code == command.OPTNEG:
                options = payload.encode_options(6, option.ALL_ACTIONS, STREAMED, {})
                self._transport.write(frame(reply.OPTNEG, options))
            elif code not in NO_REPLY:
                answer = self._answers.get(code, [CONTINUE])
                self._transport.write(b"".join(answer))
                if not answer:
                    self._transport.close()


async def play(
    tmp_path: Path, answers: dict[int, list[bytes]], patience: float = 30.0
) -> tuple[Outcome, list[str]]:
    heard: list[str] = []
    path = tmp_path / "mmx.sock"
    server = await asyncio.get_running_loop().create_unix_server(lambda: Script(answers, heard), str(path))
    async with server:
        outcome = await deliver(MAIL, path, patience)
        await until(lambda: heard[-1] == "QUIT" or outcome.exchanges[-1].smtp.startswith("451"))
    return outcome, [name for name in heard if name != "MACRO"]


def header(code: int, position: int, name: bytes, value: bytes) -> bytes:
    return frame(code, payload.encode_indexed_header(position, name, value))


async def test_order_of_commands(tmp_path: Path) -> None:
    outcome, heard = await play(tmp_path, {})
    assert heard[:-3] == [
        *("OPTNEG", "CONNECT", "HELO", "MAIL", "RCPT", "DATA", "HEADER", "HEADER", "EOH", "BODY", "EOM"),
    ]
    assert outcome.delivered == MAIL.lines()


async def test_edits_are_applied_as_postfix_does(tmp_path: Path) -> None:
    edits = [
        header(reply.CHGHEADER, 1, b"x", b" 2"),
        header(reply.INSHEADER, 0, b"Top", b" t"),
        frame(reply.ADDHEADER, payload.encode_strings(b"End", b" e")),
        frame(reply.REPLBODY, b"new\r"),
        frame(reply.REPLBODY, b"\nbody"),
    ]
    outcome, _ = await play(tmp_path, {command.EOM: [*edits, CONTINUE]})
    assert outcome.delivered == ["Top: t", "Subject: x", "x: 2", "End: e", "", "new", "body"]


@pytest.mark.parametrize(
    ("code", "answer", "smtp", "last"),
    [
        (command.MAIL, [frame(reply.REJECT)], "550 5.7.1 Command rejected", "MAIL"),
        (command.RCPT, [frame(reply.REPLYCODE, b"450 4.2.0 no\0")], "450 4.2.0 no", "RCPT"),
        (command.DATA, [frame(reply.TEMPFAIL)], "451 4.7.1 Service unavailable - try again later", "DATA"),
        (command.EOM, [frame(reply.SHUTDOWN)], "421 4.7.0 Server closing connection", "EOM"),
        (command.EOM, [], "451 4.7.1 Service unavailable - try again later", "EOM"),
    ],
)
async def test_refusals(tmp_path: Path, code: int, answer: list[bytes], smtp: str, last: str) -> None:
    outcome, heard = await play(tmp_path, {code: answer})
    assert outcome.exchanges[-1].smtp == smtp
    assert outcome.delivered is None
    assert [name for name in heard if name not in ("ABORT", "QUIT")][-1] == last


async def test_progress_is_waited_through_and_silence_is_not(tmp_path: Path) -> None:
    outcome, _ = await play(tmp_path, {command.EOM: [frame(reply.PROGRESS), frame(reply.PROGRESS), CONTINUE]})
    assert len(outcome.keep_alives) == 2
    assert outcome.exchanges[-1].smtp == "250 2.0.0 Ok: queued"
    silent, _ = await play(tmp_path, {command.EOM: [frame(reply.PROGRESS)]}, patience=0.05)
    assert silent.exchanges[-1].smtp.startswith("451")
