"""Children that sessions wait for."""

import asyncio
from pathlib import Path

import pytest

from mmx.aio.throttle import Throttle
from mmx.aio.waits import SlowWatch, waits_of
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.peers import CONTINUE, FakeChild, answer_continue, until
from tests.aio.test_sessions import Running


def silent_at_the_end(received: bytes) -> bytes | None:
    return None if received[CODE] == command.EOM else answer_continue(received)


async def test_who_is_connected_and_who_waits(directory: Path, child: FakeChild) -> None:
    child.answer = silent_at_the_end
    async with Running(directory, child.endpoint).serving() as running:
        assert waits_of(running.sessions.open_sessions()) == {}
        mtas = [await running.mta() for _ in range(2)]
        for mta in mtas:
            assert await mta.envelope() == CONTINUE
        await mtas[0].send(frame(command.EOH), frame(command.EOM))
        await until(lambda: waits_of(running.sessions.open_sessions())["child"].waiting == 1)
        waits = waits_of(running.sessions.open_sessions())["child"]
        assert waits.connected == 2
        assert waits.oldest(waits.since + 3.0) == 3.0
        assert waits.oldest(waits.since - 1.0) == 0.0


async def test_a_slow_child_is_logged_while_it_is_waited_for(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    child.answer = silent_at_the_end
    async with Running(directory, child.endpoint).serving() as running:
        watch = running.sessions.slow_watch
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        watch.start(0.01)
        await asyncio.sleep(0)
        await mta.send(frame(command.EOH), frame(command.EOM))
        await until(lambda: "child is slow child=child" in caplog.text)
        watch.look()
        assert caplog.text.count("child is slow") == 1
        assert "waiting=1 seconds=0.0" in caplog.text
        watch.stop()


async def test_nobody_is_slow_before_the_limit(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    child.answer = silent_at_the_end
    async with Running(directory, child.endpoint).serving() as running:
        watch = SlowWatch(running.sessions.open_sessions, Throttle(60.0), asyncio.get_running_loop())
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        await mta.send(frame(command.EOH), frame(command.EOM))
        await until(lambda: waits_of(running.sessions.open_sessions())["child"].waiting == 1)
        watch.slow_after = 3600.0
        watch.look()
        assert "child is slow" not in caplog.text
