"""What is told of one open session."""

from pathlib import Path

from mmx.aio.open_sessions import session_status
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.peers import CONTINUE, FakeChild, answer_continue, until
from tests.aio.test_sessions import Running


async def test_a_session_that_waits(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    child.answer = lambda received: None if received[CODE] == command.EOM else answer_continue(received)
    async with running.serving():
        mta = await running.mta()
        (driver,) = running.sessions.drivers
        before = session_status(driver, running.sessions.now)
        assert (before.client, before.stage) == ("mail.example.net[192.0.2.7]", "between messages")
        assert (before.queue_id, before.message_age, before.waits_for) == ("", None, ())
        assert await mta.envelope() == CONTINUE
        await mta.send(frame(command.EOH), frame(command.EOM))
        await until(lambda: session_status(driver, running.sessions.now).stage == "end of message")
        told = session_status(driver, running.sessions.now + 1.0)
        assert told.queue_id == "4XyZ12"
        assert told.age >= (told.message_age or 0.0) >= 1.0
        ((name, seconds),) = told.waits_for
        assert name == "child"
        assert seconds >= 1.0
