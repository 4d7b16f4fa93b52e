"""What a scrape reads from a running daemon."""

import time
from dataclasses import replace
from pathlib import Path

from mmx.aio.plan import make_chain
from mmx.aio.reading import read
from mmx.core.action import Loss
from mmx.observe.metrics import ChildReading, Reading
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.peers import CONTINUE, FakeChild, answer_continue, until
from tests.aio.test_sessions import Running, child_at


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


async def test_a_reload_is_followed(directory: Path, child: FakeChild) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        before = reading(running).settings_taken_at
        said = running.sessions.tally.children["child"].verdicts.numbers
        assert said["EOM", "continue"] == 1
        more = replace(running.settings, children=(*running.settings.children, child_at("unix:/new.sock")))
        running.sessions.change(more, make_chain(more), max_sessions=10)
        assert reading(running).settings_taken_at > before
        assert list(reading(running).children) == list(running.sessions.tally.children) == ["child", "new"]
        running.sessions.change(running.settings, make_chain(running.settings), max_sessions=10)
        assert list(running.sessions.tally.children) == ["child"]
        assert await mta.message() == CONTINUE
        assert said["EOM", "continue"] == 2


async def test_a_child_that_somebody_took_out(directory: Path, child: FakeChild) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        sidelines = running.sessions.sidelines
        sidelines.take_out("child", "disabled", "root", None)
        assert reading(running).children["child"].taken_out
        sidelines.put_back("child")
        assert not reading(running).children["child"].taken_out
        assert reading(running).spool_limit == running.settings.limits.max_spool
