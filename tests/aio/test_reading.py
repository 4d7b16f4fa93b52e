"""What a scrape reads from a running daemon."""

import time
from pathlib import Path

from mmx.aio.reading import read
from mmx.core.action import Loss
from mmx.observe.metrics import ChildReading, Reading
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.peers import CONTINUE, FakeChild, answer_continue, until
from tests.aio.test_sessions import Running


def reading(running: Running) -> Reading:
    return read(running.sessions, settings_good=False)


async def test_sessions_and_waits(directory: Path, child: FakeChild) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        assert reading(running).children == {"child": ChildReading(up=False)}, "nobody has met it yet"
        mtas = [await running.mta() for _ in range(2)]
        assert await mtas[0].envelope() == CONTINUE
        child.answer = lambda received: None if received[CODE] == command.EOM else answer_continue(received)
        await mtas[0].send(frame(command.EOH), frame(command.BODY, b"x" * 5000), frame(command.EOM))
        await until(lambda: reading(running).children["child"].oldest_wait > 0)
        now = reading(running)
        assert (now.sessions, now.spool_bytes) == (2, 5000)
        assert (now.loop_lag, now.settings_good) == (running.sessions.lag.worst, False)
        assert time.time() - 60 < now.settings_taken_at <= time.time()
        assert (now.children["child"].up, now.children["child"].sessions) == (True, 2)
        assert now.version


async def test_a_child_that_is_gone_and_back(directory: Path, child: FakeChild) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        (plan,) = running.sessions.chain.children
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        running.sessions.greeted(plan, Loss("refused", "nobody listens"))
        assert not reading(running).children["child"].up
        other = await running.mta()
        assert await other.message() == CONTINUE
        assert reading(running).children["child"].up
