"""Whole sessions: the real core between a real MTA link and real children."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mmx.aio.plan import make_chain
from mmx.aio.sessions import Sessions
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import ChildSettings, Condition, Limits, Settings
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.payload import encode_options
from tests.aio.peers import CONTINUE, MAIL, FakeChild, FakeMta, answer_continue, answer_declining, until

TEMPFAIL = frame(reply.TEMPFAIL)


class Running:
    """Sessions behind a unix socket."""

    def __init__(
        self,
        directory: Path,
        *children: str | ChildSettings,
        limits: Limits | None = None,
        most: int = 100,
        stressed_above: int = 80,
        conditions: tuple[tuple[str, Condition], ...] = (),
    ) -> None:
        self.path = directory / "mmx.sock"
        self.mtas: list[FakeMta] = []
        self.settings = Settings(
            children=tuple(child_at(one) if isinstance(one, str) else one for one in children),
            limits=limits or Limits(),
            spool_directory=str(directory),
            stressed_above=stressed_above,
            conditions=conditions,
        )
        self.sessions = Sessions(
            self.settings, make_chain(self.settings), max_sessions=most, loop=asyncio.get_running_loop()
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Running"]:
        loop = asyncio.get_running_loop()
        accept = partial(self.sessions.accept, "submission")
        server = await loop.create_unix_server(accept, self.path)
        try:
            yield self
        finally:
            server.close()
            await self.sessions.drain(0)
            for mta in self.mtas:
                await mta.close()

    async def mta(self) -> FakeMta:
        mta = await FakeMta.connect(self.path)
        self.mtas.append(mta)
        await mta.greet()
        return mta


def child_at(endpoint: str) -> ChildSettings:
    name = Path(endpoint).stem
    return ChildSettings(name, parse_endpoint(endpoint), connect_timeout=2.0)


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def is_refused(answer: bytes) -> bool:
    return answer == TEMPFAIL or answer[CODE:].startswith(b"y4")


ENVELOPE = [command.MAIL, command.RCPT, command.DATA]
CONTENT = [command.HEADER, command.EOH, command.BODY, command.EOM]


async def test_messages_pass(directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        mta = await running.mta()
        for _ in range(3):
            assert await mta.message() == CONTINUE
        await mta.send(frame(command.QUIT))
        assert await mta.hears_end()
        await mta.close()
        await until(lambda: len(running.sessions) == 0)
    seen = [code for code in child.commands if code != command.MACRO]
    message = [*ENVELOPE, *CONTENT]
    messages = [*message, command.ABORT, *message, command.ABORT, *message]
    assert seen == [command.OPTNEG, command.CONNECT, command.HELO, *messages, command.QUIT]
    lines = [record.message for record in caplog.records if record.message.startswith("message ")]
    assert len(lines) == 3
    assert "queue_id=4XyZ12" in lines[0]
    assert "verdict=accept" in lines[0]


async def test_names_join_log_lines(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Running(directory).serving() as running:
        for _ in range(2):
            mta = await running.mta()
            assert await mta.message() == CONTINUE
            await mta.close()
    names = re.findall(r"message session=([0-9a-f]{8}) ", caplog.text)
    assert len(names) == len(set(names)) == 2


async def test_byte_by_byte_in_both_directions(directory: Path, child: FakeChild) -> None:
    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        real = writer.write

        def slowly(data: bytes | bytearray | memoryview) -> None:
            for byte in bytes(data):
                real(bytes((byte,)))

        writer.write = slowly  # type: ignore[method-assign]
        await child.serve(reader, writer)

    child.on_connect = dribble
    async with Running(directory, child.endpoint).serving() as running:
        mta = await running.mta()
        for received in (MAIL, frame(command.RCPT, b"<r@example.org>\0")):
            for byte in received:
                await mta.send(bytes((byte,)))
                await asyncio.sleep(0)
            assert await mta.receive() == CONTINUE
        await mta.close()


async def test_a_whole_content_in_one_write(directory: Path, child: FakeChild) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        headers = [frame(command.HEADER, b"X\0%d\0" % number) for number in range(500)]
        end = (frame(command.EOH), frame(command.BODY, b"x\r\n"), frame(command.EOM))
        await mta.send(*headers, *end)
        assert await mta.receive() == CONTINUE
        assert [received for received in child.frames if received in headers] == headers
        await mta.close()


async def test_a_probe_leaves_no_trace(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Running(directory).serving() as running:
        mta = await FakeMta.connect(running.path)
        await until(lambda: len(running.sessions) == 1)
        await mta.close()
        await until(lambda: len(running.sessions) == 0)
    assert caplog.records == []


async def test_a_missing_child_defers_and_is_explained_once(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, f"unix:{directory}/none.sock").serving() as running:
        for _ in range(3):
            mta = await running.mta()
            assert is_refused(await mta.message())
            await mta.close()
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "ENOENT" in warnings[0]


async def test_a_death_is_told_once_and_the_return_once(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = directory / "scanner.sock"
    running = Running(directory, f"unix:{path}")
    async with running.serving():
        async with FakeChild(path) as scanner:
            talking = [await running.mta() for _ in range(3)]
            for mta in talking:
                assert await mta.envelope() == CONTINUE
            scanner.cut()
            for mta in talking:
                assert is_refused(await mta.content())
        path.unlink(missing_ok=True)
        for _ in range(4):
            assert is_refused(await (await running.mta()).message())
        async with FakeChild(path):
            for _ in range(2):
                assert await (await running.mta()).message() == CONTINUE
            for mta in running.mtas:
                await mta.close()
            await until(lambda: len(running.sessions) == 0)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line.split(" session=")[0].split(" child=")[0] for line in warnings] == [
        "child failed",
        "child is back",
    ]
    assert "messages=7: 7 messages took its default action tempfail" in warnings[1]


async def test_sessions_above_the_bound_are_answered(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, child.endpoint, most=1).serving() as running:
        first = await running.mta()
        assert await first.message() == CONTINUE
        for _ in range(2):
            second = await running.mta()
            assert is_refused(await second.message())
            await second.close()
        assert child.connections == 1
        assert await first.message() == CONTINUE
        await first.close()
        await until(lambda: len(running.sessions) == 0)
        third = await running.mta()
        assert await third.message() == CONTINUE
        await third.close()
    assert caplog.text.count("max_sessions") == 1


def holding(received: bytes) -> bytes | None:
    """A child that may change the body, so that the next one waits; silent at end of message."""
    if received[CODE] == command.OPTNEG:
        return frame(reply.OPTNEG, encode_options(6, option.CHGBODY, 0, {}))
    return None if received[CODE] == command.EOM else answer_continue(received)


async def test_a_full_spool_defers_and_frees(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    child.answer = holding
    limits = Limits(message_memory=1000, max_spool=100_000)
    async with FakeChild(directory / "second.sock") as second:
        running = Running(directory, child.endpoint, second.endpoint, limits=limits)
        async with running.serving():
            one, two, three = [await running.mta() for _ in range(3)]
            assert await one.envelope() == CONTINUE
            await one.send(frame(command.EOH), frame(command.BODY, b"x" * 60_000))
            await until(lambda: running.sessions.budget.used == 60_000)
            assert await two.envelope() == CONTINUE
            await two.send(frame(command.EOH), frame(command.BODY, b"y" * 60_000), frame(command.EOM))
            assert is_refused(await two.receive())
            await one.send(frame(command.BODY, b"x" * 40_000))
            await until(lambda: running.sessions.budget.is_exhausted)
            assert is_refused(await three.envelope())
            await one.close()
            await until(lambda: running.sessions.budget.used == 0)
            child.answer = answer_continue
            assert await three.message() == CONTINUE
            for mta in (two, three):
                await mta.close()
    assert "max_spool" in caplog.text


async def test_a_big_message_through_the_spool(directory: Path, child: FakeChild) -> None:
    child.answer = answer_declining(0)
    async with FakeChild(directory / "second.sock") as second:
        limits = Limits(message_memory=10_000)
        async with Running(directory, child.endpoint, second.endpoint, limits=limits).serving() as running:
            mta = await running.mta()
            assert await mta.message(3_000_000) == CONTINUE
            await mta.close()
            await until(lambda: running.sessions.budget.used == 0)
        for one in (child, second):
            bodies = [received[5:] for received in one.frames if received[CODE] == command.BODY]
            assert b"".join(bodies) == b"x" * 3_000_000


async def test_a_child_that_stops_reading_holds_the_mta_back(directory: Path, child: FakeChild) -> None:
    """It declines replies to the body, so nothing but its socket says that it is slow."""
    reading = asyncio.Event()
    reading.set()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await child.serve(reader, writer, reading.wait)

    child.on_connect = slow
    child.answer = answer_declining(option.NR_HDR | option.NR_EOH | option.NR_BODY)
    limits = Limits(message_memory=1 << 20)
    async with Running(directory, child.endpoint, limits=limits).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        reading.clear()
        talk = asyncio.create_task(mta.content(8_000_000))
        done, _ = await asyncio.wait([talk], timeout=0.2)
        reading.set()
        assert not done
        assert await talk == CONTINUE
        await mta.close()


async def test_a_session_knows_its_listener_and_whether_many_were_open(directory: Path) -> None:
    async with Running(directory, most=4, stressed_above=50).serving() as running:
        for expected in (False, False, False, True):
            before = set(running.sessions.open_sessions())
            await running.mta()
            (new,) = set(running.sessions.open_sessions()) - before
            assert (new.state.listener, new.state.stressed) == ("submission", expected)


async def test_a_reload_holds_from_the_next_message(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    async with FakeChild(directory / "second.sock") as second, running.serving():
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        new = replace(running.settings, children=(child_at(second.endpoint),))
        running.sessions.change(new, make_chain(new), max_sessions=100)
        assert await mta.content() == CONTINUE
        assert second.connections == 0
        assert await mta.message() == CONTINUE
        assert second.connections == 1
        await until(lambda: child.closed == 1)
        await mta.close()


async def test_knowledge_of_a_child_that_moved_is_forgotten(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    async with running.serving():
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        await mta.close()
        assert running.sessions.knowledge.of("child") is not None
        moved = ChildSettings("child", parse_endpoint("unix:/elsewhere"))
        new = replace(running.settings, children=(moved,))
        running.sessions.change(new, make_chain(new), max_sessions=100)
        assert running.sessions.knowledge.of("child") is None


async def test_drain_lets_messages_end(directory: Path, child: FakeChild) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        idle, busy = await running.mta(), await running.mta()
        assert await idle.message() == CONTINUE
        assert await busy.envelope() == CONTINUE
        drained = asyncio.create_task(running.sessions.drain(10.0))
        assert await idle.hears_end()
        assert not drained.done()
        assert await busy.content() == CONTINUE
        assert await busy.hears_end()
        await drained
        for mta in (idle, busy):
            await mta.close()


async def test_drain_does_not_wait_for_ever(
    directory: Path, child: FakeChild, time_unit: float, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, child.endpoint).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        await running.sessions.drain(0.05 * time_unit)
        assert await mta.hears_end()
        await mta.close()
    assert "1 sessions were still open" in caplog.text


async def test_timeouts_open_the_breaker(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture, time_unit: float
) -> None:
    child.answer = lambda received: None
    running = Running(directory, child.endpoint)
    slow = replace(running.settings.children[0], connect_timeout=0.1 * time_unit)
    settings = replace(running.settings, children=(slow,))
    running.sessions.change(settings, make_chain(settings), max_sessions=100)
    async with running.serving():
        for _ in range(3):
            mta = await running.mta()
            assert is_refused(await mta.message())
            await mta.close()
            if running.sessions.reach.is_down(running.sessions.chain.children[0]):
                break
        connections = child.connections
        mta = await running.mta()
        assert is_refused(await mta.message())
        await mta.close()
        assert child.connections == connections
    assert "reason=breaker" in caplog.text
