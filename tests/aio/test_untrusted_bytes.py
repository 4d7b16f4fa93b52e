"""Whatever bytes Postfix and a child send: the log has no traceback, and no line that they forged."""

import asyncio
import json
import logging
import operator
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from mmx.aio.plan import make_chain
from mmx.aio.sessions import Sessions
from mmx.observe.log import JsonFormatter, PlainFormatter
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import ChildSettings, Settings
from mmx.wire import command, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.payload import encode_connection
from tests.aio.peers import CONTINUE, MAIL, OPTNEG, FakeChild, answer_continue, until

CONNECT = frame(command.CONNECT, encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7"))
RCPT = frame(command.RCPT, b"<r@example.org>\0")
START = [OPTNEG, CONNECT, frame(command.HELO, b"mail\0")]
MESSAGE = [MAIL, RCPT, frame(command.DATA), frame(command.EOH), frame(command.EOM)]
LEGAL = [*START, *MESSAGE, frame(command.ABORT)]
TURNS = 150
"""Turns of the event loop in which what was sent has its effects."""

texts = st.sampled_from([b"", b"\0", b"a\0", b"a\0b\0", b"\xff\0", b"\n\x1b[2J\0", b"%s%d{}\0", b"<a>\0"])
data = texts | st.binary(max_size=40)


def sent_with(codes: list[int]) -> st.SearchStrategy[bytes]:
    """A packet with one of these codes, or bytes that are none."""
    return st.builds(frame, st.sampled_from(codes) | st.integers(0, 255), data) | st.binary(max_size=20)


starts = st.sampled_from([[], START, [*START, *MESSAGE[:3]], [*START, *MESSAGE]])
commands = st.lists(st.sampled_from(LEGAL) | sent_with(sorted(command.NAMES)), max_size=8)
answers = st.lists(st.none() | sent_with(sorted(reply.NAMES)), max_size=12)


class Kept(logging.Handler):
    """Every record of mmx, at every level."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


async def play(directory: Path, from_mta: list[bytes], from_child: list[bytes | None]) -> None:
    """One session: the MTA sends all it has and goes; the child has an answer for each packet, then none."""
    left = iter(from_child)

    def answer(received: bytes) -> bytes | None:
        if received[CODE] == command.OPTNEG:
            return answer_continue(received)
        return next(left, None)

    async with FakeChild(directory / "child.sock", answer) as child:
        endpoint = parse_endpoint(child.endpoint)
        settings = Settings(children=(ChildSettings("child", endpoint),), spool_directory=str(directory))
        loop = asyncio.get_running_loop()
        sessions = Sessions(settings, make_chain(settings), max_sessions=10, loop=loop)
        server = await loop.create_unix_server(sessions.accept, directory / "mmx.sock")
        reader, writer = await asyncio.open_unix_connection(directory / "mmx.sock")
        writer.write(b"".join(from_mta))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        writer.close()
        server.close()
        await sessions.drain(0)
        await until(lambda: len(sessions) == 0)
        del reader


@given(st.builds(operator.add, starts, commands), answers)
@example(
    [*START, *MESSAGE], [*[CONTINUE] * 6, frame(reply.QUARANTINE, b"\n\0") + frame(reply.ADDHEADER, b"\n\0")]
)
@example([*START, *MESSAGE], [b"\0\0\0\0"])
def test_no_traceback_and_no_forged_line(from_mta: list[bytes], from_child: list[bytes | None]) -> None:
    kept, logger = Kept(), logging.getLogger("mmx")
    level = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    try:
        with tempfile.TemporaryDirectory(prefix="mmx-") as directory:
            asyncio.run(play(Path(directory), from_mta, from_child))
    finally:
        logger.removeHandler(kept)
        logger.setLevel(level)
    for record in kept.records:
        line = PlainFormatter().format(record)
        assert record.exc_info is None, line
        assert line.isprintable()
        assert "internal error" not in line
        assert json.loads(JsonFormatter().format(record))["text"]
